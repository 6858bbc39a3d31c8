"""JSON without marks: an object with a name and arguments, or a list of them; in a fence or not.

{"name": "look", "arguments": {"where": "hall"}}

An object that begins with a name may be a broken call, also one with the quotes of Python. Other
JSON is text, and what its strings spell is not looked at either.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from agentgym.tools.parse import marks
from agentgym.tools.parse.calls import Reading, looks_like_a_call, reading_of
from agentgym.tools.parse.json_values import Broken
from agentgym.tools.parse.source import Source

BEGINS = r"""(?:\[\s*)?\{\s*"(?:[^"\\]|\\.)*+"\s*:|\{\s*'name'\s*:"""
"""An object with a key, or a list that begins with one."""
_PYTHON = re.compile(r"\{\s*'name'\s*:")
_ARGUMENTS = re.compile(r"'(?:arguments|parameters)'\s*:")
_NEAR = 200
"""Characters in which arguments follow a name."""
_NAMED = re.compile(r'\{\s*"name"\s*:')
_OVER = re.compile(rf";\s*\{{|```|\n[^\S\n]*\{{|{marks.ANY.pattern}")
_FENCE_ENDS = re.compile(r"\s*```")


class Plain(NamedTuple):
    """What JSON without marks is: calls, or text that ends somewhere."""

    reading: Reading | None
    end: int


def read(source: Source, start: int, *, fenced: bool) -> Plain:
    """The object or list at ``start``; one that begins with a name may be a broken call."""
    if _PYTHON.match(source.text, start):
        return _python(source, start, fenced)
    if _NAMED.match(source.text, start):
        found = source.json.read(start)
        if isinstance(found, Broken):
            over = _OVER.search(source.text, found.sound)
            end = found.end or (over.start() if over else len(source.text))
            return Plain(source.unreadable(start, end, found.why), _after(source, end, fenced))
    return read_whole(source, start, fenced=fenced)


def read_whole(source: Source, start: int, *, fenced: bool) -> Plain:
    """The object or list at ``start``, if nothing is wrong with it."""
    if source.json.end(start) is None:
        return Plain(None, start + 1)
    found = source.json.read(start)
    if isinstance(found, Broken):
        named = _NAMED.match(source.text, start)
        return Plain(None, found.end if named and found.end else found.after)
    value, end = found
    if not any(map(looks_like_a_call, value if isinstance(value, list) else [value])):
        return Plain(None, end)
    reading = reading_of(value, source.shown(start, end), end)
    return Plain(reading, _after(source, end, fenced))


def _python(source: Source, start: int, fenced: bool) -> Plain:
    end = source.python.find(start)[0] or len(source.text)
    if not _ARGUMENTS.search(source.text, start, min(end, start + _NEAR)):
        return Plain(None, start + 1)
    why = "JSON has double quotes"
    return Plain(source.unreadable(start, end, why), _after(source, end, fenced))


def _after(source: Source, end: int, fenced: bool) -> int:
    closing = _FENCE_ENDS.match(source.text, end) if fenced else None
    return closing.end() if closing else end
