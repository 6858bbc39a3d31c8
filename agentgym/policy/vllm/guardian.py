"""Runs a command and ends it, with all its descendants, when this process loses its parent.

    python guardian.py COMMAND ...

The parent holds the other end of our standard input and never writes: when it dies, however it
dies, we read the end of the file. The command gets a session, and so a process group, of its own.
"""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
from contextlib import suppress

PR_SET_PDEATHSIG = 1
GRACE = 15.0  # seconds between asking and killing


def main(command: list[str]) -> int:
    """Run ``command`` until it ends or the parent is gone; returns its exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_guardian if sys.platform == "linux" else None,  # noqa: PLW1509  no threads
    )
    try:
        with selectors.DefaultSelector() as waiting:
            waiting.register(sys.stdin, selectors.EVENT_READ)
            while child.poll() is None:
                if waiting.select(timeout=0.5) and not os.read(sys.stdin.fileno(), 1):
                    break
    finally:
        _end(child)
    return child.returncode


def _end_with_guardian() -> None:
    """In the child: the kernel sends SIGTERM when the guardian itself is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(child: subprocess.Popen[bytes]) -> None:
    for last_word in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, last_word)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE)
    with suppress(ProcessLookupError):  # descendants that outlived the command itself
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
