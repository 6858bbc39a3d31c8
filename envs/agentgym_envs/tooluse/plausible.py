"""Calls that look sensible, right or wrong, for policies that choose at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from agentgym.tools.parse import write_tool_call
from agentgym.tools.tool import Tool, ToolCall

PER_TOOL = 3


def plausible_calls(
    tools: Sequence[Tool], known: Mapping[str, Sequence[JsonValue]]
) -> Iterator[str]:
    """Up to three calls of each tool whose required arguments have known values.

    Args:
        tools: what may be called.
        known: parameter name -> values to choose from, beside those that a schema lists.
    """
    for tool in tools:
        properties: dict[str, Any] = tool.schema["function"]["parameters"]["properties"]
        choices = {
            name: list(described.get("enum") or known.get(name, ()))
            for name, described in properties.items()
        }
        if all(choices.values()):
            written = [
                write_tool_call(
                    ToolCall(
                        name=tool.name,
                        arguments={n: values[place % len(values)] for n, values in choices.items()},
                    )
                )
                for place in range(PER_TOOL)
            ]
            yield from dict.fromkeys(written)
