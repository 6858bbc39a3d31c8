"""How the config that a run was begun with differs from today's, in words.

A key that the former config lacks had its default: what is not set is not written, and an older
version did not know the key. A key that this version does not have cannot be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import PydanticUndefined, to_jsonable_python

from agentgym.parts import Part
from agentgym_trainers.config import DEFAULT_PARTS


class Difference(NamedTuple):
    """A key whose value differs."""

    key: str
    """Dotted."""
    words: str
    unknown: bool = False
    """Whether this version has no such key."""


def differences(
    former: Mapping[str, Any], table: BaseModel, name: str = ""
) -> Iterator[Difference]:
    """The keys of a table that had another value in a config file.

    Args:
        former: the table as the file has it.
        table: the table now.
        name: what a config file calls it.
    """
    fields = type(table).model_fields
    for key in (key for key in former if key not in fields):
        yield Difference(_in(name, key), f"{former[key]!r} there, unknown to this version", True)
    for key, field in fields.items():
        default = field.get_default(call_default_factory=True)
        old = former.get(key, _plain(default))
        yield from _compared(old, getattr(table, key), _in(name, key))


def _compared(old: Any, new: Any, key: str) -> Iterator[Difference]:
    match old, new:
        case Mapping(), Part() if (part := _part(old, key)) != new.name:  # it has other keys
            yield Difference(_in(key, "name"), f"{_said(part)} there, {_said(new.name)} now")
        case Mapping(), BaseModel():
            yield from differences(old, new, key)
        case Mapping(), Mapping():
            for name in {**old, **new}:
                yield from _compared(old.get(name), new.get(name), _in(key, name))
        case list(), list() | tuple() if len(old) == len(new):
            for place, (one, other) in enumerate(zip(old, new, strict=True)):
                yield from _compared(one, other, f"{key}[{place}]")
        case _ if old != _plain(new):
            yield Difference(key, f"{_said(old)} there, {_said(_plain(new))} now")


def _part(table: Mapping[str, Any], kind: str) -> Any:
    """The part that a table names."""
    return table.get("name", DEFAULT_PARTS.get(kind, {}).get("name"))


def _in(table: str, key: str) -> str:
    return f"{table}.{key}" if table else key


def _plain(value: Any) -> Any:
    """A value as a config file has it."""
    return None if value is PydanticUndefined else to_jsonable_python(value, exclude_none=True)


def _said(value: Any) -> str:
    return "not set" if value is None else repr(value)
