"""The form that calls are written in here: that of Hermes and Qwen models."""

from __future__ import annotations

import json
import re
from typing import Any

from agentgym.tools.tool import ToolCall

_TAG_IN_JSON = re.compile(r"<(?=/?(?:tool_call|function|think)\b)")


def write_tool_call(call: ToolCall) -> str:
    """A call as Hermes and Qwen models write it; :func:`parse_tool_calls` reads it back."""
    return _written(call.name, call.arguments)


def write_unreadable_call(name: str, arguments: str) -> str:
    """A call whose arguments are no JSON object; :func:`parse_tool_calls` says what is wrong.

    They are written as a string, so that no text in them becomes another call.
    """
    return _written(name, arguments)


def _written(name: str, arguments: Any) -> str:
    written = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    # Other parsers take a tag in a string for the end of the call.
    return "<tool_call>\n" + _TAG_IN_JSON.sub(r"\\u003c", written) + "\n</tool_call>"
