"""Suites: named lists of tasks to evaluate on, the same on every machine.

    summary = "What this suite shows."

    [[entry]]
    env = "agentgym/WebShop-v0"
    kwargs = { level = "easy" }
    tasks = 20
    checksum = "0f3a5b7c9d1e2f40"

A package offers the files of a folder with :func:`register_suites`; any file can be named by path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from agentgym.config import read_toml, validate
from agentgym.env.registry import load_plugins, make
from agentgym.env.text_env import Task, TextEnv
from agentgym.errors import BadInput, UnknownName
from agentgym.paths import expanded

_files: dict[str, Path] = {}


class Entry(BaseModel):
    """Some tasks of one environment."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    env: str
    """Its id."""
    kwargs: dict[str, Any] = {}
    """Its arguments."""
    split: str = "test"
    """Which of its tasks."""
    tasks: Annotated[int, Field(ge=1)]
    """The first so many of the split."""
    checksum: str = ""
    """Of these tasks, see :func:`checksum`; empty: they may change."""

    @property
    def label(self) -> str:
        """The environment and its arguments, short."""
        values = ", ".join(str(value) for value in self.kwargs.values())
        return self.env.partition("/")[2] + (f" ({values})" if values else "")

    def make(self) -> TextEnv:
        """Make the environment; raises what :func:`agentgym.make` does."""
        return make(self.env, **self.kwargs)

    def chosen(self, env: TextEnv) -> Sequence[Task]:
        """The tasks.

        Raises:
            BadInput: they are fewer, or others, than those that the suite was made of.
        """
        chosen = env.tasks(self.split)[: self.tasks]
        if len(chosen) < self.tasks:
            raise BadInput(
                f"{self.label} has {len(chosen)} {self.split} tasks; the suite wants {self.tasks}"
            )
        found = checksum(chosen)
        if self.checksum and found != self.checksum:
            raise BadInput(
                f"the tasks of {self.label} are not those of the suite (checksum {found}, expected "
                f"{self.checksum}): results would not compare; has the environment or its data "
                "another version?"
            )
        return chosen


class Suite(BaseModel):
    """What a suite's file holds."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    summary: str = ""
    """One line for ``agentgym list``."""
    entry: Annotated[list[Entry], Field(min_length=1)]
    """Each counts the same in the mean."""


def checksum(tasks: Sequence[Task]) -> str:
    """16 hexadecimal digits of the SHA-256 of the tasks' JSON, in order."""
    digest = hashlib.sha256()
    for task in tasks:
        digest.update(task.model_dump_json().encode() + b"\n")
    return digest.hexdigest()[:16]


def register_suites(namespace: str, folder: Path | str) -> None:
    """Give the TOML files of ``folder`` the names ``namespace/stem``."""
    for file in sorted(Path(folder).glob("*.toml")):
        _files[f"{namespace}/{file.stem}"] = file


def suites() -> dict[str, Suite]:
    """Every registered suite by name, sorted."""
    load_plugins()
    return {name: _read(file) for name, file in sorted(_files.items())}


def suite(name: Path | str) -> Suite:
    """The suite of that name, or of the file at that path.

    Raises:
        UnknownName: there is none.
        BadInput: the file is not a suite.
    """
    load_plugins()
    name = str(name)
    file = _files.get(name) or expanded(name)
    if not file.is_file():
        raise UnknownName("suite", name, _files, "A TOML file of your own can be named by path.")
    return _read(file)


def _read(file: Path) -> Suite:
    return validate(Suite, read_toml(file), str(file))
