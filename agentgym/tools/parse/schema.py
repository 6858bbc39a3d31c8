"""What a text stands for as an argument: the JSON that it spells, or itself.

Where a tool's schema is known, it decides: a text is text where the schema takes nothing else, and
JSON where it spells what the schema takes (``null`` for an optional text). Without a schema, a text
that is JSON of any kind is that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from agentgym.tools.parse.json_values import decoded

_PYTHON = {"True": True, "False": False, "None": None}
"""How templates in Jinja write these."""
_KINDS = {
    dict: {"object"},
    list: {"array"},
    str: {"string"},
    bool: {"boolean"},
    int: {"integer", "number"},
    float: {"number"},
    type(None): {"null"},
}
_DEEPEST = 8
"""References that are followed; a schema may refer to itself."""


def argument(written: str, key: str, parameters: Mapping[str, Any]) -> JsonValue:
    """The value of the argument ``key``, for the JSON schema of all arguments."""
    takes = _kinds(_in(parameters, "properties", key), parameters, _DEEPEST)
    if takes == {"string"}:
        return written
    plain = written.strip()
    try:
        value: JsonValue = _PYTHON[plain] if plain in _PYTHON else decoded(plain)
    except (ValueError, RecursionError):
        return written
    return value if takes is None or takes & _KINDS[type(value)] else written


def _kinds(schema: Any, root: Mapping[str, Any], depth: int) -> set[str] | None:
    """The kinds of JSON that a schema takes; None: any, or nobody can tell from such a schema."""
    found: set[str] | None = None
    match schema if depth else None:
        case {"$ref": str(reference)}:
            found = _kinds(_in(root, *reference.split("/")[1:]), root, depth - 1)
        case {"type": str(kind)}:
            found = {kind}
        case {"type": [*kinds]}:
            found = {kind for kind in kinds if isinstance(kind, str)}
        case {"enum": [*values]}:
            found = set().union(*(_KINDS.get(type(value), set()) for value in values))
        case {"const": value}:
            found = _KINDS.get(type(value))
        case {"anyOf": [*parts]} | {"oneOf": [*parts]} | {"allOf": [*parts]}:
            each = [_kinds(part, root, depth - 1) for part in parts]
            found = None if None in each else set().union(*filter(None, each))
    return found


def _in(schema: Any, *path: str) -> Any:
    """What stands at a path of keys; None if there is nothing, as in a broken schema."""
    for key in path:
        schema = schema.get(key) if isinstance(schema, Mapping) else None
    return schema
