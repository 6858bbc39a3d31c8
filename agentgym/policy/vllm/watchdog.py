"""Ends processes that carry a mark when this process loses its parent, or is told to.

    python watchdog.py MARK

The parent holds the other end of our standard input and never writes: when it dies, however it
dies, we read the end of the file. The mark is the name of an environment variable. It is inherited,
so it finds the descendants of marked processes too, and those that nobody had time to tell us of.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

import psutil  # type: ignore[import-untyped]

ROUND = 0.2  # seconds; a process that is being killed may just have started another


@contextmanager
def watched() -> Iterator[str]:
    """A mark: processes that carry it do not outlive the block, nor this process."""
    mark = f"AGENTGYM_{uuid4().hex}"
    command = [sys.executable, __file__, mark]
    # A session of its own: the terminal's interrupt is for the parent.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield mark


def main(mark: str) -> None:
    """Wait for the end of the standard input, then kill until nothing carries ``mark``."""
    sys.stdin.read()
    while marked := _marked(mark):
        for process in marked:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(marked, timeout=ROUND)


def _marked(mark: str) -> list[psutil.Process]:
    found = psutil.process_iter(["environ"])
    return [process for process in found if mark in (process.info["environ"] or ())]


if __name__ == "__main__":
    main(sys.argv[1])
