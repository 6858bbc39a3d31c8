"""The drive's database and tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from pydantic import JsonValue

from agentgym.tools.tool import tool
from agentgym_envs.tooluse.domain import Domain, NotPossible, find

TODAY = "2025-06-16"
POLICY = f"""You look after a shared drive with the tools. Today is {TODAY}. Rules:
- Get the info of a file before you move it, write to it or delete it.
- Locked files are not moved, written to or deleted. Decline: locked.
- Files that belong to somebody else than the writer are not either. Decline: owner. Where both \
hold, decline: locked.
- Before you delete a file, copy it to the folder /backup under its own name.
- Where a wish is about several files, decline those that the rules protect and do the rest.
- Decline by the tool, with the path.
You can make several calls in one message. Say what the writer wants to know when you are done, in \
a message without calls."""


@dataclass(frozen=True)
class File:
    """A text file."""

    path: str
    owner: str
    text: str
    modified: str = field(compare=False)
    """The day."""
    kilobytes: int = field(compare=False)
    locked: bool = False

    @property
    def name(self) -> str:
        """The part after the last slash."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The part before the last slash."""
        return self.path.rpartition("/")[0]


@dataclass(eq=False)
class Drive(Domain):
    """Tables and tools; ``wishes.py`` fills the tables."""

    policy: ClassVar[str] = POLICY
    distractors: ClassVar[int] = 4

    files: dict[str, File] = field(default_factory=dict)

    def known(self) -> Mapping[str, Sequence[JsonValue]]:
        """See :class:`Domain`."""
        return {
            "path": list(self.files),
            "to": ["/backup/" + file.name for file in self.files.values()],
            "folder": sorted({file.folder for file in self.files.values()}),
            "words": [file.name for file in self.files.values()],
            "line": ["a line"],
            "text": ["a text"],
        }

    @tool
    def list_folder(self, folder: str) -> list[str]:
        """List the files of a folder."""
        wanted = folder.rstrip("/")
        return [file.name for file in self.files.values() if file.folder == wanted]

    @tool
    def find_files(self, words: str) -> list[str]:
        """Paths of the files whose path or text holds some words."""
        wanted = words.casefold()
        return [
            file.path
            for file in self.files.values()
            if wanted in file.path.casefold() or wanted in file.text.casefold()
        ]

    @tool
    def read_file(self, path: str) -> str:
        """Read a file."""
        return find(self.files, path, "file").text

    @tool
    def file_info(self, path: str) -> dict[str, Any]:
        """Owner, day of the last change, size and lock of a file."""
        file = find(self.files, path, "file")
        self.checked.add(path)
        return {
            "owner": file.owner,
            "modified": file.modified,
            "kilobytes": file.kilobytes,
            "locked": file.locked,
        }

    @tool
    def copy_file(self, path: str, to: str) -> str:
        """Copy a file to another path."""
        self._put(replace(find(self.files, path, "file"), path=self._free(to), modified=TODAY))
        return "copied"

    @tool
    def move_file(self, path: str, to: str) -> str:
        """Move a file to another path."""
        file = replace(self._looked_at(path), path=self._free(to))
        del self.files[path]
        self._put(file)
        return "moved"

    @tool
    def delete_file(self, path: str) -> str:
        """Delete a file."""
        del self.files[self._looked_at(path).path]
        return "deleted"

    @tool
    def append_line(self, path: str, line: str) -> str:
        """Write a line to the end of a file."""
        file = self._looked_at(path)
        self._put(replace(file, text=f"{file.text}\n{line.strip()}", modified=TODAY))
        return "written"

    @tool
    def write_file(self, path: str, text: str) -> str:
        """Write all the text of a file anew."""
        self._put(replace(self._looked_at(path), text=text.strip(), modified=TODAY))
        return "written"

    @tool
    def unlock_file(self, path: str) -> str:
        """Remove the lock of a file."""
        self._put(replace(self._looked_at(path), locked=False))
        return "unlocked"

    @tool
    def decline_request(self, path: str, reason: Literal["locked", "owner"]) -> str:
        """Note that the rules forbid what is wanted of a file."""
        return self.refuse(self._looked_at(path).path, reason)

    def _looked_at(self, path: str) -> File:
        file = find(self.files, path, "file")
        self.need(path, "file not looked at")
        return file

    def _free(self, path: str) -> str:
        if not path.startswith("/") or path.endswith("/"):
            raise NotPossible(f"{path!r} is not the path of a file, such as /notes/plan.txt")
        if path in self.files:
            raise NotPossible(f"{path!r} exists")
        return path

    def _put(self, file: File) -> None:
        self.files[file.path] = file
