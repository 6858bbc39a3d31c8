"""One update: the gradient of the sampled tokens, and nothing else."""

import math
import random
from copy import deepcopy

import numpy as np
import pytest
import torch
from made_rows import (
    episode,
    gradient,
    learner_of,
    on_policy,
    set_advantage,
    some_rows,
)

from agentgym.errors import AgentGymError
from agentgym_trainers.config import OptimizerConfig
from agentgym_trainers.learner.learner import Learner
from agentgym_trainers.learner.rows import Row, rows_of
from agentgym_trainers.objectives.ppo_clip import PPOClip

AGGREGATIONS = [
    "token-mean",
    "seq-mean-token-sum",
    "seq-mean-token-mean",
    "seq-mean-token-sum-norm",
]


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_one_row_for_a_trajectory_is_one_row_for_each_step(model, aggregation):
    rng = random.Random(1)
    joined = [episode(rng, [0] * steps, name=str(steps)) for steps in (3, 1, 2)]
    split = deepcopy(joined)
    for together, apart in zip(joined, split, strict=True):
        for i, step in enumerate(apart.steps):
            step.segment, step.prompt_ids = i, together.prompt_of(i)
    advantages = np.array([1.0, -0.5, 2.0, -1.0, 0.3, 0.7])
    objective = PPOClip(aggregation=aggregation, max_length=32)
    gradients = []
    for episodes, rows in ((joined, 3), (split, 6)):
        made = on_policy(model, rows_of(episodes, advantages))
        assert len(made) == rows
        gradients.append(gradient(model, made, objective=objective))
    assert gradients[0].abs().max() > 1e-3
    assert torch.allclose(*gradients, atol=1e-5)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_micro_batches_add_up_to_one_big_batch(model, aggregation):
    rows = on_policy(model, some_rows())
    objective = PPOClip(aggregation=aggregation, entropy_coef=0.01, max_length=64)
    big = gradient(model, rows, objective=objective, micro_tokens=10**6)
    for micro_tokens in (1, 25, 60):
        small = gradient(model, rows, objective=objective, micro_tokens=micro_tokens)
        assert torch.allclose(small, big, atol=1e-6, rtol=1e-4)
    assert big.abs().max() > 1e-3


def test_what_stands_beside_sampled_tokens_in_a_row_does_not_matter(model):
    """A prompt token has no label: no advantage, logprob or weight of its own reaches the loss."""
    rows = on_policy(model, some_rows())
    changed = deepcopy(rows)
    for row in changed:
        for at, own in enumerate(row.mask):
            if not own:
                row.logprobs[at], row.importance[at] = -123.0, 99.0
    assert torch.equal(gradient(model, rows), gradient(model, changed))


def test_the_last_token_of_a_row_is_a_label_only_when_it_was_sampled(model):
    """Environment text behind the last sampled token changes nothing, whatever it says."""
    rows = on_policy(model, some_rows())
    before = gradient(model, rows)
    for filler in ([7], [8, 9, 250]):
        longer = deepcopy(rows)
        for row in longer:
            row.add_context(filler)
        assert torch.allclose(gradient(model, longer), before, atol=1e-6)


def test_rows_of_prompts_alone_leave_the_weights_exactly_as_they_are(model):
    rows = [Row(n) for n in range(2)]
    for n, row in enumerate(rows):
        row.add_context([10 + n, 20, 30, 40])
    assert not gradient(model, rows).any()


def test_a_step_without_advantage_has_no_gradient(model):
    rows = on_policy(model, some_rows())
    for row in rows:
        set_advantage(row, 0.0)
    assert not gradient(model, rows).any()


def test_an_update_makes_good_tokens_likelier_and_bad_ones_rarer(model):
    rows = on_policy(model, some_rows())
    for row in rows:
        set_advantage(row, 1.0 if row.family % 2 else -1.0)
    learner = learner_of(model)
    for step in range(5):
        learner.reinforce(rows, PPOClip(), temperature=1.0, lr=1e-3, seed=step)
    after = on_policy(learner.model, deepcopy(rows))
    change = {
        sign: sum(
            sum(new.logprobs) - sum(old.logprobs)
            for old, new in zip(rows, after, strict=True)
            if (1 if old.family % 2 else -1) == sign
        )
        for sign in (1, -1)
    }
    assert change[1] > 0 > change[-1]


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_leaves_the_weights_and_says_so(model, broken):
    rows = on_policy(model, some_rows())
    learner = learner_of(model)
    learner.reinforce(rows, PPOClip(), temperature=1.0, lr=1e-3, seed=0)
    before = deepcopy(learner.model.state_dict())
    moments = deepcopy(learner.optimizer.state_dict()["state"])
    bad = deepcopy(rows)
    set_advantage(bad[2], broken)
    with pytest.raises(AgentGymError, match=r"it was not made"):
        learner.reinforce(bad, PPOClip(), temperature=1.0, lr=1e-3, seed=0)
    after = learner.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    for number, state in learner.optimizer.state_dict()["state"].items():
        assert torch.equal(state["exp_avg"], moments[number]["exp_avg"])
    assert not learner.model.training
    assert all(p.grad is None or not p.grad.any() for p in learner.model.parameters())


def test_an_update_that_was_interrupted_leaves_nothing_to_the_next(model):
    """Out of memory in the second micro-batch: the gradient of the first must not stay."""
    rows = on_policy(model, some_rows())
    clean, shaken = learner_of(model, micro_tokens=25), learner_of(model, micro_tokens=25)
    calls = iter(range(100))

    def breaks(new, _entropy, batch):
        if next(calls) == 1:
            raise RuntimeError("out of memory")
        return -(new * batch.mask).sum(), {}

    with pytest.raises(RuntimeError, match="out of memory"):
        shaken.update(rows, breaks, lr=1e-3)
    assert not shaken.model.training
    for learner in (clean, shaken):
        learner.imitate(rows, lr=1e-3)
    for one, other in zip(clean.model.parameters(), shaken.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_reference_term_is_zero_at_the_start_and_pulls_back_later(model):
    rows = on_policy(model, some_rows())
    learner = Learner(deepcopy(model), OptimizerConfig(), reference=deepcopy(model))
    objective = PPOClip(kl_coef=0.5, kl_form="k3")
    first = learner.reinforce(rows, objective, temperature=1.0, lr=1e-2, seed=0)
    assert first["reference_kl"] == pytest.approx(0.0, abs=1e-9)
    second = learner.reinforce(rows, objective, temperature=1.0, lr=1e-2, seed=0)
    assert second["reference_kl"] > 1e-4
    for row in rows:
        set_advantage(row, 0.0)
    divergence = [
        learner.reinforce(rows, objective, temperature=1.0, lr=1e-3, seed=0)["reference_kl"]
        for _ in range(15)
    ]
    assert divergence[-1] < divergence[0] / 2


def test_the_entropy_bonus_raises_entropy(model):
    rows = on_policy(model, some_rows())
    for row in rows:
        set_advantage(row, 0.0)
    learner = learner_of(model)
    measured = [
        learner.reinforce(rows, PPOClip(entropy_coef=1.0), temperature=1.0, lr=1e-3, seed=0)
        for _ in range(5)
    ]
    assert measured[-1]["entropy"] > measured[0]["entropy"]


def test_minibatches_and_epochs_use_every_trajectory_as_a_whole(model):
    """Rows of one trajectory stay in one minibatch: their weights are made together."""
    seen = []

    class Watched(Learner):
        def update(self, rows, *arguments, **options):
            seen.append([row.family for row in rows])
            return super().update(rows, *arguments, **options)

    rows = some_rows()
    learner = Watched(deepcopy(model), OptimizerConfig(minibatches=2, epochs=2))
    learner.reinforce(rows, PPOClip(), temperature=1.0, lr=0.0, seed=3)
    assert len(seen) == 4
    for epoch in (seen[:2], seen[2:]):
        assert sorted(epoch[0] + epoch[1]) == sorted(row.family for row in rows)
        assert not set(epoch[0]) & set(epoch[1])
    assert seen[:2] != seen[2:]


def test_imitation_is_the_mean_negative_log_likelihood_of_a_demonstrated_token(model):
    rows = on_policy(model, some_rows())
    trained = [x for row in rows for x, own in zip(row.logprobs, row.mask, strict=True) if own]
    loss = learner_of(model, micro_tokens=25).imitate(rows, lr=0.0)["loss"]
    assert loss == pytest.approx(-np.mean(trained), abs=1e-5)
