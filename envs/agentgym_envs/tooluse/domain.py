"""What a domain is: the database of an episode, the tools that work on it, the rules to obey.

    @dataclass(eq=False)
    class Library(Domain):
        policy = "Look a reader up before you lend."
        loans: dict[str, Loan] = field(default_factory=dict)

        @tool
        def lend(self, reader: Id, book: Id) -> str:
            "Lend a book to a reader."
            self.need(reader, "reader not looked up")
            self.loans[book] = Loan(reader, book)
            return "lent"

Records are frozen dataclasses in tables, which are dicts: a change puts another record in the place
of the old one, so a copy of a database shares its records. Records are compared as dataclasses are:
what does not matter, such as the number of a new booking, is declared with `compare=False`.

Tools do what they are told, as the systems of real companies do; that a call broke a rule shows in
the state that it leaves, or is noted by :meth:`Domain.need`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import count
from typing import Any, ClassVar, Self, TypeVar

from pydantic import JsonValue

from agentgym.env.seeded_random import SeededRandom
from agentgym_envs.tooluse.case import Case

Record = TypeVar("Record")
Change = tuple[str, Hashable]
"""A table, and a record that is new in it, or the key of one that is gone."""


class NotFound(LookupError):
    """Nothing has this id or name."""


class NotPossible(ValueError):
    """What was asked of a tool makes no sense in the state of things."""


@dataclass(frozen=True)
class Refusal:
    """A wish that the rules forbid, declined and noted down."""

    about: str
    reason: str


@dataclass(eq=False)
class Domain(ABC):
    """Subclasses are dataclasses: their tables, their tools and their tasks."""

    policy: ClassVar[str]
    """The rules, as the agent reads them."""
    distractors: ClassVar[int] = 0
    """Tools offered besides, which no task needs."""

    refusals: dict[str, Refusal] = field(default_factory=dict)
    checked: set[str] = field(default_factory=set)
    """What was looked up or proven as the rules demand."""
    breaches: set[str] = field(default_factory=set)
    """Rules that were broken."""

    @abstractmethod
    def begin(self, rng: SeededRandom) -> Case:
        """Fill an empty database and think of a wish."""

    @abstractmethod
    def known(self) -> Mapping[str, Sequence[JsonValue]]:
        """Parameter name -> values that a call may plausibly have for it; for random policies."""

    def need(self, what: str, rule: str) -> None:
        """Note that ``rule`` is broken unless ``what`` was checked."""
        if what not in self.checked:
            self.breaches.add(rule)

    def refuse(self, about: str, reason: str) -> str:
        """Note a refusal; each domain has a tool of its own for it."""
        self.refusals[about] = Refusal(about, reason)
        return "noted"

    def tables(self) -> dict[str, dict[str, Any]]:
        """The tables by name."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: table for name, table in found.items() if isinstance(table, dict)}

    def copy(self) -> Self:
        """A database of its own, with the same records in it."""
        return type(self)(**{f.name: getattr(self, f.name).copy() for f in fields(self)})

    def load(self, other: Domain) -> None:
        """Take over a copy of another database of this kind."""
        vars(self).update(vars(other.copy()))

    def changes(self, start: Domain) -> Counter[Change]:
        """What is different now from how it was at the start."""
        found: Counter[Change] = Counter()
        now = self.tables()
        for name, before in start.tables().items():
            after = now[name]
            for key, record in after.items():
                old = before.get(key)
                if old is not record and old != record:
                    found[name, record] += 1
            for key in before.keys() - after.keys():
                found[name, key] += 1
        return found


def find(table: Mapping[str, Record], key: str, what: str) -> Record:
    """The record of a key.

    Raises:
        NotFound: there is none; ``what`` says what it would be.
    """
    if key not in table:
        raise NotFound(f"there is no {what} {key!r}")
    return table[key]


def unused(table: Mapping[str, Record], prefix: str) -> str:
    """An id for a new record."""
    numbers = count(len(table) + 1)
    return next(key for number in numbers if (key := f"{prefix}{number:03d}") not in table)
