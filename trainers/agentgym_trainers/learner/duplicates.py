"""Rows that say the same are computed once, and count as often as they were sampled.

A loss is a sum over tokens that is linear in their weights (see :class:`Weights`), so one row with
the sum of the weights has the gradient of them all. The members of a group are often alike: in the
quickstart, 64 episodes of a training step are about 16 different ones.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from agentgym_trainers.learner.batches import Weights
from agentgym_trainers.learner.rows import Row


def without_duplicates(
    rows: Sequence[Row], weights: Sequence[Weights]
) -> tuple[list[Row], list[Weights]]:
    """The different rows of a minibatch, each with the weights of all that are like it."""
    first: dict[Hashable, Row] = {}
    same: dict[Hashable, list[Weights]] = {}
    for row, counts in zip(rows, weights, strict=True):
        content = _content(row, counts)
        first.setdefault(content, row)
        same.setdefault(content, []).append(counts)
    return list(first.values()), [_sum(alike) for alike in same.values()]


def _content(row: Row, counts: Weights) -> Hashable:
    """Everything that the loss of a row is not linear in."""
    return (
        tuple(row.ids),
        tuple(row.mask),
        tuple(row.logprobs),
        tuple(row.importance),
        tuple(action.ends for action in row.actions),
        (counts.preserve > 0).tobytes(),
    )


def _sum(weights: Sequence[Weights]) -> Weights:
    names = vars(weights[0])
    return Weights(**{name: np.sum([vars(each)[name] for each in weights], 0) for name in names})
