"""Arguments that are text between tags, with nothing escaped: where does each one end?

    <parameter=text>        Qwen3-Coder; GLM has <arg_key>text</arg_key><arg_value>...</arg_value>
    whatever it is
    </parameter>

A text may spell the tags itself. A closing tag can end a value only if another value or the end of
the call follows, and no other closing tag of that kind before the next call. Among these, a value
ends with its own tag if the tags in it come in pairs, as those of a whole call do; otherwise with
the first, unless the call ends and another begins before that: then its closing tag is missing.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import pairwise
from typing import NamedTuple

from agentgym.tools.parse import marks

_CALL = marks.any_of(marks.TOOL_CALL, marks.FUNCTION)


class Tags(NamedTuple):
    """Patterns of the tags of a form."""

    opening: str
    """Before a value; its group ``key`` is the argument's name."""
    closing: str
    """After a value."""
    end: str
    """After the last value."""
    on_lines: bool = False
    """Whether a line break between a tag and a value belongs to the tag."""


class Argument(NamedTuple):
    """An argument as it is written."""

    key: str
    written: str
    end: int
    sure: bool
    """Whether it is this argument's: no call begins in it, or the tags in it come in pairs."""


class TaggedText:
    """The values between the tags of one text."""

    def __init__(self, text: str, tags: Tags) -> None:
        self._text, self._tags = text, tags
        self._opening = re.compile(rf"\s*{tags.opening}", re.DOTALL)
        self._end = re.compile(rf"\s*(?:{tags.end})")
        self._pairs: dict[int, re.Match[str]] = {}
        """Place after an opening tag -> its closing tag."""
        self._last: list[re.Match[str]] = []
        """The closing tags that can end a value."""
        token = re.compile(
            rf"(?P<opening>{tags.opening})|(?P<closing>{tags.closing})|(?P<end>{tags.end})|(?P<call>{_CALL})",
            re.DOTALL,
        )
        tokens = list(token.finditer(text))
        self._choose(tokens)
        self._starts = [closing.start() for closing in self._last]
        self._possible = set(self._starts)
        self._calls = [token.start() for token in tokens if token["call"]]
        self._next_calls = [
            then.start() for end, then in pairwise(tokens) if end["end"] and then["call"]
        ]

    def _choose(self, tokens: list[re.Match[str]]) -> None:
        """Find the closing tags that a part of the call follows, and what each of them closes."""
        opened: list[int] = []
        followed = dict[int, bool]()
        """Place of a closing tag -> whether the call ends with it."""
        for token in tokens:
            if token["opening"]:
                opened.append(token.end())
            elif token["closing"]:
                ends = self._end.match(self._text, token.end()) is not None
                if ends or self._opening.match(self._text, token.end()):
                    followed[token.start()] = ends
                    if opened:
                        self._pairs[opened.pop()] = token
        closed_later = False  # whether the same call has another closing tag of the kind
        for token in reversed(tokens):
            ends_call = followed.get(token.start()) if token["closing"] else None
            if ends_call is not None:
                if not (ends_call and closed_later):
                    self._last.append(token)
                closed_later = True
            elif token["opening"] or token["call"]:
                closed_later = False
        self._last.reverse()

    def read(self, place: int) -> Argument | None:
        """The argument that begins here; None if there is none, or its end cannot be found."""
        opening = self._opening.match(self._text, place)
        if opening is None:
            return None
        closing, sure = self._pairs.get(opening.end()), True
        if closing is None or closing.start() not in self._possible:
            closing = self._first(opening.end())
            if closing is None:
                return None
            calls = bisect_left(self._calls, opening.end()), bisect_left(self._calls, closing.end())
            sure = calls[0] == calls[1]
        written = self._text[opening.end() : closing.start()]
        if self._tags.on_lines:
            written = written.removeprefix("\n").removesuffix("\n")
        return Argument(opening["key"], written, closing.end(), sure)

    def _first(self, place: int) -> re.Match[str] | None:
        """The first closing tag that can end a value, in the same call."""
        number = bisect_left(self._starts, place)
        other = bisect_left(self._next_calls, place)
        if number == len(self._last):
            return None
        if other < len(self._next_calls) and self._next_calls[other] < self._starts[number]:
            return None
        return self._last[number]

    def over(self, place: int) -> int | None:
        """Where the call ends if no argument follows here."""
        end = self._end.match(self._text, place)
        return end.end() if end else None
