"""Rows that say the same are computed once, and learnt from as often as they were sampled."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_rows import gradient, learner_of, on_policy, some_rows

from agentgym_trainers.learner.batches import weigh
from agentgym_trainers.learner.duplicates import without_duplicates
from agentgym_trainers.objectives.gmpo import GMPO
from agentgym_trainers.objectives.gspo import GSPO
from agentgym_trainers.objectives.llds import LLDS
from agentgym_trainers.objectives.ppo_clip import PPOClip

OBJECTIVES = [
    PPOClip(entropy_coef=0.01, clip_low=0.01, clip_high=0.01),
    PPOClip(aggregation="seq-mean-token-mean", llds=LLDS(coef=0.3)),
    GSPO(),
    GMPO(clip_low=0.05, clip_high=0.05),
]


def with_twins(model):
    """Six rows and three that are like the first three, but for their trajectory's advantages."""
    rows = on_policy(model, some_rows())
    for row in rows:
        row.logprobs = [p + 0.1 * own for p, own in zip(row.logprobs, row.mask, strict=True)]
    for number, row in enumerate(deepcopy(rows[:3]), start=100):
        row.family = number
        row.actions = [
            replace(action, trajectories=[number], advantages=0.5 * action.advantages)
            for action in row.actions
        ]
        rows.append(row)
    return rows


def told_apart(rows):
    """The same rows, with a mark where nothing is sampled, so that no two say the same."""
    rows = deepcopy(rows)
    for number, row in enumerate(rows):
        row.logprobs[0] = float(number)
    return rows


def test_twins_are_one_row_that_has_their_weights(model):
    rows = with_twins(model)
    weights = weigh(rows, "token-mean")
    different, summed = without_duplicates(rows, weights)
    assert different == rows[:-3]
    for at, row in enumerate(different):
        duplicate = len(different) + at
        times = 2 if at < 3 else 1
        assert summed[at].count.tolist() == [times * own for own in row.mask]
        if times == 2:
            assert np.array_equal(
                summed[at].positive, weights[at].positive + weights[duplicate].positive
            )
    assert len(without_duplicates(told_apart(rows), weights)[0]) == len(rows)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: f"{o.name} {o.aggregation}")
def test_the_update_is_that_of_all_rows(model, objective):
    rows = with_twins(model)
    once = gradient(model, rows, objective=objective)
    each = gradient(model, told_apart(rows), objective=objective)
    assert once.abs().max() > 1e-3
    assert torch.allclose(once, each, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: f"{o.name} {o.aggregation}")
def test_the_numbers_are_means_over_all_sampled_tokens(model, objective):
    rows = with_twins(model)
    once, each = (
        learner_of(model).reinforce(some, objective, temperature=1.0, lr=0.0, seed=0)
        for some in (rows, told_apart(rows))
    )
    assert once == pytest.approx(each, abs=1e-5)
    assert once["mismatch"] > 0.05
