"""JSON between two marks, as most forms write a call: where it ends, whole or broken.

A broken call ends where its JSON is closed, if the closing mark follows: then its strings are sound
and what they spell is data. Otherwise it ends at the first mark after what is sound.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from agentgym.tools.parse import marks
from agentgym.tools.parse.calls import Reading, call_named, reading_of
from agentgym.tools.parse.json_values import Value
from agentgym.tools.parse.source import Source

CUT_OFF = "the JSON is cut off"
Meaning = Callable[[Any, str, int], Reading]
"""From a decoded value, the text that it was written as and its end."""


def read_json(
    source: Source,
    start: int,
    json_at: int,
    closing: re.Pattern[str],
    meaning: Meaning = reading_of,
) -> Reading:
    """The call whose first mark is at ``start`` and whose JSON begins at ``json_at``.

    Args:
        closing: matches the mark that follows the JSON; it may be missing.
        meaning: what the JSON stands for; by default calls with their names.
    """
    text, found = source.text, source.json.read(json_at)
    closed = None if found.end is None else closing.match(text, found.end)
    if isinstance(found, Value):
        end = closed.end() if closed else found.end
        if closed or (after := closing_mark(source, found.end, closing)) is None:
            return meaning(found.value, source.shown(start, end), end)
        junk = text[found.end : after.start()].strip()[:20]
        return source.unreadable(start, after.end(), f"{junk!r} follows the JSON")
    if closed:
        return source.unreadable(start, closed.end(), found.why, sure=True)
    mark = marks.ANY.search(text, found.sound)
    if mark and (own := closing.match(text, mark.start())):
        end = own.end()
    else:
        end = min(mark.start() if mark else len(text), found.end or len(text))
    cut_off = mark is not None and not text[found.sound : mark.start()].strip()
    return source.unreadable(start, end, CUT_OFF if cut_off else found.why)


def read_named(
    source: Source, start: int, name: str, place: int, closing: re.Pattern[str]
) -> Reading:
    """The call of a form that has written the name, and a mark after which arguments follow."""
    text = source.text
    if text[place : place + 1] in {"{", "["}:
        return read_json(source, start, place, closing, partial(call_named, name))
    mark = marks.ANY.search(text, place)
    own = closing.match(text, mark.start()) if mark else None
    end = own.end() if own else mark.start() if mark else len(text)
    shown = text[place:end][:20]
    return source.unreadable(start, end, f"Expecting an object: {shown!r}" if shown else CUT_OFF)


def closing_mark(source: Source, place: int, closing: re.Pattern[str]) -> re.Match[str] | None:
    """The closing mark, if no other mark comes before it."""
    mark = marks.ANY.search(source.text, place)
    return closing.match(source.text, mark.start()) if mark else None
