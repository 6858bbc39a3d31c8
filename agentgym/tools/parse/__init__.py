"""Tool calls in a model's text: every form it may have been trained on is parsed, one is written.

The forms are a table in docs/tools.md. A call that cannot be read is data, like a failed tool: the
message says what to write instead.
"""

from agentgym.tools.parse.harmony import harmony as harmony
from agentgym.tools.parse.marks import MARKERS as MARKERS
from agentgym.tools.parse.parser import (
    Parsed as Parsed,
    parse_tool_calls as parse_tool_calls,
)
from agentgym.tools.parse.thoughts import without_thoughts as without_thoughts
from agentgym.tools.parse.writing import (
    write_tool_call as write_tool_call,
    write_unreadable_call as write_unreadable_call,
)
