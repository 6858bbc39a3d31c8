"""Text that spells a control token stays text: only the chat template ends a turn or begins one.

A tokenizer reads the letters of ``<|im_end|>`` as the token wherever they stand, so an observation
could end the user's turn and speak for the assistant. Here a mark is put inside each such spelling
before the template is filled in; ``encoding.py`` cuts the finished text at the marks and encodes it
piece by piece. All other text has exactly the ids that the tokenizer gives it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

CUT, ESCAPE, HOLE = "\ue000", "\ue001", "\ue002"  # characters of private use
"""CUT splits a spelling; HOLE stands for a text that is not known. No guarded text has them of its
own: ESCAPE and a digit stand for them there."""
ESCAPED = {CUT: f"{ESCAPE}0", HOLE: f"{ESCAPE}2", ESCAPE: f"{ESCAPE}1"}  # undone in this order


class Guard:
    """Keeps text from becoming one of some tokens."""

    def __init__(self, tokenizer: Any, tokens: Iterable[str]) -> None:
        """Guard ``tokens``; single letters are no spellings and cannot be cut."""
        self.tokens = frozenset(token for token in tokens if len(token) > 1)
        self._spelled = _first_letters(self.tokens)
        added = tokenizer.added_tokens_decoder
        normal = {i for i, t in added.items() if t.normalized and t.content in self.tokens}
        self._normal = normal
        backend = getattr(tokenizer, "backend_tokenizer", None)
        self._backend: Any = backend if backend and backend.normalizer and normal else None
        self.text = lru_cache(4096)(self._text)
        """``text`` with a mark in each of the tokens that it spells."""

    def json(self, value: Any) -> Any:
        """The same for every text in lists and dicts."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.json(item) for key, item in value.items()}
        return value

    def _text(self, text: str) -> str:
        marked = self._spelled.sub(_marked, text)
        if self._backend is None:
            return marked
        return CUT.join(self._cut(piece) for piece in marked.split(CUT))

    def _cut(self, piece: str) -> str:
        """Cut what spells a token only once it is normalised: in other letters, full-width, ..."""
        encoding = self._backend.encode(piece, add_special_tokens=False)
        for i, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if i in self._normal and end - start > 1:
                middle = (start + end) // 2
                return f"{self._cut(piece[:middle])}{CUT}{self._cut(piece[middle:])}"
        return piece


def plain(text: str) -> str:
    """A guarded text, as it was before."""
    piece = text.replace(CUT, "")
    for letter, escaped in ESCAPED.items():
        piece = piece.replace(escaped, letter)
    return piece


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
