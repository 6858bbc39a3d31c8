"""The drive in a few words: find the file, save it, delete it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import JsonValue

from agentgym.env.seeded_random import SeededRandom
from agentgym.tools.tool import tool
from agentgym_envs.tooluse.case import Case, Id, Plan, call
from agentgym_envs.tooluse.domain import Domain, find
from agentgym_envs.tooluse.names import EASY, words

KINDS = words("report letter list plan note bill map song story recipe")


@dataclass(frozen=True)
class File:
    """A file."""

    id: str
    kind: str
    name: str
    """Whom it is about."""


@dataclass(eq=False)
class EasyFiles(Domain):
    """Three tools, every wish is to delete a file."""

    policy: ClassVar[str] = "find the file. save it before you delete it. say done."

    files: dict[str, File] = field(default_factory=dict)
    saved: dict[str, File] = field(default_factory=dict)

    def begin(self, rng: SeededRandom) -> Case:
        """Three files of one kind, one of which has to go."""
        kind, (me, *others) = rng.pick(KINDS), rng.some(EASY, 4)
        for name, number in zip(others, rng.numbers(3, 100, 999), strict=True):
            self.files[str(number)] = File(str(number), kind, name)
        file = rng.pick(list(self.files.values()))
        plan = Plan(
            (
                (call("find", kind=kind, name=file.name),),
                (call("save", id=file.id),),
                (call("delete", id=file.id),),
            ),
            "done",
        )
        return Case(
            request=f"i am {me}. delete a {kind}.",
            details={"name": f"it is about {file.name}."},
            plan=plan,
            hasty=plan.without("delete"),
        )

    def known(self) -> Mapping[str, Sequence[JsonValue]]:
        """See :class:`Domain`."""
        return {
            "kind": [file.kind for file in self.files.values()],
            "name": [file.name for file in self.files.values()],
            "id": list(self.files),
        }

    @tool
    def find(self, kind: str, name: str) -> str:
        """Find a file."""
        files = {file.name: file.id for file in self.files.values() if file.kind == kind}
        return find(files, name, f"{kind} about")

    @tool
    def save(self, id: Id) -> str:  # noqa: A002  the model's word
        """Save a copy."""
        self.saved[id] = find(self.files, id, "file")
        return "ok"

    @tool
    def delete(self, id: Id) -> str:  # noqa: A002
        """Delete a file."""
        find(self.files, id, "file")
        del self.files[id]
        return "ok"
