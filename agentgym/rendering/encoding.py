"""Guarded text to ids, a piece at a time, each as it is encoded where it stands.

A SentencePiece tokenizer puts a space before a text and takes one away when it decodes: " go" and
"go" are both spelled as the beginning of a word. That is right at the start of a sequence and wrong
in the middle, where the text goes on: there a piece is encoded behind a text that is known, and the
ids of that text are taken off again. Byte-level tokenizers need none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from agentgym.rendering.guard import CUT, plain

BEFORE, PROBE = ".", "go"
LEADS = ("", "\n", ".", "a")
"""Texts that may stand before a piece so that the tokenizer takes it for the middle of a text."""


class Encoding:
    """A Hugging Face tokenizer for texts with marks in them."""

    def __init__(self, tokenizer: Any) -> None:
        """Find the shortest lead with which ids of the middle give the text back."""
        self._tokenizer = tokenizer
        self._encode = lru_cache(1024)(self._encode_whole)
        self.lead = next(filter(self._leads, LEADS), "")
        """What stands before a piece in the middle; empty for tokenizers that add no space."""

    def ids(self, text: str, after: str = "") -> list[int]:
        """The ids of a guarded text; those of ``after``, which stands before it, are left out."""
        first, *rest = text.split(CUT)
        following = (self._following(self.lead, piece) for piece in rest)
        return [*self._following(after, first), *(i for piece in following for i in piece)]

    def goes_on(self, text: str) -> list[int]:
        """The ids of a guarded text that stands in the middle of a sequence."""
        return self.ids(text, after=self.lead)

    def text(self, ids: Sequence[int]) -> str:
        """The text of ids in the middle of a sequence."""
        known = self._encode(self.lead)
        return self._decode([*known, *ids])[len(self._decode(known)) :]

    def _following(self, after: str, piece: str) -> tuple[int, ...]:
        for known in (plain(after), self.lead):
            if (ids := self._behind(known, plain(piece))) is not None:
                return ids
        return self._encode(plain(piece))

    def _behind(self, known: str, text: str) -> tuple[int, ...] | None:
        """The ids of a text behind another; None if a token would reach into both."""
        before, both = self._encode(known), self._encode(known + text)
        return both[len(before) :] if both[: len(before)] == before else None

    def _leads(self, lead: str) -> bool:
        ids = self._behind(lead, PROBE)
        return ids is not None and self._decode([*self._encode(BEFORE), *ids]) == BEFORE + PROBE

    def _encode_whole(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False))

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))


class TurnByTurn:
    """Encodes a prompt turn by turn: one that is rendered anew has most of its turns again."""

    def __init__(self, encoding: Encoding, end: str, sample: str) -> None:
        """Take the token that ends a turn, if any, and a prompt that shows if turns stand alone."""
        self._whole, self._end = encoding.ids, end
        self._turn = lru_cache(4096)(encoding.ids)
        self._stand_alone = bool(end) and self._by_turn(sample, "") == self._whole(sample)

    def ids(self, text: str, after: str = "") -> list[int]:
        """The same as :meth:`Encoding.ids`."""
        return self._by_turn(text, after) if self._stand_alone else self._whole(text, after)

    def _by_turn(self, text: str, after: str) -> list[int]:
        ids: list[int] = []
        *turns, rest = text.split(self._end)
        for piece in [*(turn + self._end for turn in turns), rest]:
            ids += self._turn(piece, after)
            after = self._end
        return ids
