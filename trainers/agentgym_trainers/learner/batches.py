"""Rows as padded tensors, with what each token counts in the update that they are part of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from agentgym.credit import Floats
from agentgym_trainers.learner.rows import Row
from agentgym_trainers.objectives.aggregation import Aggregation, token_weights
from agentgym_trainers.rollouts.rollouts import Attribution


@dataclass(frozen=True)
class Weights:
    """What the tokens of a row count, shape (L,) each; 0 where not sampled.

    An objective is positively homogeneous in the advantage, so a token that trajectories i share
    has the loss  sum_i w_i l(A_i) = l(sum_i w_i max(A_i, 0)) + l(sum_i w_i min(A_i, 0)).
    """

    positive: Floats
    """sum_i w_i max(A_i, 0)"""
    negative: Floats
    """sum_i w_i min(A_i, 0)"""
    weight: Floats
    """sum_i w_i"""
    preserve: Floats
    """1 / T for the T tokens of the minibatch whose advantages add up to at least 0, else 0."""
    count: Floats
    """How many sampled tokens it stands for."""


def weigh(
    rows: Sequence[Row],
    aggregation: Aggregation,
    *,
    max_length: int | None = None,
    attribution: Attribution = "soft",
) -> list[Weights]:
    """What each token of a minibatch counts.

    Args:
        rows: the whole minibatch.
        aggregation, max_length: see :func:`token_weights`.
        attribution: of a token that several trajectories share: ``soft`` takes each one's
            advantage, ``hard`` their mean in place of each (ARPO, arXiv 2507.19849, section 3.2).
    """
    numbers = [i for row in rows for action in row.actions for i in action.trajectories]
    lengths = np.zeros(1 + max(numbers, default=-1))
    for row in rows:
        for action in row.actions:
            lengths[action.trajectories] += action.advantages.shape[1]
    each = token_weights(lengths, aggregation, max_length)
    weighed = []
    for row in rows:
        counts = Weights(*(np.zeros(len(row)) for _ in range(5)))
        for action in row.actions:
            advantages = action.advantages
            if attribution == "hard":
                advantages = np.broadcast_to(advantages.mean(0), advantages.shape)
            own, places = each[action.trajectories][:, None], slice(*action.ends)
            counts.positive[places] = (own * advantages.clip(min=0)).sum(0)
            counts.negative[places] = (own * advantages.clip(max=0)).sum(0)
            counts.weight[places] = own.sum()
            counts.preserve[places] = counts.positive[places] + counts.negative[places] >= 0
            counts.count[places] = 1
        weighed.append(counts)
    preserved = max(1.0, sum(counts.preserve.sum() for counts in weighed))
    for counts in weighed:
        counts.preserve[:] /= preserved
    return weighed


@dataclass(frozen=True)
class Batch:
    """Rows padded on the right, shape (N, L)."""

    numbers: list[int]
    """Which of the minibatch's rows they are."""
    ids: Tensor
    mask: Tensor
    action: Tensor
    """Number of the action in its row that each token belongs to, from 1; 0 outside."""
    logprobs: Tensor
    importance: Tensor
    positive: Tensor
    negative: Tensor
    weight: Tensor
    preserve: Tensor
    count: Tensor


def micro_batches(
    rows: Sequence[Row], weights: Sequence[Weights], micro_tokens: int, device: str
) -> Iterator[Batch]:
    """Pad rows of similar length together, at most ``micro_tokens`` padded tokens a batch.

    Args:
        rows: of one minibatch.
        weights: of each row.
        micro_tokens: a longer row is a batch of its own.
        device: where the tensors go.
    """
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    batch: list[int] = []
    for i in order:
        if batch and (len(batch) + 1) * len(rows[i]) > micro_tokens:
            yield _pad(rows, weights, batch, device)
            batch = []
        batch.append(i)
    if batch:
        yield _pad(rows, weights, batch, device)


def _pad(rows: Sequence[Row], weights: Sequence[Weights], numbers: list[int], device: str) -> Batch:
    def stack(values: Iterable[Tensor]) -> Tensor:
        return torch.nn.utils.rnn.pad_sequence(list(values), batch_first=True).to(device)

    chosen, counts = [rows[i] for i in numbers], [weights[i] for i in numbers]
    return Batch(
        numbers=numbers,
        ids=stack(torch.tensor(row.ids) for row in chosen),
        mask=stack(torch.tensor(row.mask) for row in chosen),
        action=stack(_numbered(row) for row in chosen),
        logprobs=stack(torch.tensor(row.logprobs) for row in chosen),
        importance=stack(torch.tensor(row.importance) for row in chosen),
        positive=stack(torch.from_numpy(of.positive).float() for of in counts),
        negative=stack(torch.from_numpy(of.negative).float() for of in counts),
        weight=stack(torch.from_numpy(of.weight).float() for of in counts),
        preserve=stack(torch.from_numpy(of.preserve).float() for of in counts),
        count=stack(torch.from_numpy(of.count).long() for of in counts),
    )


def _numbered(row: Row) -> Tensor:
    numbers = torch.zeros(len(row), dtype=torch.long)
    for number, action in enumerate(row.actions, start=1):
        numbers[slice(*action.ends)] = number
    return numbers
