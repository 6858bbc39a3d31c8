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
    properties = parameters.get("properties", {})
    takes = _kinds(properties.get(key, {}), parameters, _DEEPEST)
    if takes == {"string"}:
        return written
    plain = written.strip()
    try:
        value: JsonValue = _PYTHON[plain] if plain in _PYTHON else decoded(plain)
    except (ValueError, RecursionError):
        return written
    return value if takes is None or takes & _KINDS[type(value)] else written


def _kinds(schema: Any, root: Mapping[str, Any], depth: int) -> set[str] | None:
    """The kinds of JSON that a schema takes; None: any."""
    if not isinstance(schema, Mapping) or depth == 0:
        return None
    if isinstance(reference := schema.get("$ref"), str):
        _, _, name = reference.partition("#/$defs/")
        return _kinds(root.get("$defs", {}).get(name), root, depth - 1)
    if kind := schema.get("type"):
        return {kind} if isinstance(kind, str) else set(kind)
    if values := schema.get("enum", [schema["const"]] if "const" in schema else None):
        return set().union(*(_KINDS[type(value)] for value in values))
    parts = [
        _kinds(part, root, depth - 1)
        for word in ("anyOf", "oneOf", "allOf")
        for part in schema.get(word, ())
    ]
    if not parts or None in parts:
        return None
    return set().union(*(part for part in parts if part))
