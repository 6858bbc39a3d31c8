"""The temporary folder of a server that we start; it outlives the server's processes, not ours.

The supervisor of the server process that was started last owns the folder and removes it when its
client (our process) is gone. When a server has died, the owner file goes to the new supervisor
before the old one ends, so the files survive.
"""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path
from tempfile import mkdtemp


class ServerFolder:
    """A temporary folder and its owner file, which lies beside it."""

    def __init__(self) -> None:
        """Create the folder, empty."""
        self._root = Path(mkdtemp(prefix="agentgym-mcp-"))
        self._owner_file: Path | None = None
        self._numbers = count()
        self.path = self._root / "files"
        """The server's files."""
        self.path.mkdir()

    def transfer(self) -> Path:
        """The owner file for a new supervisor; the previous supervisor owns the folder no more."""
        owner_file = self._root / f"owner-{next(self._numbers)}"
        if self._owner_file is None:
            owner_file.touch()
        else:
            self._owner_file.rename(owner_file)
        self._owner_file = owner_file
        return owner_file

    def remove(self) -> None:
        """Remove the folder, for the case that no supervisor has started that would."""
        shutil.rmtree(self._root, ignore_errors=True)
