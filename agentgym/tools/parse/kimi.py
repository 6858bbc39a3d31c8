"""Kimi: the name with a number, then the arguments, each after a mark of its own.

<|tool_call_begin|>functions.look:0<|tool_call_argument_begin|>{"where": "hall"}<|tool_call_end|>
"""

from __future__ import annotations

import re

from agentgym.tools.parse import marks
from agentgym.tools.parse.calls import Reading
from agentgym.tools.parse.marked_json import read_named
from agentgym.tools.parse.source import Source

_SECTION, _BEGIN, _ARGUMENT, _END, _SECTION_END = map(
    re.escape,
    (
        *(marks.KIMI_SECTION, marks.KIMI_CALL, marks.KIMI_ARGUMENT),
        *(marks.KIMI_CALL_END, marks.KIMI_SECTION_END),
    ),
)
_OPENING = re.compile(
    rf"(?:{_SECTION}\s*)?{_BEGIN}\s*(?:functions\.)?(?P<name>[^\s<>{{}}]+?)(?::\d+)?\s*"
    rf"(?:{_ARGUMENT}\s*|\Z)"
)
_CLOSING = re.compile(rf"\s*{_END}(?:\s*{_SECTION_END})?")


def read(source: Source, start: int) -> Reading | None:
    """The call at a mark, or None where it is only mentioned."""
    opening = _OPENING.match(source.text, start)
    if opening is None:
        return None
    return read_named(source, start, opening["name"], opening.end(), _CLOSING)
