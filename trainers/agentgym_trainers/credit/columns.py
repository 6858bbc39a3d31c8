"""Plain columns, checked: what a caller gives becomes numbers of which nothing is doubtful.

A column that is too short, a flag that is not one or a state that cannot be compared would give
credit that is wrong and looks right, so each is refused by name.
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agentgym.credit import Floats, Integers
from agentgym.errors import BadInput
from agentgym.numbers import number

DOUBLE = float(np.finfo(np.float64).eps)
ROUNDINGS = 4
"""How many roundings of its type a number may have gone through before it was given."""
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


def numbers(name: str, values: ArrayLike, count: int, of: Entry = "step") -> tuple[Floats, Floats]:
    """``values`` as float64, and how far each may be from what was meant; both of shape (count,).

    A float32 holds 3.3 to seven digits, so a sum of such numbers is known no better, although it is
    computed in float64. The second array has :data:`ROUNDINGS` units in the last place of the type
    that each number was given in; summed like the numbers, it bounds the error of their sum.

    Raises:
        BadInput: an entry is no number (it may be NaN or infinite) or masked, or there are more or
            fewer.
    """
    column = _column(name, values, count, of)
    floats = _floats(name, column)
    if column.dtype.kind == "O":
        units = np.array([_unit(value) for value in column], dtype=np.float64)
    else:
        units = np.full(count, _unit(values if _is_tensor(values) else column))
    return floats, ROUNDINGS * units * np.abs(floats)


def measured(name: str, values: ArrayLike, count: int, of: Entry = "step") -> tuple[Floats, Floats]:
    """As :func:`numbers`, all of them finite.

    Raises:
        BadInput: an entry is NaN, infinite or no number, or there are more or fewer.
    """
    array, error = numbers(name, values, count, of)
    if not np.isfinite(array).all():
        where = int(np.argmin(np.isfinite(array)))
        raise BadInput(f"{name}[{where}] is {array[where]}; credit needs finite numbers")
    return array, error


def finite(name: str, values: ArrayLike, count: int, of: Entry = "step") -> Floats:
    """The numbers of :func:`measured` alone, shape (count,)."""
    return measured(name, values, count, of)[0]


def flags(name: str, values: ArrayLike, count: int) -> NDArray[np.bool_]:
    """``values`` as booleans, shape (count,); 0 and 1 are also flags.

    Raises:
        BadInput: one of them is something else, or there are more or fewer.
    """
    column = _column(name, values, count)
    wrong = f"{name} holds something that is neither True nor False"
    try:
        array = _floats(name, column)
    except BadInput as error:
        raise BadInput(f"{wrong}: {error}") from None
    if not (known := np.isin(array, [0, 1])).all():
        where = int(np.argmin(known))
        raise BadInput(f"{wrong}: {name}[{where}] is {array[where]:g}")
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


def _floats(name: str, column: NDArray[Any]) -> Floats:
    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    return np.array([number(x, f"{name}[{i}]") for i, x in enumerate(column)], dtype=np.float64)


def _column(name: str, values: Any, count: int, of: Entry = "step") -> NDArray[Any]:
    """An array of numbers; or of objects, where those that were given are of other types."""
    if isinstance(values, np.ma.MaskedArray) and np.any(values.mask):
        raise BadInput(f"{name}[{int(np.argmax(values.mask))}] is masked; it must be a number")
    array: NDArray[Any]
    if _is_tensor(values):
        held = values.detach().cpu()
        array = (held.double() if held.is_floating_point() else held).numpy()
    elif isinstance(getattr(values, "dtype", None), np.dtype):
        array = np.asarray(values)
    else:
        array = _listed(values)
    if array.shape != (count,):
        raise BadInput(f"{name} has shape {array.shape}; it needs ({count},), one for each {of}")
    return array


def _listed(values: Any) -> NDArray[Any]:
    """A list, or what is like one: a column of pandas with a type of its own."""
    is_list = isinstance(values, Sequence) and not isinstance(values, (str, bytes))
    if not is_list and not hasattr(values, "__array__"):
        return np.asarray(None)
    entries = list(values)
    types = set(map(type, entries))
    scalars = len(types) == 1 and issubclass(next(iter(types)), np.generic)
    if scalars or types <= {float, int, bool}:
        return np.asarray(entries)
    return np.fromiter(entries, dtype=object, count=len(entries))


def _unit(value: Any) -> float:
    """The distance of 1 to the next number, in the type that a number or a column was given in."""
    if _is_tensor(value):
        import torch  # noqa: PLC0415  it is there, where a tensor is

        return torch.finfo(value.dtype).eps if value.is_floating_point() else DOUBLE
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "f":
        return max(DOUBLE, float(np.finfo(dtype).eps))
    return DOUBLE


def _is_tensor(values: Any) -> bool:
    return hasattr(values, "detach")
