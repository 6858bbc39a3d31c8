"""A configuration as TOML that says everything, with the defaults beside what differs from them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from agentgym.parts import Part


class Line(NamedTuple):
    """A line of a config file."""

    text: str
    default: str = ""
    """What stands there by default; empty where the line says the same."""


def resolved(table: BaseModel, default: BaseModel | None = None, name: str = "") -> Iterator[Line]:
    """The lines of a table, and of the tables in it.

    Args:
        table: the settings.
        default: what they are by default; None: the defaults of their class.
        name: what a config file calls the table.
    """
    inner: list[tuple[str, BaseModel, Any]] = []
    for key, field in type(table).model_fields.items():
        value = getattr(table, key)
        usual = getattr(default, key) if default else field.get_default(call_default_factory=True)
        if isinstance(value, BaseModel):
            inner.append((f"{name}.{key}" if name else key, value, usual))
        else:
            text = f"# {key} is not set" if value is None else f"{key} = {toml(value)}"
            yield Line(text, "" if value == usual else said(usual))
    for place, value, usual in inner:
        same = type(value) is type(usual)
        yield Line("")
        yield Line(f"[{place}]", "" if same else said(usual))
        yield from resolved(value, usual if same else None, place)


def said(default: Any) -> str:
    """A default in words: TOML has no word for None, and a part is known by its name."""
    if default is PydanticUndefined:
        return "none, it must be set"
    if isinstance(default, Part):
        return f"name = {toml(default.name)}"
    return "not set" if default is None else toml(default)


def toml(value: Any) -> str:
    """A value as TOML, on one line."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case BaseModel():
            return toml(value.model_dump(exclude_none=True))
        case Mapping():
            inside = ", ".join(f"{_key(key)} = {toml(one)}" for key, one in value.items())
            return f"{{ {inside} }}" if inside else "{}"
        case list() | tuple():
            return f"[{', '.join(toml(one) for one in value)}]"
        case _:
            return json.dumps(str(value), ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
