"""A function's tag: Llama 3 writes JSON into it, Qwen3-Coder a tag for each parameter.

<function=look>{"where": "hall"}</function>

<tool_call>
<function=look>
<parameter=where>
hall
</parameter>
</function>
</tool_call>
"""

from __future__ import annotations

import re
from functools import partial

from agentgym.tools.parse import marks
from agentgym.tools.parse.calls import Reading, call_named
from agentgym.tools.parse.hermes import tag_without_call
from agentgym.tools.parse.marked_json import read_json
from agentgym.tools.parse.source import Source
from agentgym.tools.parse.tagged_call import read_tagged
from agentgym.tools.parse.tagged_text import Tags

_OPENING = re.compile(
    rf"(?:{marks.TOOL_CALL}\s*)?{marks.FUNCTION}(?P<name>[^<>\n]*)>(?P<inside>\s*)"
)
_END = rf"{marks.FUNCTION_END}(?:\s*{marks.TOOL_CALL_END})?"
_CLOSING = re.compile(rf"\s*{_END}")
_PARAMETER = re.compile(r"<parameter=")
_TAGS = Tags(
    opening=r"<parameter=(?P<key>[^>\n]+)>",
    closing="</parameter>",
    end=rf"{_END}|{marks.TOOL_CALL_END}",
    on_lines=True,
)


def read(source: Source, start: int) -> Reading | None:
    """The call at a tag, or None where it is only mentioned."""
    opening = _OPENING.match(source.text, start)
    if opening is None:
        return None
    inside = opening.end()
    if source.text[inside : inside + 1] in {"{", "["}:
        return read_json(source, start, inside, _CLOSING, partial(call_named, opening["name"]))
    parameter = _PARAMETER.match(source.text, inside)
    if parameter is None and source.tagged(_TAGS).over(inside) is None:
        return tag_without_call(source, start, inside, _CLOSING)
    return read_tagged(source, start, inside, opening["name"], _TAGS)
