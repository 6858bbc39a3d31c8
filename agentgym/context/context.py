"""Contexts choose which past turns become the next prompt: a pure function of the turns so far.

Because a context is a function and keeps no state, an episode can be forked, replayed and
re-rendered from its record alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple, TypedDict

from pydantic import Field, JsonValue

from agentgym.parts import Part
from agentgym.tools.tool import Tool


class Message(TypedDict):
    """One chat message."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


class Turn(NamedTuple):
    """An observation and the action that answered it."""

    observation: str
    action: str


class Edit(NamedTuple):
    """The response of a context to an action that edits it, which the environment never sees."""

    text: str
    """The next observation."""
    valid: bool = True
    """False if the action could not be executed."""
    info: Mapping[str, JsonValue] = MappingProxyType({})
    """For the record."""


class Context(Part, ABC):
    """Chooses the messages of the next prompt."""

    @property
    def tools(self) -> Sequence[Tool]:
        """Tools that it offers in addition to the environment's; default: none."""
        return ()

    def answer(
        self,
        turns: Sequence[Turn],  # noqa: ARG002
        observation: str,  # noqa: ARG002
        action: str,  # noqa: ARG002
    ) -> Edit | None:
        """Handle an action that edits the context; None: it goes to the environment."""
        return None

    @abstractmethod
    def messages(self, system: str, turns: Sequence[Turn], observation: str) -> list[Message]:
        """The prompt after ``turns`` (oldest first), ending with the current ``observation``."""


def chat(system: str, turns: Sequence[Turn], observation: str) -> list[Message]:
    """All turns, as a conversation."""
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    for turn in turns:
        messages.append({"role": "user", "content": turn.observation})
        messages.append({"role": "assistant", "content": turn.action})
    messages.append({"role": "user", "content": observation})
    return messages


class FullHistory(Context):
    """Every turn: each prompt extends the last, so a trajectory is one token sequence."""

    name: str = "full"

    def messages(self, system: str, turns: Sequence[Turn], observation: str) -> list[Message]:
        """System prompt, all turns, the current observation."""
        return chat(system, turns, observation)


class Window(Context):
    """The last ``turns`` turns, and the first observation, which usually states the task.

    Once turns are left out, each step has its own prompt and begins a new segment.
    """

    name: str = "window"
    turns: Annotated[int, Field(ge=0)] = 2
    """Number of past turns in the prompt; 0: only the current observation."""

    def messages(self, system: str, turns: Sequence[Turn], observation: str) -> list[Message]:
        """System prompt, the last turns, the current observation; says how many were left out."""
        omitted = max(0, len(turns) - self.turns)
        if not omitted:
            return chat(system, turns, observation)
        note = f"{turns[0].observation}\n\n[{omitted} earlier steps are not shown]\n\n"
        kept = list(turns[omitted:])
        if not kept:
            return chat(system, [], note + observation)
        kept[0] = Turn(note + kept[0].observation, kept[0].action)
        return chat(system, kept, observation)
