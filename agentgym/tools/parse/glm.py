"""GLM: a name, and a tag for each key and each value.

<tool_call>look
<arg_key>where</arg_key>
<arg_value>hall</arg_value>
</tool_call>
"""

from __future__ import annotations

import re

from agentgym.tools.parse import marks
from agentgym.tools.parse.calls import Reading
from agentgym.tools.parse.source import Source
from agentgym.tools.parse.tagged_call import read_tagged
from agentgym.tools.parse.tagged_text import Tags

_NAME = r"[^\W\d][\w.:/-]*"
_OPENING = re.compile(
    rf"{marks.TOOL_CALL}"
    rf"(?:(?P<alone>{_NAME})(?=\s*{marks.TOOL_CALL_END})|\s*(?P<name>{_NAME})(?=\s*<arg_key>))"
)
_TAGS = Tags(
    opening=r"<arg_key>(?P<key>(?:(?!</?arg_key>).)*+)</arg_key>\s*<arg_value>",
    closing="</arg_value>",
    end=marks.TOOL_CALL_END,
)


def read(source: Source, start: int) -> Reading | None:
    """The call at a tag, or None where it is not of this form."""
    opening = _OPENING.match(source.text, start)
    if opening is None:
        return None
    if (alone := opening["alone"]) and not source.may_be_tool(alone):
        return None
    return read_tagged(source, start, opening.end(), alone or opening["name"], _TAGS)
