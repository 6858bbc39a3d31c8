"""Runs a command and ends it, with all its descendants, when its client closes a pipe or dies.

    python supervisor.py work COMMAND ...             its input is empty; we end when it ends
    python supervisor.py talk OWNER_FILE COMMAND ...  it uses our standard input and output

The client, which started us, holds the other end of our standard input. When that end is closed,
on purpose or because the client was killed, the kernel reports a hang-up, even if there is input
left to read. The command has its own session, and so its own process group. We use only the
standard library: ``python -I -S`` starts in milliseconds.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
GRACE = 15.0  # seconds between asking a worker to end and killing it
SHORT_GRACE = 0.4  # seconds of it for a talker; the MCP SDK gives us 2 s for all
COURTESY = 0.4  # seconds for what has been told of the end in another way to end by itself

Child = subprocess.Popen[bytes]


def work(command: list[str]) -> int | None:
    """Run a command until it ends or the client is gone; its exit status."""
    child = _started(command, subprocess.DEVNULL, last_word=signal.SIGTERM)
    try:
        while child.poll() is None and not _hung_up(0.5):
            pass
    finally:
        _end(child, 0.0, GRACE)
    return child.returncode


def talk(owner_file: Path, command: list[str]) -> None:
    """Run a command until the client is gone; then, if the owner file exists, remove its folder.

    When the command dies by itself we end its descendants and stay, because we still own the
    folder, which ``agentgym/mcp/server_folder.py`` made.
    """
    try:
        child = _started(command, None, last_word=signal.SIGKILL)
        try:
            # Its death must end what the client reads, and it must not stay a zombie.
            signal.signal(signal.SIGCHLD, lambda *_: _bury(child))
            _bury(child)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            _hung_up(None)
        finally:
            _end(child, COURTESY, SHORT_GRACE)
    finally:
        if owner_file.exists():
            shutil.rmtree(owner_file.parent, ignore_errors=True)


def _started(command: list[str], stdin: int | None, last_word: signal.Signals) -> Child:
    """Start it; the kernel sends it the last word when we are killed."""

    def end_with_us() -> None:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, last_word)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return subprocess.Popen(
            command,
            stdin=stdin,
            start_new_session=True,
            preexec_fn=end_with_us if sys.platform == "linux" else None,  # noqa: PLW1509  no threads
        )
    except OSError as error:
        sys.exit(f"cannot start it: {error}")


def _hung_up(seconds: float | None) -> bool:
    """Wait, at most so long, until the client is gone; whether it is."""
    poll = select.poll()
    poll.register(0, 0)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


def _bury(child: Child) -> None:
    """Once it is dead, end its descendants, which may have its output open."""
    if child.poll() is not None:
        _signal(child, signal.SIGKILL)


def _end(child: Child, courtesy: float, grace: float) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(subprocess.TimeoutExpired):
        child.wait(courtesy)
    for word in (signal.SIGTERM, signal.SIGKILL):
        _signal(child, word)
        with suppress(subprocess.TimeoutExpired):
            child.wait(grace)
        # Such as Python's resource tracker, which clears up behind the command.
        last_moment = time.monotonic() + COURTESY
        while _signal(child, 0) and time.monotonic() < last_moment:
            time.sleep(0.01)


def _signal(child: Child, number: int) -> bool:
    """To the command and its descendants, also when it has ended itself; whether any is left."""
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    if sys.argv[1] == "work":
        sys.exit(work(sys.argv[2:]))
    talk(Path(sys.argv[2]), sys.argv[3:])
