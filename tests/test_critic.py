"""The critic: values where tokens were sampled, and shared prefixes that weigh what they are."""

import random

import numpy as np
import pytest
from made_rows import episode

from agentgym_trainers.learner.critic import Critic, CriticConfig
from agentgym_trainers.learner.rows import rows_of


def leaves(shared):
    """Two episodes of three steps with the first two in common, sampled once or by each."""
    first = episode(random.Random(0), [0, 0, 0], name="g/0")
    own = episode(random.Random(1), [0], name="g/1").steps
    prefix = first.steps[:2]
    if not shared:
        return [first, first.model_copy(update={"id": "g/1", "steps": [*prefix, *own]})]
    prefix = [step.model_copy(update={"sampled_by": "g/0"}) for step in prefix]
    branch = {"id": "g/1", "parent": "g/0", "branch_step": 2, "steps": [*prefix, *own]}
    return [first, first.model_copy(update=branch)]


def learnt(shared, returns, model, **settings):
    critic = Critic(model, CriticConfig(**settings), micro_tokens=4096)
    rows = rows_of(leaves(shared), np.zeros(6))
    tokens = [2] * 6
    loss = critic.learn(rows, np.array(returns, dtype=np.float64), tokens)
    return loss, critic.values(rows, tokens)


def test_a_shared_token_weighs_as_much_as_its_leaves(model):
    """A critic that knows nothing says 0, so the loss is the mean of the squared returns."""
    returns = [3.0] * 4 + [1.0] * 2 + [3.0] * 4 + [5.0] * 2
    by_hand = (8 * 9 + 2 * 1 + 2 * 25) / 12
    for shared in (True, False):
        assert learnt(shared, returns, model, epochs=1)[0] == pytest.approx(by_hand)


def test_it_learns_what_shared_and_own_tokens_return(model):
    """Where leaves differ, a shared token has the mean of their returns."""
    returns = [4.0] * 4 + [1.0] * 2 + [2.0] * 4 + [5.0] * 2
    values = learnt(True, returns, model, epochs=400, lr=3e-3)[1]
    assert values == pytest.approx([3.0] * 4 + [1.0] * 2 + [3.0] * 4 + [5.0] * 2, abs=0.3)


def test_tokens_without_a_return_teach_nothing(model):
    assert learnt(True, [np.nan] * 12, model, epochs=1)[0] == 0.0
    some = [np.nan, 2.0] * 6
    assert learnt(True, some, model, epochs=1)[0] == pytest.approx(4.0)
