"""Hermes, Qwen: ``<tool_call>{"name": "look", "arguments": {"where": "hall"}}</tool_call>``.

A tag that no JSON follows is a call that went wrong if there is a bracket before its closing tag,
or if the two stand on lines of their own. Otherwise it is only mentioned.
"""

from __future__ import annotations

import re

from agentgym.tools.parse import marks
from agentgym.tools.parse.calls import Reading
from agentgym.tools.parse.marked_json import closing_mark, read_json
from agentgym.tools.parse.source import Source

_OPENING = re.compile(rf"{marks.TOOL_CALL}\s*(?=[\[{{])")
_BRACKET = re.compile(r"[{(]")
_NOTHING_MORE = re.compile(r"\s*\Z")
_CLOSING = re.compile(rf"\s*{marks.TOOL_CALL_END}")


def read(source: Source, start: int) -> Reading | None:
    """The call at a tag, or None where no JSON follows."""
    opening = _OPENING.match(source.text, start)
    return read_json(source, start, opening.end(), _CLOSING) if opening else None


def read_no_json(source: Source, start: int) -> Reading | None:
    """A tag that begins no call of any form: one that went wrong, or None for prose."""
    return tag_without_call(source, start, start + len(marks.TOOL_CALL), _CLOSING)


def tag_without_call(
    source: Source, start: int, inside: int, closing: re.Pattern[str]
) -> Reading | None:
    """A call that went wrong at a tag which ends at ``inside``, or None where it is mentioned."""
    text = source.text
    if _NOTHING_MORE.match(text, inside) and source.begins_line(start):
        return source.unreadable(start, len(text), "it is cut off")
    end = closing_mark(source, inside, closing)
    if end is None:
        return None
    at_an_edge = source.begins_line(start) or text[inside] == "\n"
    on_its_own = at_an_edge and source.ends_line(end.end())
    if not on_its_own and not _BRACKET.search(text, inside, end.start()):
        return None
    shown = text[inside : min(inside + 20, end.start())].strip()
    return source.unreadable(start, end.end(), f"Expecting value: {shown!r}")
