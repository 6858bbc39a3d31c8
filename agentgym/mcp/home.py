"""The folder of a server of ours, which outlives its processes but not us.

Whoever has the deed removes the folder: the supervisor of the process that was started last, once
its client, which is us, has let go of it. A server that has died is replaced without losing its
files because the deed has gone to the new supervisor before the old one is let go.
"""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path
from tempfile import mkdtemp


class Home:
    """A temporary folder and its deed, a file beside it."""

    def __init__(self) -> None:
        """Make the folder, empty."""
        self._root = Path(mkdtemp(prefix="agentgym-mcp-"))
        self._deed: Path | None = None
        self._numbers = count()
        self.folder = self._root / "files"
        """The server's files."""
        self.folder.mkdir()

    def hand_over(self) -> Path:
        """The deed for a new supervisor; that of the one before is void."""
        deed = self._root / f"deed-{next(self._numbers)}"
        if self._deed is None:
            deed.touch()
        else:
            self._deed.rename(deed)
        self._deed = deed
        return deed

    def remove(self) -> None:
        """Where perhaps no supervisor has started that would."""
        shutil.rmtree(self._root, ignore_errors=True)
