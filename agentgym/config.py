"""One typed configuration: TOML file, command-line overrides, and errors that name the mend."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from agentgym.errors import BadInput

M = TypeVar("M", bound=BaseModel)
BYTE_ORDER_MARK = "\ufeff"  # some editors begin a file with it
SETTINGS = ConfigDict(
    frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
)
"""What the tables of a training run have in common."""


def read_toml(path: Path | str) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        BadInput: it cannot be read, is not UTF-8, or not TOML; the message says where.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
        return tomllib.loads(text.removeprefix(BYTE_ORDER_MARK))
    except FileNotFoundError:
        raise BadInput(f"no config file {path}") from None
    except IsADirectoryError:
        raise BadInput(f"{path} is a folder, not a config file") from None
    except OSError as error:
        raise BadInput(f"cannot read the config file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path} is not UTF-8: byte {error.start} cannot be read; save it as UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is not TOML: {error}") from None


def override(tables: dict[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
    """Apply ``--table.key=value`` arguments; a value is TOML, or else text.

    Raises:
        BadInput: an argument has no such form.
    """
    for argument in arguments:
        key, equals, text = argument.removeprefix("--").partition("=")
        if not (argument.startswith("--") and equals and key):
            raise BadInput(f"cannot read {argument!r}; overrides look like --table.key=value")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        *path, last = key.split(".")
        table = tables
        for name in path:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise BadInput(f"cannot set {key!r}: {name!r} is a value, not a table")
        table[last.replace("-", "_")] = value
    return tables


def validate(model: type[M], tables: dict[str, Any], source: str) -> M:
    """Make the model, or say everything that is wrong in one error.

    Raises:
        BadInput: a line for each wrong key; an unknown key names its nearest neighbour.
    """
    try:
        return model.model_validate(tables)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            place = [str(part) for part in problem["loc"]]
            where = ".".join(place)
            if problem["type"] == "extra_forbidden":
                known = [name.split(".")[-1] for name, _ in describe(model) if _same(name, place)]
                near = get_close_matches(place[-1], known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
                lines.append(f"unknown key {where!r}; {hint}")
            else:
                got = "" if isinstance(problem["input"], dict) else f" (got {problem['input']!r})"
                lines.append(f"{where or 'config'}: {problem['msg']}{got}")
        raise BadInput(f"{source}:\n  " + "\n  ".join(lines)) from error


def _same(name: str, place: Sequence[str]) -> bool:
    """Whether a described field lies in the table of ``place``, less union tags and list places."""
    table = [part for part in place[:-1] if not (part[:1].isupper() or part.isdigit())]
    return name.split(".")[:-1] == table


def describe(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every field with its dotted name, tables before what is in them."""
    for name, field in model.model_fields.items():
        yield prefix + name, field
        for inner in _models(field.annotation):
            yield from describe(inner, f"{prefix}{name}.")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in {Annotated, Union, UnionType, list}:
        for part in get_args(annotation):
            yield from _models(part)
