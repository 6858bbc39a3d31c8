"""The keys of a training config, explained: all of them, or those of a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from agentgym.config import describe
from agentgym.errors import BadInput, UnknownName
from agentgym.parts import KINDS, Part, part_class, parts
from agentgym_trainers.command.resolved import said
from agentgym_trainers.config import TrainConfig


class Key(NamedTuple):
    """A key of the config, or a table of it."""

    name: str
    """Dotted; the keys of a part are ``credit[gigpo].gamma``, on the command line credit.gamma."""
    default: str
    """`` = 0.95``, or what there is to say instead."""
    description: str

    @property
    def typed(self) -> str:
        """What it is called on the command line."""
        return re.sub(r"\[\w+\]", "", self.name)


def keys() -> tuple[list[Key], list[str]]:
    """Every key, tables before what is in them; and what is wrong with parts that are broken."""
    found, broken = list[Key](), list[str]()
    for name, field in describe(TrainConfig):
        if name in KINDS or name.partition(".")[0] not in KINDS:
            found.append(_key(name, field))
    for kind in KINDS:
        for name in sorted(parts(kind)):
            try:
                part = part_class(kind, name)
            except BadInput as error:
                broken.append(str(error))
                continue
            found.append(Key(f"{kind}[{name}]", "", _summary(part)))
            found += [_key(key, field) for key, field in describe(part, f"{kind}[{name}].")]
    return [key for key in found if key.description], broken


def about(known: Sequence[Key], asked: str) -> list[Key]:
    """The key that is asked about, and those in it if it is a table.

    Raises:
        UnknownName: there is no such key; the message offers the nearest ones.
    """
    asked = asked.removeprefix("--")
    found = [key for key in known if any(_within(name, asked) for name in (key.name, key.typed))]
    if not found:
        names = {name for key in known for name in (key.name, key.typed)}
        raise UnknownName("key", asked, names, "`agentgym train --help` explains them all.")
    return found


def _within(name: str, table: str) -> bool:
    return name == table or name.startswith((f"{table}.", f"{table}["))


def _key(name: str, field: FieldInfo) -> Key:
    table = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    text = field.description or (_summary(field.annotation) if table else "")
    return Key(name, _default(field), " ".join(text.split()))


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if field.is_required():
        return " (must be set)"
    if default is None or isinstance(default, Part):
        return f" ({said(default)})"
    return "" if isinstance(default, BaseModel) else f" = {said(default)}"


def _summary(model: Any) -> str:
    return (model.__doc__ or "").partition("\n")[0]
