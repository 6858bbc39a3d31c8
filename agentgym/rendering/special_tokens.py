"""Text that spells a special token stays text: only the chat template ends a turn or begins one.

A tokenizer reads the letters of ``<|im_end|>`` as the token wherever they stand, so an observation
could end the user's turn and speak for the assistant. Here a mark is put inside each such spelling
before the template is filled in; the finished text is cut at the marks and encoded piece by piece.
All other text has exactly the ids that the tokenizer gives it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

CUT, ESCAPE, HOLE = "\ue000", "\ue001", "\ue002"  # characters of private use
"""CUT splits a spelling; HOLE stands for a text that is not known. No guarded text has them of its
own: ESCAPE and a digit stand for them there."""
ESCAPED = {CUT: f"{ESCAPE}0", HOLE: f"{ESCAPE}2", ESCAPE: f"{ESCAPE}1"}  # undone in this order


class SpecialTokens:
    """The special tokens of a Hugging Face tokenizer, and how text is kept from becoming them."""

    def __init__(self, tokenizer: Any) -> None:
        """Take the tokens that are marked as special; ``<think>`` and the like usually are not."""
        self.tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder.values()
        special = {token.content for token in added if token.special}
        self._to_guard = _first_letters(special | set(tokenizer.all_special_tokens))

    def guard(self, text: str) -> str:
        """``text`` with a mark in each special token that it spells."""
        return self._to_guard.sub(_marked, text)

    def guard_json(self, value: Any) -> Any:
        """The same for every text in lists and dicts."""
        if isinstance(value, str):
            return self.guard(value)
        if isinstance(value, list):
            return [self.guard_json(item) for item in value]
        if isinstance(value, dict):
            return {self.guard(key): self.guard_json(item) for key, item in value.items()}
        return value

    def ids(self, text: str) -> list[int]:
        """The ids of a text that has marks."""
        return [
            i
            for piece in text.split(CUT)
            for i in self.tokenizer.encode(_plain(piece), add_special_tokens=False)
        ]


def _first_letters(tokens: Iterable[str]) -> re.Pattern[str]:
    """Matches the first letter of each spelled token (of overlapping ones too), and our marks."""
    by_letter: dict[str, list[str]] = {}
    for token in tokens:
        by_letter.setdefault(token[0], []).append(re.escape(token[1:]))
    spelled = (f"{re.escape(first)}(?={'|'.join(rest)})" for first, rest in by_letter.items())
    return re.compile("|".join([CUT, ESCAPE, HOLE, *spelled]))


def _marked(match: re.Match[str]) -> str:
    letter = match[0]
    return ESCAPED.get(letter, letter + CUT)


def _plain(piece: str) -> str:
    for letter, escaped in ESCAPED.items():
        piece = piece.replace(escaped, letter)
    return piece
