"""A model's answers: to the text that an environment acts on, and from text to what it samples."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from agentgym.rendering.encoding import PROBE, Encoding
from agentgym.rendering.turn import CHANNEL, Turn
from agentgym.tools.parse import MARKERS, harmony


class Answers:
    """Sampled ids and their text, without the white space that the template lays around it."""

    def __init__(
        self, tokenizer: Any, encoding: Encoding, turn: Turn, control_ids: Collection[int]
    ) -> None:
        """Take what surrounds an answer; ``control_ids`` are roles and ends of turn."""
        self._encoding, self._turn = encoding, turn
        added = tokenizer.added_tokens_decoder
        id_of = {token.content: i for i, token in added.items()}
        special = {i for i, token in added.items() if token.special}
        special |= set(tokenizer.all_special_ids)
        kept = {id_of[marker] for marker in MARKERS if marker in id_of}
        self._dropped = (special | set(control_ids)) - kept
        self._channel = id_of.get(CHANNEL)
        self._ends_of_messages = {id_of[end] for end in ("<|end|>", "<|return|>") if end in id_of}
        self._margin = self._in_place(PROBE).removesuffix(PROBE)
        """What the template's own answer begins with, as its ids are decoded."""
        self._swallows = self._in_place(f" {PROBE}") != f"{self._margin} {PROBE}"
        """Whether the token of the role takes white space at the head of an answer (Phi-3)."""
        self._cut = self._margin or (" " if encoding.lead else "")

    def encode(self, text: str) -> list[int]:
        """The ids of a guarded text as a whole turn, from where the assistant begins to its end."""
        turn, encoding = self._turn, self._encoding
        whole = turn.before + text + turn.space + turn.end
        if self._swallows and text[:1].isspace():
            return encoding.goes_on(whole)
        return encoding.ids(whole, after=turn.opening)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of sampled ids; of control tokens only those that calls are written with."""
        if self._channel in ids:
            dropped = self._dropped - self._ends_of_messages
            return harmony(self._encoding.text([i for i in ids if i not in dropped]))
        return self._spoken(ids).removeprefix(self._cut).removesuffix(self._turn.space)

    def as_told(self, ids: Sequence[int], text: str) -> bool:
        """Whether the template would lay out an answer as it was sampled, white space included."""
        if self._swallows and text[:1].isspace():
            return False
        ended = {*ids[-1:]} & self._dropped
        return self._spoken(ids) == self._margin + text + (self._turn.space if ended else "")

    def _in_place(self, text: str) -> str:
        """The text of an answer as the template's own is encoded and decoded."""
        turn = self._turn
        return self._encoding.text(self._encoding.ids(turn.before + text, after=turn.opening))

    def _spoken(self, ids: Sequence[int]) -> str:
        return self._encoding.text([i for i in ids if i not in self._dropped])
