"""What the model sees of the past: a pure function of the turns so far.

Because a context is a function and keeps no state, an episode can be forked, replayed and
re-rendered from its record alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, TypedDict

from pydantic import Field

from agentgym.parts import Part


class Message(TypedDict):
    """One chat message."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


class Turn(NamedTuple):
    """An observation and the action that answered it."""

    observation: str
    action: str


class Context(Part, ABC):
    """Chooses the messages of the next prompt."""

    @abstractmethod
    def messages(self, system: str, turns: Sequence[Turn], observation: str) -> list[Message]:
        """The prompt after ``turns`` (oldest first), ending with the current ``observation``."""


def _chat(system: str, turns: Sequence[Turn], observation: str) -> list[Message]:
    chat: list[Message] = [{"role": "system", "content": system}] if system else []
    for turn in turns:
        chat.append({"role": "user", "content": turn.observation})
        chat.append({"role": "assistant", "content": turn.action})
    chat.append({"role": "user", "content": observation})
    return chat


class FullHistory(Context):
    """Every turn: each prompt extends the last, so a trajectory is one causal row."""

    name: str = "full"

    def messages(self, system: str, turns: Sequence[Turn], observation: str) -> list[Message]:
        """System prompt, all turns, the current observation."""
        return _chat(system, turns, observation)


class Window(Context):
    """The last ``turns`` turns, and the first observation, which usually states the task.

    Once turns fall out, each step has a prompt of its own and begins a new segment.
    """

    name: str = "window"
    turns: Annotated[int, Field(ge=0)] = 2
    """Past turns that stay visible; 0 shows the current observation alone."""

    def messages(self, system: str, turns: Sequence[Turn], observation: str) -> list[Message]:
        """System prompt, the last turns, the current observation; says how many were left out."""
        omitted = max(0, len(turns) - self.turns)
        if not omitted:
            return _chat(system, turns, observation)
        note = f"{turns[0].observation}\n\n[{omitted} earlier steps are not shown]\n\n"
        kept = list(turns[omitted:])
        if not kept:
            return _chat(system, [], note + observation)
        kept[0] = Turn(note + kept[0].observation, kept[0].action)
        return _chat(system, kept, observation)
