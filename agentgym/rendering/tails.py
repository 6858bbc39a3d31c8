"""What a template writes after an answer, less what the model has written of it itself.

A model ends its turn, and then the template ends it once more: that end is left out. A token that
opens the next turn (GLM's <|user|>) is left out only if the model sampled that very token; behind
another end it stands as the template has it. Of an answer that was cut off nothing is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agentgym.rendering.drift import Drift, follow
from agentgym.rendering.encoding import Encoding
from agentgym.rendering.turn import Turn


class Tails:
    """Finds and encodes what follows an answer."""

    def __init__(
        self,
        tokenizer: Any,
        turn: Turn,
        encoding: Encoding,
        encode: Callable[[str, str], list[int]],
        stop_ids: frozenset[int],
    ) -> None:
        """Take what surrounds an answer, and what encodes a text behind another."""
        self._turn, self._encode, self._stop_ids = turn, encode, stop_ids
        self._middle = encoding.lead
        self._token: Callable[[int], str] = tokenizer.convert_ids_to_tokens
        self._id: Callable[[str], int] = tokenizer.convert_tokens_to_ids

    def follow(self, last: str, prompt: str, answer: str) -> tuple[str, Drift] | None:
        """What stands behind an answer in a prompt; None if it does not begin as the last did."""
        if not prompt.startswith(last):
            return None
        new, turn = prompt.removeprefix(last), self._turn
        found = follow(new, turn.before + answer, turn.space, turn.written)
        return found or follow(new, answer, turn.space, turn.written)

    def ids(self, tail: str, sampled: Sequence[int]) -> tuple[list[int], bool]:
        """The ids of what follows an answer, and if the template ends it as the model did."""
        if not {*sampled[-1:]} & self._stop_ids:
            return self._encode(tail, self._middle), True
        own = self._token(sampled[-1])
        for token in filter(None, (self._turn.written, own)):
            if tail.lstrip().startswith(token):
                ids, end = self._encode(tail, ""), self._id(token)
                return ids[ids.index(end) + 1 :], token == own
        return self._encode(tail, own), False
