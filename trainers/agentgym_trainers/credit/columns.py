"""Plain columns, checked: what a caller gives becomes numbers of which nothing is doubtful.

A column that is too short, a flag that is not one or a state that cannot be compared would give
credit that is wrong and looks right, so each is refused by name.
"""

import math
from collections.abc import Hashable, Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agentgym.credit import Floats, Integers
from agentgym.errors import BadInput

PLAIN = {str, int, bool, type(None)}
"""Types whose values are their own identity."""
Entry = Literal["step", "sampled token"]


def codes(*columns: Iterable[Any]) -> Integers:
    """Number the distinct rows of ``columns`` by first appearance, shape (N,).

    Raises:
        BadInput: the columns differ in length, or an entry cannot be compared by content.
    """
    entries = [_entries(column) for column in columns]
    lengths = [len(column) for column in entries]
    if len(set(lengths)) > 1:
        raise BadInput(
            f"columns of {', '.join(map(str, lengths))} entries: each step needs one in every "
            "column (group, trajectory, anchor, ...)"
        )
    numbers: dict[Hashable, int] = {}
    rows = zip(*map(_identities, entries), strict=True)
    return np.array([numbers.setdefault(row, len(numbers)) for row in rows], dtype=np.int64)


def _entries(column: Iterable[Any]) -> list[Any]:
    if hasattr(column, "__array__"):  # NumPy, PyTorch, pandas
        return list(np.asarray(column).tolist())
    return list(column)


def _identities(entries: list[Any]) -> Iterable[Hashable]:
    return entries if set(map(type, entries)) <= PLAIN else map(identity, entries)


def identity(value: Any) -> Hashable:
    """A hashable value that is equal exactly when ``value`` is: arrays, lists and dicts by content.

    Raises:
        BadInput: the value cannot be compared by content.
    """
    match value:
        case float() if math.isnan(value):
            raise BadInput("NaN identifies no state, group or trajectory")
        case str() | int() | float() | None:
            return value
        case list() | tuple():
            return tuple(map(identity, value))
        case dict():
            return ("dict", frozenset((key, identity(item)) for key, item in value.items()))
        case _ if hasattr(value, "__array__"):
            array = np.asarray(value)
            if array.ndim == 0:
                return identity(array.item())
            return ("array", array.shape, tuple(map(identity, array.ravel().tolist())))
        case Hashable() if type(value).__hash__ is not object.__hash__:
            return value
    raise BadInput(
        f"a {type(value).__name__} identifies no state, group or trajectory; use text, numbers, "
        "or lists, dicts and arrays of them"
    )


def finite(name: str, values: ArrayLike, count: int, of: Entry = "step") -> Floats:
    """``values`` as float64, shape (count,).

    Raises:
        BadInput: one of them is NaN or infinite, or there are more or fewer.
    """
    array = _column(name, values, count, of).astype(np.float64)
    if not np.isfinite(array).all():
        where = int(np.argmin(np.isfinite(array)))
        raise BadInput(f"{name}[{where}] is {array[where]}; credit needs finite numbers")
    return array


def flags(name: str, values: ArrayLike, count: int) -> NDArray[np.bool_]:
    """``values`` as booleans, shape (count,); 0 and 1 are also flags.

    Raises:
        BadInput: one of them is something else, or there are more or fewer.
    """
    array = _column(name, values, count)
    if array.dtype.kind not in "biuf" or not np.isin(array, [0, 1]).all():
        raise BadInput(f"{name} holds something that is neither True nor False")
    return array.astype(np.bool_)


def counts(name: str, values: ArrayLike, count: int) -> Integers:
    """``values`` as whole numbers from 0, shape (count,).

    Raises:
        BadInput: one of them is something else, or there are more or fewer.
    """
    array = finite(name, values, count)
    doubtful = (array < 0) | (array != np.floor(array))
    if doubtful.any():
        where = int(np.argmax(doubtful))
        raise BadInput(f"{name}[{where}] is {array[where]:g}; it must be a whole number from 0")
    return array.astype(np.int64)


def _column(name: str, values: ArrayLike, count: int, of: Entry = "step") -> NDArray[Any]:
    array = np.asarray(values)
    if array.shape != (count,):
        raise BadInput(f"{name} has shape {array.shape}; it needs ({count},), one for each {of}")
    return array
