"""Statistics within groups, in float64.

In float32 the mean of equal rewards can differ from them by one unit in the last place, and
dividing that by an equally small deviation gives advantages up to 0.6 where there is nothing to
learn. Here a constant group is exactly zero: its spread is compared with its size before anything
is divided.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agentgym.credit import Floats, Integers
from agentgym.errors import BadInput

EPSILON = 1e-6
"""Added to a standard deviation, outside the root, as verl, GiGPO and HGPO do."""
CONSTANT = 1e-8
"""A group is constant when max - min <= CONSTANT * max(1, |mean|)."""

Normalise = Literal["mean", "mean_std"]


def codes(*columns: Sequence[Any]) -> Integers:
    """Number the distinct rows of ``columns`` by first appearance, shape (N,)."""
    numbers: dict[Hashable, int] = {}
    rows = zip(*(map(identity, column) for column in columns), strict=True)
    return np.array([numbers.setdefault(row, len(numbers)) for row in rows], dtype=np.int64)


def identity(value: Any) -> Hashable:
    """A hashable value that is equal exactly when ``value`` is: arrays, lists and dicts by content.

    Raises:
        BadInput: the value cannot be compared by content.
    """
    match value:
        case str() | int() | float() | None:
            return value
        case np.ndarray():
            return ("array", value.shape, tuple(value.ravel().tolist()))
        case np.generic():
            return cast(Hashable, value.item())
        case list() | tuple():
            return tuple(map(identity, value))
        case dict():
            return ("dict", frozenset((key, identity(item)) for key, item in value.items()))
        case Hashable():
            return value
        case _:
            raise BadInput(f"a {type(value).__name__} cannot identify a state; use text or numbers")


def finite(name: str, values: ArrayLike) -> Floats:
    """``values`` as float64.

    Raises:
        BadInput: one of them is NaN or infinite; the message names the first.
    """
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        where = int(np.argmin(np.isfinite(array)))
        raise BadInput(f"{name}[{where}] is {array[where]}; credit needs finite numbers")
    return array


def centre(
    values: Floats,
    group: Integers,
    normalise: Normalise,
    *,
    counted: NDArray[np.bool_] | None = None,
    singleton_is_zero: bool,
    ddof: Literal[0, 1] = 1,
) -> Floats:
    """Subtract each group's mean and, for ``mean_std``, divide by its deviation.

    Args:
        values: shape (N,).
        group: group number of each value, shape (N,).
        normalise: ``mean`` or ``mean_std``.
        counted: the values that enter the statistics; default: all. All values are centred.
        singleton_is_zero: a group with one counted value gives 0 (step level); otherwise its mean
            is taken as 0 and its deviation as 1 (episode level).
        ddof: 1 divides the squares by n - 1 (sample deviation), 0 by n (population).

    Returns:
        shape (N,); exactly 0 for all values of a constant group.
    """
    if not len(values):
        return np.zeros(0)
    mask = np.ones(len(values), dtype=np.bool_) if counted is None else counted
    size = int(group.max()) + 1
    inside, of = values[mask], group[mask]
    count = np.bincount(of, minlength=size)
    mean = np.bincount(of, inside, minlength=size) / np.maximum(count, 1)
    deviation = inside - mean[of]
    variance = np.bincount(of, deviation**2, minlength=size) / np.maximum(count - ddof, 1)
    std = np.sqrt(variance)
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, of, inside)
    np.maximum.at(high, of, inside)
    tolerance = CONSTANT * np.maximum(1.0, np.abs(mean))
    std[high - low <= tolerance] = 1.0  # a value outside the statistics must not be divided by 0
    if not singleton_is_zero:
        mean[count == 1] = tolerance[count == 1] = 0.0
    centred: Floats = values - mean[group]
    centred[np.abs(centred) <= tolerance[group]] = 0.0
    if normalise == "mean_std":
        centred /= std[group] + EPSILON
    return centred
