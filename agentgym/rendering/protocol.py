"""What a policy's renderer does: messages to token ids and back, append-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from agentgym.context.context import Message
from agentgym.rendering.drift import Drift
from agentgym.tools.tool import Tool


class Rendered(NamedTuple):
    """A prompt, or what has to be appended to make it."""

    ids: list[int]
    """Of a first or a forked prompt all, of another the ids that follow the sampled ones."""
    text: str
    """The whole prompt as the template writes it; the next ``extend`` compares with it."""
    drift: Drift = "clean"


class Renderer(Protocol):
    """The token side of a policy."""

    stop_ids: frozenset[int]
    """Sampling one of these ends the assistant's turn."""

    def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool] = (),
        sampled: Mapping[int, Sequence[int]] = MappingProxyType({}),
    ) -> Rendered:
        """The prompt of ``messages``, up to where the assistant begins to write.

        Args:
            messages: all of them.
            tools: offered to the model.
            sampled: index of an assistant's message -> the ids that were sampled as it, which are
                put in for its text.
        """
        ...

    def extend(
        self,
        last: str,
        messages: Sequence[Message],
        answered: int,
        sampled: Sequence[int],
        tools: Sequence[Tool] = (),
    ) -> Rendered:
        """The prompt of ``messages``, which are those of the last prompt, the answer, and new ones.

        Args:
            last: the text of the last prompt.
            messages: all of them.
            answered: index of the answer; the last prompt was made of the messages before it.
            sampled: the ids that the model sampled as its answer.
            tools: as in ``render``.
        """
        ...

    def encode_action(self, text: str) -> list[int]:
        """The ids a model samples when it writes ``text`` and ends its turn; for demonstrations."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of sampled ids: without ends and roles, with the tokens that calls are made of.

        A template's own white space around an answer is no part of it.
        """
        ...

    @property
    def vocabulary(self) -> int:
        """How many ids there are."""
        ...
