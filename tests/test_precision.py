"""What is equal within the precision of the type it was given in is equal: credit exactly 0."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from agentgym_trainers.credit.aepo import aepo, entropy_factor
from agentgym_trainers.credit.columns import measured
from agentgym_trainers.credit.dr_mas import dr_mas
from agentgym_trainers.credit.flow_grpo import flow_grpo
from agentgym_trainers.credit.gae import gae, turn_gae
from agentgym_trainers.credit.gdpo import gdpo
from agentgym_trainers.credit.gigpo import gigpo
from agentgym_trainers.credit.gpg import gpg
from agentgym_trainers.credit.groups import constant
from agentgym_trainers.credit.grpo import grpo
from agentgym_trainers.credit.hgpo import hgpo
from agentgym_trainers.credit.opo import opo
from agentgym_trainers.credit.reinforce_pp import reinforce_pp, reinforce_pp_baseline
from agentgym_trainers.credit.remax import remax
from agentgym_trainers.credit.rloo import rloo

TYPES = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "list of float32": lambda column: [np.float32(x) for x in column],
    "torch.float32": lambda column: torch.tensor(column, dtype=torch.float32),
    "torch.float16": lambda column: torch.tensor(column, dtype=torch.float16),
    "torch.bfloat16": lambda column: torch.tensor(column, dtype=torch.bfloat16),
}
types = pytest.mark.parametrize("of", TYPES.values(), ids=TYPES)

EPISODES = {
    "grpo": grpo,
    "grpo, centred": lambda g, t, r: grpo(g, t, r, normalise="mean"),
    "grpo, steps": lambda g, t, r: grpo(g, t, r, statistics="steps"),
    "gigpo, episode level": lambda g, t, r: gigpo(g, t, range(len(g)), r),
    "dr_mas": lambda g, t, r: dr_mas(g, t, [""] * len(g), r),
    "dr_mas, trajectories": lambda g, t, r: dr_mas(
        g, t, [""] * len(g), r, statistics="trajectories"
    ),
    "rloo": rloo,
    "flow_grpo": flow_grpo,
    "gpg": gpg,
    "opo": lambda g, t, r: opo(g, t, r, [2] * len(g)),
    "gdpo": lambda g, t, r: gdpo(g, t, {"all": r}),
    "reinforce_pp_baseline": lambda g, t, r: reinforce_pp_baseline(g, t, r, [1] * len(g)),
    "aepo": lambda g, t, r: aepo(g, t, r, [1] * len(g), np.arange(len(g))),
    "hgpo, base": lambda g, t, r: hgpo(g, t, range(len(g)), r, base=True),
}
"""Rules that compare whole episodes; reward is the only column that matters."""
each = pytest.mark.parametrize("credit", EPISODES.values(), ids=EPISODES)

returns = st.integers(-2000, 2000).map(lambda cents: cents / 100)


@st.composite
def split_returns(draw):
    """Episodes that earn the same, each in other portions: group, trajectory, reward."""
    total, length = draw(st.integers(-2000, 2000)), draw(st.integers(2, 5))
    trajectory, reward = [], []
    for episode in range(draw(st.integers(2, 5))):
        portions = [draw(st.integers(-999, 999)) for _ in range(length - 1)]
        trajectory += [episode] * length
        reward += [x / 100 for x in (*portions, total - sum(portions))]
    return ["g"] * len(reward), trajectory, reward


@each
@types
@given(split_returns())
@settings(max_examples=25, deadline=None)
def test_episodes_that_earn_the_same_in_other_portions_get_nothing(credit, of, played):
    group, trajectory, reward = played
    assert not credit(group, trajectory, of(reward)).any()


@each
@types
def test_thirds_add_up(credit, of):
    """In float32 a third is .33333334 and two thirds .6666667, whatever decimals are made of it."""
    found = credit("gggg", "aabb", of([1 / 3, 1 / 3, 2 / 3, 0.0]))
    assert found.tolist() == [0.0] * 4


def test_the_size_that_counts_is_that_of_what_was_summed():
    """99,999.9 - 99,999.9 is 0, but in float32 99,999.8 - 99,999.9 is -.1015625 and not -.1."""
    assert not grpo("gggg", "aabb", np.float32([99999.8, -99999.9, -0.1, 0.0])).any()
    assert grpo("gggg", "aabb", [99999.8, -99999.9, -0.2, 0.0]).any()


@each
@pytest.mark.parametrize(
    ("of", "apart"),
    [
        (np.float64, 1e-6),
        (np.float32, 1e-5),
        (np.float16, 0.01),
        (TYPES["torch.bfloat16"], 0.05),
    ],
)
def test_what_the_type_tells_apart_is_apart(credit, of, apart):
    found = credit("gg", "ab", of([1.0, 1.0 + apart]))
    assert found[0] < 0 < found[1]


def test_a_number_in_float64_is_as_exact_as_ever():
    assert measured("reward", [1.0, 3], 2)[1].tolist() == [4 * 2.0**-52, 12 * 2.0**-52]
    assert measured("reward", np.float32([1.0, 3]), 2)[1].tolist() == [2.0**-21, 3 * 2.0**-21]
    mixed = [np.float32(1), 1.0, torch.tensor(1.0, dtype=torch.bfloat16), True]
    assert measured("reward", mixed, 4)[1].tolist() == [2.0**-21, 2.0**-50, 2.0**-5, 2.0**-50]


# Step and token levels


@types
@given(split_returns(), st.sampled_from(["mean", "mean_std"]))
@settings(max_examples=25, deadline=None)
def test_steps_from_which_the_same_follows_get_nothing(of, played, normalise):
    """At gamma 1 the first steps of all episodes have equal returns, in one state."""
    group, trajectory, reward = played
    first = np.array([True, *np.diff(trajectory).astype(bool)])
    anchor = ["start" if begins else i for i, begins in enumerate(first)]
    options = {"gamma": 1.0, "normalise": normalise}
    assert not gigpo(group, trajectory, anchor, of(reward), **options).any()
    assert not hgpo(group, trajectory, anchor, of(reward), **options, base=True).any()


@each
def test_a_sum_that_was_rounded_in_float32_is_its_total(credit):
    """Seven times .7 add up to 4.8999996 there."""
    total = np.cumsum(np.float32([0.7] * 7))[-1]
    assert total != np.float32(4.9)
    reward = np.array([total, 4.9, 4.9], dtype=np.float32)
    assert credit("ggg", "abc", reward).tolist() == [0.0] * 3
    assert reinforce_pp("ggg", "abc", reward, [1, 2, 1]).tolist() == [0.0] * 4


@types
@given(st.lists(returns, min_size=2, max_size=6))
@settings(max_examples=25, deadline=None)
def test_a_critic_that_is_right_leaves_nothing_to_whiten(of, rewards):
    """Its value is what is still to come, in the type in which a network says it."""
    n = len(rewards)
    values = np.cumsum(rewards[::-1])[::-1].tolist()
    for rule in (gae, turn_gae):
        found = rule("g" * n, "a" * n, of(rewards), [1] * n, of(values))
        assert not found.any()


@types
@given(st.lists(returns, min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_remax_is_zero_where_the_greedy_episode_earned_the_same(of, rewards):
    n = len(rewards)
    greedy = of([round(sum(rewards), 2)] * n)
    assert not remax("g" * n, "a" * n, of(rewards), greedy).any()


@types
def test_entropies_that_are_equal_leave_grpo(of):
    entropy = of([0.3] * 3)
    found = aepo("gg", "ab", [1.0, 0.0], [1, 2], entropy)
    plain = grpo("gg", "ab", [1.0, 0.0])
    assert found.tolist() == plain[[0, 1, 1]].tolist()
    noisy, errors = measured("entropy", np.float32([0.1 + 0.2, 0.3, 0.3]), 3)
    assert entropy_factor(noisy, 0.2, errors.max()).tolist() == [1.0] * 3


@types
def test_parts_that_cancel_cancel(of):
    """10.1 + 6.6 and 16.7 against their opposites; divided by .0001 the rounding would show."""
    parts = {"one": of([10.1, 6.6, 0.0]), "two": of([0.0, 0.0, 16.7])}
    assert gdpo("ggg", "aab", parts).tolist() == [0.0] * 3


def test_a_group_whose_returns_differ_by_rounding_alone_is_constant():
    assert constant(np.array([0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1]))
    assert not constant(np.array([0.6, 0.6 + 1e-7]))
    assert constant(np.array([0.6, 0.6 + 1e-7]), error=1e-6)
    assert constant(np.array([]))
