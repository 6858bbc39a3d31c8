"""Llama's tag: objects with a semicolon between them, or calls as Python writes them.

<|python_tag|>{"name": "look", "parameters": {"where": "hall"}}; {"name": "now", "parameters": {}}
<|python_tag|>[look(where="hall"), now()]

Python is parsed and never run: an argument is a literal, and has a name.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from agentgym.tools.parse import marks
from agentgym.tools.parse.calls import Reading, call_named, unreadable
from agentgym.tools.parse.json_values import reason
from agentgym.tools.parse.marked_json import read_json
from agentgym.tools.parse.source import Source

_JSON = re.compile(rf"{re.escape(marks.PYTHON_TAG)}\s*(?=[\[{{])")
_PYTHON = re.compile(rf"{re.escape(marks.PYTHON_TAG)}\s*(?P<code>\[?\s*[^\W\d][\w.]*)(?=\()")
_ANOTHER = re.compile(r"\s*;\s*(?=\{)")
_MOST = 10_000
"""Commas and brackets; `ast` takes ten times as long as `json`."""
_NOTHING = re.compile("")


def read(source: Source, start: int) -> Reading | None:
    """The calls at a tag, or None where it is only mentioned."""
    if opening := _PYTHON.match(source.text, start):
        return _python(source, start, opening)
    opening = _JSON.match(source.text, start)
    if opening is None:
        return None
    readings = [read_json(source, start, opening.end(), _NOTHING)]
    while another := _ANOTHER.match(source.text, readings[-1].end):
        readings.append(read_json(source, another.end(), another.end(), _NOTHING))
    return _joined(readings, readings[-1].end)


def _python(source: Source, start: int, opening: re.Match[str]) -> Reading:
    text, begins = source.text, opening.start("code")
    end, _ = source.python.find(begins if text[begins] == "[" else opening.end())
    if end is None:
        return source.unreadable(start, len(text), "it is cut off")
    if text.count(",", begins, end) + text.count("(", begins, end) > _MOST:
        return source.unreadable(start, end, f"It has more than {_MOST:,} commas and brackets")
    try:
        code = ast.parse(text[begins:end], mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return source.unreadable(start, end, f"It is no Python: {reason(error)}", sure=True)
    listed = code.elts if isinstance(code, ast.List) else [code]
    written = source.shown(start, end)
    return _joined([_meaning(one, written, end) for one in listed], end)


def _meaning(code: ast.expr, written: str, end: int) -> Reading:
    if not isinstance(code, ast.Call) or code.args or not (name := _name(code.func)):
        return unreadable(written, "Each call is name(argument=value)", end, sure=True)
    arguments: dict[str, Any] = {}
    try:
        for keyword in code.keywords:
            value = ast.literal_eval(keyword.value)
            arguments |= value if keyword.arg is None else {keyword.arg: value}
    except (ValueError, TypeError, RecursionError, MemoryError):
        return unreadable(written, "An argument is not a literal", end, sure=True)
    return call_named(name, arguments, written, end)


def _name(code: ast.expr) -> str:
    """A name, with its modules; empty if it is another expression."""
    if isinstance(code, ast.Name):
        return code.id
    module = _name(code.value) if isinstance(code, ast.Attribute) else ""
    return f"{module}.{code.attr}" if isinstance(code, ast.Attribute) and module else ""


def _joined(readings: list[Reading], end: int) -> Reading:
    calls = (call for reading in readings for call in reading.calls)
    malformed = (one for reading in readings for one in reading.malformed)
    sure = all(reading.sure for reading in readings)
    return Reading(end, tuple(calls), tuple(malformed), sure)
