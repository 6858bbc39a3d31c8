"""One walk through a model's text: thoughts and calls in order; what is between them is prose.

At each mark the forms are asked in turn. What a form takes for a call is not looked into, so an
argument may spell anything. A thought ends at the first closing tag outside of calls whose end is
sure; where the prompt has opened it, the first tag of the text is a closing one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from agentgym.tools.parse import (
    deepseek,
    function_tag,
    glm,
    hermes,
    kimi,
    marks,
    mistral,
    plain,
    python_tag,
)
from agentgym.tools.parse.calls import Reading
from agentgym.tools.parse.source import Source

Form = Callable[[Source, int], Reading | None]
FORMS: dict[str, tuple[Form, ...]] = {
    marks.TOOL_CALL: (hermes.read, function_tag.read, glm.read, hermes.read_no_json),
    marks.FUNCTION: (function_tag.read,),
    marks.PYTHON_TAG: (python_tag.read,),
    marks.TOOL_CALLS: (mistral.read,),
    marks.KIMI_SECTION: (kimi.read,),
    marks.KIMI_CALL: (kimi.read,),
    marks.DEEPSEEK_SECTION: (deepseek.read,),
    marks.DEEPSEEK_CALL: (deepseek.read,),
}
"""The forms that begin with a mark, in the order in which they are asked."""

_CLOSINGS = frozenset(marks.THOUGHTS.values())
_LANDMARK = re.compile(
    rf"(?P<mark>{marks.any_of(*marks.OPENINGS)})"
    rf"|(?P<thought>{marks.any_of(*marks.THOUGHTS, *_CLOSINGS)})"
    rf"|(?:(?P<fence>```)(?:json)?\s*|;\s*)?(?P<json>(?={plain.BEGINS}))",
    re.DOTALL,
)


class Piece(NamedTuple):
    """A part of the text that is not prose."""

    start: int
    end: int
    reading: Reading | None
    """The calls; None in a thought."""
    marked: bool = True
    """Whether a mark says so; JSON without one is a call only where the text has no marked ones."""


def pieces(source: Source) -> Iterator[Piece]:
    """The thoughts and calls of a text."""
    place = 0
    first = _thought_tag(source, 0, {*marks.THOUGHTS, *_CLOSINGS})
    if first and first[0] in _CLOSINGS:
        place = first.end()
        yield Piece(0, place, None)
    while landmark := _LANDMARK.search(source.text, place):
        start, place = landmark.start(), landmark.end()
        if own := source.own_argument(start):
            place = max(own, place)
        elif landmark["thought"] in marks.THOUGHTS:
            closing = _thought_tag(source, place, {marks.THOUGHTS[landmark["thought"]]})
            place = closing.end() if closing else len(source.text)
            yield Piece(start, place, None)
        elif landmark["mark"]:
            if reading := _marked(source, landmark):
                place = reading.end
                yield Piece(start, place, reading)
        elif landmark["thought"] is None:
            reading, place = plain.read(source, place, fenced=bool(landmark["fence"]))
            if reading:
                yield Piece(start, place, reading, marked=False)


def _thought_tag(source: Source, place: int, wanted: Collection[str]) -> re.Match[str] | None:
    """The first of some tags that is not inside a call, nor in a command of the environment."""
    if not any(tag in source.text for tag in wanted):
        return None
    while landmark := _LANDMARK.search(source.text, place):
        start, place = landmark.start(), landmark.end()
        if own := source.own_argument(start):
            place = max(own, place)
        elif landmark["thought"] in wanted:
            return landmark
        elif landmark["mark"]:
            reading = _marked(source, landmark)
            place = reading.end if reading and reading.sure else place
        elif landmark["thought"] is None:
            place = plain.read_whole(source, place, fenced=False).end
    return None


def _marked(source: Source, landmark: re.Match[str]) -> Reading | None:
    """What the first form that knows it makes of a mark."""
    readings = (form(source, landmark.start()) for form in FORMS[landmark["mark"]])
    return next((reading for reading in readings if reading), None)
