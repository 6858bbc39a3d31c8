"""Honest intervals for evaluations: episodes of one task resemble each other, so tasks count.

pass@k after Chen et al. 2021 (arXiv 2107.03374); success rates after Korn & Graubard 1998
(Survey Methodology 24, 193-201); means and paired differences by clustered standard errors and
Student's t. All intervals are 95 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb, inf, sqrt

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import special  # a tenth of a second; scipy.stats is a second

from agentgym.errors import BadInput

LOW, HIGH = 0.025, 0.975


class Interval(BaseModel):
    """An estimate and its 95 % interval."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"


def mean_of(intervals: Sequence[Interval]) -> Interval:
    """The mean of independent estimates, each counting the same, by the MOVER of Zou & Donner 2008
    (Statistics in Medicine 27, 1693-1702), which keeps the shape of each one's limits:

        mean -+ sqrt(sum over estimates (mean_i - limit_i)^2) / number of estimates
    """
    if not intervals:
        raise BadInput("a mean needs at least one estimate")
    mean = sum(one.mean for one in intervals) / len(intervals)
    below = sqrt(sum((one.mean - one.low) ** 2 for one in intervals)) / len(intervals)
    above = sqrt(sum((one.high - one.mean) ** 2 for one in intervals)) / len(intervals)
    return Interval(mean=mean, low=mean - below, high=mean + above)


class Difference(Interval):
    """The mean difference of two paired samples, and how surprising it would be if it were 0."""

    p: float
    """Two-sided p value."""
    tasks: int

    def __str__(self) -> str:
        p = "p < 0.001" if self.p < 0.001 else f"p = {self.p:.3f}"
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}], {p}"


def pass_at_k(n: int, c: int, k: int) -> float:
    """Chance that one of ``k`` episodes succeeds, unbiased: 1 - C(n - c, k) / C(n, k).

    >>> pass_at_k(n=4, c=1, k=2)
    0.5

    Args:
        n: episodes played.
        c: how many of them succeeded.
        k: episodes one may try.
    """
    if not 1 <= k <= n:
        raise BadInput(f"pass@{k} needs k between 1 and the number of episodes, which is {n}")
    if not 0 <= c <= n:
        raise BadInput(f"{c} successes in {n} episodes")
    return 1.0 - comb(n - c, k) / comb(n, k)


def success_interval(values_by_task: Sequence[Sequence[bool | float]]) -> Interval:
    """A success rate, with Clopper-Pearson limits at the effective number of episodes.

    With p the rate of all n episodes, of K tasks, and var its variance clustered by task,

        n_eff = n * p(1 - p) / ((n - 1) * var), at most n;  K where var = 0

    so one episode a task is the exact binomial interval, and 100 % has an interval too. Their
    further factor for the degrees of freedom is left out: it is 1 at one episode a task.
    """
    sizes, sums = _clusters(values_by_task)
    n, tasks = int(sizes.sum()), len(sizes)
    p = float(sums.sum() / n)
    if not all(0 <= float(value) <= 1 for values in values_by_task for value in values):
        raise BadInput("successes are True, False, or numbers from 0 to 1")
    variance = _variance_of_mean(sizes, sums)
    effective = float(tasks)
    if tasks > 1 and variance > 1e-15:
        effective = min(n, n * p * (1 - p) / ((n - 1) * variance))
    won, lost = p * effective, (1 - p) * effective
    low = float(special.betaincinv(won, lost + 1, LOW)) if p > 0 else 0.0
    high = float(special.betaincinv(won + 1, lost, HIGH)) if p < 1 else 1.0
    return Interval(mean=p, low=low, high=high)


def mean_interval(values_by_task: Sequence[Sequence[float]]) -> Interval:
    """The mean over all n episodes, +- t(K - 1) * sqrt(var), clustered by the K tasks.

        var = K / (K - 1) * sum over tasks (sum over its episodes (x - mean))^2 / n^2

    One task says nothing of how tasks differ: its interval is infinite.
    """
    sizes, sums = _clusters(values_by_task)
    mean = float(sums.sum() / sizes.sum())
    if len(sizes) == 1:
        return Interval(mean=mean, low=-inf, high=inf)
    half = float(special.stdtrit(len(sizes) - 1, HIGH)) * sqrt(_variance_of_mean(sizes, sums))
    return Interval(mean=mean, low=mean - half, high=mean + half)


def paired_difference(
    before: Mapping[str, Sequence[float]], after: Mapping[str, Sequence[float]]
) -> Difference:
    """``after - before`` by task id: the t interval and t test of the K differences of task means.

    One task: an infinite interval and p = 1. All differences equal, so that t is not defined: the
    interval is a point, and p that of a sign test, 2^(1 - K), or 1 when the difference is 0.
    """
    if before.keys() != after.keys():
        apart = sorted(before.keys() ^ after.keys())
        raise BadInput(
            f"only the same tasks can be compared; {len(apart)} are on one side only: "
            f"{', '.join(apart[:5])}{', ...' if len(apart) > 5 else ''}. Evaluate both on one split"
        )
    left, right = (_clusters(list(side.values())) for side in (before, after))
    order = {task: place for place, task in enumerate(after)}
    means = right[1] / right[0]
    difference = means[[order[task] for task in before]] - left[1] / left[0]
    mean, tasks = float(difference.mean()), len(difference)
    if tasks == 1:
        return Difference(mean=mean, low=-inf, high=inf, p=1.0, tasks=1)
    error = float(difference.std(ddof=1)) / sqrt(tasks)
    if error <= 1e-12 * max(1.0, abs(mean)):
        p = 1.0 if abs(mean) <= 1e-12 else 2.0 ** (1 - tasks)
        return Difference(mean=mean, low=mean, high=mean, p=p, tasks=tasks)
    half = float(special.stdtrit(tasks - 1, HIGH)) * error
    p = 2 * float(special.stdtr(tasks - 1, -abs(mean) / error))
    return Difference(mean=mean, low=mean - half, high=mean + half, p=p, tasks=tasks)


Floats = NDArray[np.float64]


def _clusters(values_by_task: Sequence[Sequence[float]]) -> tuple[Floats, Floats]:
    """Episodes and sum of each task, shapes (K,)."""
    if not values_by_task or not all(len(values) for values in values_by_task):
        raise BadInput("an interval needs at least one task and one episode of every task")
    sizes = np.array([len(values) for values in values_by_task], dtype=np.float64)
    return sizes, np.array([float(sum(values)) for values in values_by_task])


def _variance_of_mean(sizes: Floats, sums: Floats) -> float:
    """Clustered variance of the mean of all episodes; 0 for one task."""
    n, tasks = sizes.sum(), len(sizes)
    if tasks == 1:
        return 0.0
    residuals = sums - sizes * (sums.sum() / n)
    return float(tasks / (tasks - 1) * (residuals**2).sum() / n**2)
