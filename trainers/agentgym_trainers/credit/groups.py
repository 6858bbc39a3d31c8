"""Statistics within groups, in float64.

In float32 the mean of equal rewards can differ from them by one unit in the last place, and
dividing that by an equally small deviation gives advantages up to 0.6 where there is nothing to
learn. Here a constant group is exactly zero: before anything is divided, its spread is compared
with its size and with the rounding of the numbers that it was computed from.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agentgym.credit import Floats, Integers
from agentgym.errors import option

EPSILON = 1e-6
"""Added to a standard deviation, outside the root, as verl, GiGPO and HGPO do."""
WHITENING = 1e-8
"""Added to a variance, inside the root, where a whole batch is whitened, as verl does."""
CONSTANT = 1e-8
"""A group is constant when max - min <= CONSTANT * max(1, |mean|), or within the values' error."""

Normalise = Literal["mean", "mean_std"]


def pairs(first: Integers, second: Integers) -> Integers:
    """Number the distinct pairs of two columns of numbers, the second's not negative; shape (N,).

    >>> pairs(np.array([0, 1, 0]), np.array([7, 7, 7])).tolist()
    [0, 1, 0]
    """
    both = first * (second.max(initial=0) + 1) + second
    return np.unique(both, return_inverse=True)[1].astype(np.int64)


def centre(
    values: Floats,
    group: Integers,
    normalise: Normalise,
    *,
    counted: NDArray[np.bool_] | None = None,
    singleton_is_zero: bool,
    ddof: Literal[0, 1] = 1,
    epsilon: float = EPSILON,
    error: Floats | None = None,
    weight: Floats | None = None,
) -> Floats:
    """Subtract each group's mean and, for ``mean_std``, divide by its deviation.

        (clip(x, low, high) - mean) / (std + epsilon)  +  e / (max(std, |e|) + epsilon)

    low and high are the least and the greatest of the values that are counted; e = x - clip(x, low,
    high) is what a value that is not counted, one with a penalty, has beyond them. So it is divided
    by the deviation as everything else, but by no deviation smaller than itself: it adds at most 1.

    Args:
        values: shape (N,).
        group: group number of each value, shape (N,).
        normalise: ``mean`` or ``mean_std``.
        counted: the values that enter mean and deviation; default: all. All values are centred.
        singleton_is_zero: a group with one counted value gives 0 (step level); otherwise its mean
            is taken as 0 and its deviation as 1 (episode level).
        ddof: 1 divides the squares by n - 1 (sample deviation), 0 by n (population).
        epsilon: added to the deviation.
        error: how far each value may be off because of the type its terms were given in, shape
            (N,), see :func:`~agentgym_trainers.credit.columns.numbers`; default: not at all.
        weight: how much each value that is counted weighs in the mean, shape (N,); default: 1.

    Returns:
        shape (N,); exactly 0 for all counted values of a constant group.

    Raises:
        UnknownName: there is no such ``normalise``.
    """
    option("normalise", normalise, Normalise)
    if not len(values):
        return np.zeros(0)
    mask = np.ones(len(values), dtype=np.bool_) if counted is None else counted
    size = int(group.max()) + 1
    inside, of = values[mask], group[mask]
    count = np.bincount(of, minlength=size)
    times = np.ones(len(inside)) if weight is None else weight[mask]
    total = np.bincount(of, times, minlength=size)
    mean = np.bincount(of, times * inside, minlength=size) / np.where(total > 0, total, 1.0)
    deviation = inside - mean[of]
    variance = np.bincount(of, deviation**2, minlength=size) / np.maximum(count - ddof, 1)
    std = np.sqrt(variance)
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, of, inside)
    np.maximum.at(high, of, inside)
    low[count == 0], high[count == 0] = -np.inf, np.inf
    tolerance = CONSTANT * np.maximum(1.0, np.abs(mean))
    rounding = tolerance.copy()
    if error is not None:
        np.maximum.at(rounding, group, error)
    same = high - low <= rounding
    std[same], tolerance[same] = 0.0, rounding[same]
    std[count == 0] = 1.0
    if not singleton_is_zero:
        mean[count == 1] = tolerance[count == 1] = 0.0
        std[count == 1] = 1.0
    if normalise == "mean":
        return _unless_tiny(values - mean[group], tolerance[group])
    nearest = values.clip(low[group], high[group])
    within = _unless_tiny(nearest - mean[group], tolerance[group])
    beyond = _unless_tiny(values - nearest, tolerance[group])
    scale = np.maximum(std[group], np.abs(beyond))
    normalised: Floats = within / (std[group] + epsilon) + beyond / (scale + epsilon)
    return normalised


def constant(values: Floats, error: float = 0.0) -> bool:
    """Whether there is no difference among ``values`` but rounding.

    Args:
        values: shape (N,).
        error: how far each may be off, beyond :data:`CONSTANT`.
    """
    if not len(values):
        return True
    tolerance = max(CONSTANT * max(1.0, abs(values.mean())), error)
    return bool(np.ptp(values) <= tolerance)


def _unless_tiny(values: Floats, tolerance: Floats) -> Floats:
    return np.where(np.abs(values) <= tolerance, 0.0, values)


def episode_sums(episode: Integers, values: Floats | Integers) -> Floats:
    """Sum of ``values`` over the episode that each step is of, shape (N,).

    >>> episode_sums(np.array([0, 0, 1]), np.array([1.0, 2.0, 5.0])).tolist()
    [3.0, 3.0, 5.0]
    """
    return np.bincount(episode, values)[episode].astype(np.float64)


def first_steps(episode: Integers) -> NDArray[np.bool_]:
    """True for the first step of each episode, so that an episode counts once; shape (N,)."""
    first = np.zeros(len(episode), dtype=np.bool_)
    first[np.unique(episode, return_index=True)[1]] = True
    return first


def whiten(values: Floats, times: ArrayLike | None = None, error: float = 0.0) -> Floats:
    """(x - mean) / sqrt(variance + 1e-8) over the whole batch, with the sample variance.

    >>> whiten(np.array([1.0, 1.0, 4.0]), [1, 1, 2]).round(3).tolist()
    [-0.866, -0.866, 0.866]

    Args:
        values: shape (N,).
        times: how often each value counts, shape (N,), also a fraction; default: once.
        error: how far any of the values may be off.

    Returns:
        shape (N,); exactly 0 where the values that count are the same, or but one.
    """
    counts = np.ones(len(values)) if times is None else np.asarray(times, dtype=np.float64)
    if constant(values[counts > 0], error):
        return np.zeros(len(values))
    mean = counts @ values / counts.sum()
    variance = counts @ (values - mean) ** 2 / max(1.0, counts.sum() - 1)
    whitened: Floats = (values - mean) / np.sqrt(variance + WHITENING)
    return whitened
