"""The parts that a training run is put together from: rollouts x context x credit x objective.

A part is a frozen set of hyper-parameters with a name, and what it does is a method or two. Parts
are found by name in the entry-point groups of :data:`KINDS`, ours and those of other packages.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from pydantic import BaseModel

from agentgym.config import SETTINGS, validate
from agentgym.errors import BadInput, UnknownName

KINDS = {
    "rollouts": "agentgym.rollouts",
    "context": "agentgym.contexts",
    "credit": "agentgym.credit",
    "objective": "agentgym.objectives",
    "shaping": "agentgym.shaping",
}
"""What a config calls the kind -> the entry-point group where its parts are."""


class Part(BaseModel):
    """Base of all parts; the fields of a subclass are its hyper-parameters."""

    model_config = SETTINGS

    name: str
    """What a config file calls it."""


def parts(kind: str) -> dict[str, Any]:
    """Every installed part of a kind: name -> entry point (``load()`` gives the class)."""
    return {point.name: point for point in entry_points(group=KINDS[kind])}


def part_class(kind: str, name: str) -> type[Part]:
    """The class of a part.

    Raises:
        UnknownName: no installed package offers it.
        BadInput: the package that offers it is broken.
    """
    known = parts(kind)
    if name not in known:
        raise UnknownName(kind, name, known)
    where = f"{kind} {name!r} is {known[name].value}"
    try:
        found = known[name].load()
    except Exception as error:  # whatever a package of somebody else does when it is imported
        raise BadInput(
            f"{where}, which cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Part)):
        raise BadInput(f"{where}, which is no class of parts")
    return found


def part_of(kind: str, table: Any, source: str) -> Part:
    """The part that a table of a config file names.

    Raises:
        UnknownName: there is no such part.
        BadInput: the table has no name, or one of its keys is wrong.
    """
    if not isinstance(table, Mapping) or not isinstance(name := table.get("name"), str):
        raise BadInput(f"{source} needs a name; known: {', '.join(sorted(parts(kind)))}")
    return validate(part_class(kind, name), dict(table), source)
