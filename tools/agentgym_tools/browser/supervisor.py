"""Clears up after a browser whose owner died: ends its processes, removes its folder.

    python supervisor.py FOLDER

The owner holds the other end of our standard input and never writes: when it ends, however it
ends, we read the end of the file. The processes of the browser are those that have the folder in
their environment, where its owner put it as TMPDIR.
"""

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

GRACE = 5.0  # seconds that the browser has to end by itself
PATIENCE = 60.0  # seconds that it takes at most to end it, on a machine that is busy


def main(folder: str) -> None:
    """Wait for the owner's end, then clear up."""
    with suppress(KeyboardInterrupt):
        os.read(sys.stdin.fileno(), 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    deadline = time.monotonic() + GRACE
    while processes(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    deadline = time.monotonic() + PATIENCE
    while Path(folder).exists() and time.monotonic() < deadline:
        for process in processes(folder):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)  # a dying process may still write
        time.sleep(0.05)


def processes(folder: str) -> list[int]:
    """Ids of the processes of this folder's browser; none where there is no /proc."""
    mark = f"TMPDIR={folder}\0".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (entry / "environ").read_bytes() and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


if __name__ == "__main__":
    main(sys.argv[1])
