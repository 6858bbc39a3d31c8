"""What the model sees of the past: a pure function of the turns so far.

Because a context is a function and keeps no state, an episode can be forked, replayed and
re-rendered from its record alone.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, Protocol, TypedDict

from pydantic import BaseModel, ConfigDict, Field


class Message(TypedDict):
    """One chat message."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


class Turn(NamedTuple):
    """An observation and the action that answered it."""

    observation: str
    action: str


class Context(Protocol):
    """Chooses the messages of the next prompt."""

    def messages(self, system: str, turns: Sequence[Turn], observation: str) -> list[Message]:
        """The prompt after ``turns`` (oldest first), ending with the current ``observation``."""
        ...


def _chat(system: str, turns: Sequence[Turn], observation: str) -> list[Message]:
    chat: list[Message] = [{"role": "system", "content": system}] if system else []
    for turn in turns:
        chat.append({"role": "user", "content": turn.observation})
        chat.append({"role": "assistant", "content": turn.action})
    chat.append({"role": "user", "content": observation})
    return chat


class FullHistory(BaseModel):
    """Every turn: each prompt extends the last, so a trajectory is one causal row."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: Literal["full"] = "full"
    """``full`` shows everything."""

    def messages(self, system: str, turns: Sequence[Turn], observation: str) -> list[Message]:
        """System prompt, all turns, the current observation."""
        return _chat(system, turns, observation)


class Window(BaseModel):
    """The last ``turns`` turns, and the first observation, which usually states the task.

    Once turns fall out, each step has a prompt of its own and begins a new segment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: Literal["window"] = "window"
    """``window`` shows the last turns."""
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


ContextConfig = Annotated[FullHistory | Window, Field(discriminator="kind")]
"""The contexts a config file can name."""
