"""Hermes, Qwen: ``<tool_call>{"name": "look", "arguments": {"where": "hall"}}</tool_call>``.

A tag that no JSON follows is a call that went wrong if it stands on a line of its own together with
its closing tag, or if there is a bracket between them. Otherwise it is only mentioned.
"""

from __future__ import annotations

import re

from agentgym.tools.parse import marks
from agentgym.tools.parse.calls import Reading
from agentgym.tools.parse.marked_json import closing_mark, read_json
from agentgym.tools.parse.source import Source

_OPENING = re.compile(rf"{marks.TOOL_CALL}\s*")
_CLOSING = re.compile(rf"\s*{marks.TOOL_CALL_END}")


def read(source: Source, start: int) -> Reading | None:
    """The call at a tag, or None where it is only mentioned."""
    opening = _OPENING.match(source.text, start)
    if opening is None:
        return None
    if source.text[opening.end() : opening.end() + 1] in {"{", "["}:
        return read_json(source, start, opening.end(), _CLOSING)
    return read_no_json(source, start, opening.end(), _CLOSING)


def read_no_json(
    source: Source, start: int, inside: int, closing: re.Pattern[str]
) -> Reading | None:
    """A tag without JSON: a call that went wrong, or prose."""
    text = source.text
    if inside == len(text) and source.begins_line(start):
        return source.unreadable(start, inside, "it is cut off")
    end = closing_mark(source, inside, closing)
    if end is None:
        return None
    on_its_own = source.begins_line(start) and source.ends_line(end.end())
    if not on_its_own and not re.search(r"[{(]", text[inside : end.start()]):
        return None
    shown = text[inside : inside + 20]
    return source.unreadable(start, end.end(), f"Expecting value: {shown!r}")
