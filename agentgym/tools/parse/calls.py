"""From what a model wrote to the calls that it means, or to what it should write instead."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import ValidationError

from agentgym.tools.parse.json_values import decoded, reason
from agentgym.tools.tool import ToolCall

EXAMPLE = '<tool_call>{"name": "...", "arguments": {...}}</tool_call>'


class Reading(NamedTuple):
    """What a form makes of the text at a place."""

    end: int
    calls: tuple[ToolCall, ...] = ()
    malformed: tuple[str, ...] = ()
    sure: bool = True
    """Whether its end is. Else a ``</think>`` inside it is the end of a thought, and not data."""


def looks_like_a_call(value: Any) -> bool:
    """Whether JSON without marks is meant as a call: it has a name, and arguments or parameters."""
    return (
        isinstance(value, dict)
        and "name" in value
        and not value.keys().isdisjoint({"arguments", "parameters"})
    )


def reading_of(value: Any, written: str, end: int) -> Reading:
    """The calls in decoded JSON: an object, or a list of them, each good or bad by itself."""
    calls, malformed = [], []
    listed = value if isinstance(value, list) and value else [value]
    for number, one in enumerate(listed, start=1):
        try:
            calls.append(_call(one))
        except (ValueError, RecursionError) as error:
            where = f"Entry {number}: " if len(listed) > 1 else ""
            malformed.append(message(written, where + reason(error)))
    return Reading(end, tuple(calls), tuple(malformed))


def call_named(name: str, arguments: Any, written: str, end: int) -> Reading:
    """The call of a form in which the name stands outside of the JSON."""
    return reading_of({"name": name, "arguments": arguments}, written, end)


def unreadable(written: str, why: str, end: int, *, sure: bool = False) -> Reading:
    """A call that cannot be read."""
    return Reading(end, malformed=(message(written, why),), sure=sure)


def message(written: str, why: str) -> str:
    """What the model is told about a call that cannot be read."""
    return f"This tool call cannot be read: {written}\n{why}. Write it as {EXAMPLE}"


def _call(value: Any) -> ToolCall:
    """The call that decoded JSON stands for, or a ValueError that says why it is none."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ValueError('there is no object with a "name"')
    arguments = value.get("arguments", value.get("parameters"))
    if isinstance(arguments, str):
        arguments = decoded(arguments) if arguments.strip() else None
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise ValueError("the arguments are not an object")
    try:
        return ToolCall(name=value["name"], arguments=arguments)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from error
