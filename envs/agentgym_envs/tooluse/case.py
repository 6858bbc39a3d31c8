"""What an episode is about: a wish, what the user tells when asked, and how it is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field, JsonValue

from agentgym.tools.tool import ToolCall

Turn = tuple[ToolCall, ...]
"""Calls that do not need each other's results, to be made in one message."""

Id = Annotated[str, Field(coerce_numbers_to_str=True)]
"""An argument of a tool: text, also where the model writes it as a number."""


def call(name: str, /, **arguments: JsonValue) -> ToolCall:
    """A call, written shortly."""
    return ToolCall(name=name, arguments=arguments)


def key_of(call: ToolCall) -> str:
    """The same text for the same call."""
    return f"{call.name} {json.dumps(call.arguments, sort_keys=True)}"


@dataclass(frozen=True)
class Plan:
    """Calls turn by turn, and what is said in the end."""

    turns: tuple[Turn, ...]
    answer: str = "Done."

    def without(self, *names: str) -> Plan:
        """The plan of one who forgets to call these tools."""
        kept = [tuple(call for call in turn if call.name not in names) for turn in self.turns]
        return replace(self, turns=tuple(turn for turn in kept if turn))


@dataclass(frozen=True)
class Case:
    """One wish, with the database that it was made for."""

    request: str
    """What the user says first: who it is and what for, without the particulars."""
    details: Mapping[str, str]
    """Topic -> the sentence that tells it. A topic's words are what one asks for it by."""
    plan: Plan
    """How it is done. The database that it leaves is the goal."""
    hasty: Plan
    """The same with a typical mistake, which costs the success."""
    expected: tuple[str, ...] = ()
    """Numbers and names that the final answer must hold."""
    excluded: tuple[str, ...] = ()
    """Names that it must not hold: the other candidates."""

    def told_at_once(self) -> str:
        """The wish with all its particulars."""
        return " ".join([self.request, *self.details.values()])
