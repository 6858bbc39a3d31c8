"""DeepSeek: V3 and R1 write the arguments into a fence, V3.1 as they are.

<｜tool▁call▁begin｜>function<｜tool▁sep｜>look
```json
{"where": "hall"}
```<｜tool▁call▁end｜>
<｜tool▁call▁begin｜>look<｜tool▁sep｜>{"where": "hall"}<｜tool▁call▁end｜>
"""

from __future__ import annotations

import re

from agentgym.tools.parse import marks
from agentgym.tools.parse.calls import Reading
from agentgym.tools.parse.marked_json import read_named
from agentgym.tools.parse.source import Source

_NAME = r"[^\s<>{}`]+"
_OPENING = re.compile(
    rf"(?:{marks.DEEPSEEK_SECTION}\s*)?{marks.DEEPSEEK_CALL}\s*"
    rf"(?:function\s*{marks.DEEPSEEK_SEPARATOR}\s*(?P<fenced>{_NAME})\s*(?:```(?:json)?)?"
    rf"|(?P<bare>{_NAME})\s*(?:{marks.DEEPSEEK_SEPARATOR}|\Z))\s*"
)
_CLOSING = re.compile(
    rf"(?:\s*```)?\s*{marks.DEEPSEEK_CALL_END}(?:\s*{marks.DEEPSEEK_SECTION_END})?"
)


def read(source: Source, start: int) -> Reading | None:
    """The call at a mark, or None where it is only mentioned."""
    opening = _OPENING.match(source.text, start)
    if opening is None:
        return None
    name = opening["fenced"] or opening["bare"]
    return read_named(source, start, name, opening.end(), _CLOSING)
