"""Mistral: a list of calls, or since v11 each name before its arguments.

[TOOL_CALLS][{"name": "look", "arguments": {"where": "hall"}}]
[TOOL_CALLS]look[ARGS]{"where": "hall"}
[TOOL_CALLS]look[CALL_ID]123456789[ARGS]{"where": "hall"}
"""

from __future__ import annotations

import re

from agentgym.tools.parse import marks
from agentgym.tools.parse.calls import Reading
from agentgym.tools.parse.marked_json import read_json, read_named
from agentgym.tools.parse.source import Source

_BEGIN, _ARGS, _CALL_ID = map(re.escape, (marks.TOOL_CALLS, marks.ARGS, marks.CALL_ID))
_LIST = re.compile(rf"{_BEGIN}\s*(?=[\[{{])")
_NAMED = re.compile(
    rf"{_BEGIN}(?P<name>[^\s\[\]{{}}]+)(?:(?:{_CALL_ID}\w*)?{_ARGS}\s*|\s*(?=\{{)|\s*\Z)"
)
_NOTHING = re.compile("")


def read(source: Source, start: int) -> Reading | None:
    """The calls at a mark, or None where it is only mentioned."""
    if opening := _LIST.match(source.text, start):
        return read_json(source, start, opening.end(), _NOTHING)
    if opening := _NAMED.match(source.text, start):
        return read_named(source, start, opening["name"], opening.end(), _NOTHING)
    return None
