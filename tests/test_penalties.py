"""Penalties for invalid actions: by hand, and bounded whatever they are divided by."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from made_steps import columns, episodes

from agentgym.errors import BadInput, UnknownName
from agentgym_trainers.credit.dr_mas import dr_mas
from agentgym_trainers.credit.gigpo import gigpo
from agentgym_trainers.credit.groups import whiten
from agentgym_trainers.credit.grpo import grpo
from agentgym_trainers.credit.hgpo import hgpo
from agentgym_trainers.credit.reinforce_pp import reinforce_pp, reinforce_pp_baseline
from agentgym_trainers.credit.rloo import rloo

LATER = [True, False, True, True]
"""Of two episodes of two steps, the second step of the first is invalid."""


# A later step under statistics = "trajectories" is outside mean and deviation.


def test_beyond_a_tiny_deviation_a_penalty_adds_minus_1():
    """Returns 1 and 1.000001 have the mean 1.0000005 and the deviation 1e-6 / sqrt(2)."""
    found = grpo("gggg", "aabb", [0, 1, 0, 1 + 1e-6], LATER, invalid_penalty=0.1)
    low = -5e-7 / (1e-6 / np.sqrt(2) + 1e-6)
    assert found == pytest.approx([low, low - 0.1 / (0.1 + 1e-6), -low, -low], rel=1e-6)


def test_in_a_constant_group_it_is_minus_1_and_the_others_are_exactly_0():
    found = grpo("gggg", "aabb", [0, 1, 0, 1], LATER, invalid_penalty=0.1)
    assert found.tolist() == [0.0, pytest.approx(-0.1 / (0.1 + 1e-6)), 0.0, 0.0]
    centred = grpo("gggg", "aabb", [0, 1, 0, 1], LATER, invalid_penalty=0.1, normalise="mean")
    assert centred == pytest.approx([0, -0.1, 0, 0])


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        # a's second step scores .1 less; the deviations are sqrt(.5) and .05 sqrt(2)
        ([1.0, 0.0], (0.9 - 0.5) / (np.sqrt(0.5) + 1e-6)),  # within what is counted
        ([0.0, 1.0], (-0.1 - 0.5) / (np.sqrt(0.5) + 1e-6)),  # beyond by less than the deviation
        ([0.0, 0.1], -0.05 / (0.05 * np.sqrt(2) + 1e-6) - 0.1 / (0.1 + 1e-6)),  # by more
    ],
)
def test_the_penalty_is_divided_by_the_deviation_or_by_itself(returns, expected):
    reward = [0.0, returns[0], 0.0, returns[1]]
    found = grpo("gggg", "aabb", reward, LATER, invalid_penalty=0.1)
    assert found[1] == pytest.approx(expected)
    valid = grpo("gggg", "aabb", reward)
    assert found[[0, 2, 3]].tolist() == valid[[0, 2, 3]].tolist()


def test_a_smaller_deviation_changes_an_advantage_without_a_jump():
    spreads = np.geomspace(1.0, 1e-9, 200)
    found = [grpo("gggg", "aabb", [0, 1, 0, 1 + x], LATER, invalid_penalty=0.1)[1] for x in spreads]
    assert np.abs(np.diff(found)).max() < 0.1
    assert found[-1] == pytest.approx(-1.0, abs=1e-3)


def test_the_only_episode_of_a_group_keeps_its_score_less_the_penalty():
    found = grpo("gg", "aa", [0, 1], [True, False], invalid_penalty=0.1)
    assert found == pytest.approx([1, 0.9], abs=1e-5)


spread = st.sampled_from([0.0, 1e-9, 1e-7, 1e-6, 1e-4, 0.01, 1.0])


@given(
    episodes,
    st.floats(0, 100),
    spread,
    st.sampled_from(["trajectories", "steps"]),
)
@settings(max_examples=200, deadline=None)
def test_no_penalty_is_divided_by_a_deviation_far_below_it(played, penalty, spread, statistics):
    """A score of n that are counted is at most (n - 1) / sqrt(n) deviations from their mean."""
    (group, trajectory, anchor, reward, valid), _ = columns(list(enumerate(played)))
    reward = [spread * r for r in reward]
    options = {"invalid_penalty": penalty, "statistics": statistics}
    by_episode = grpo(group, trajectory, reward, valid, **options)
    joint = gigpo(group, trajectory, anchor, reward, valid, **options)
    agents = dr_mas(group, trajectory, anchor, reward, valid, **options)
    for name in set(group):
        own = np.array([g == name for g in group])
        n = own.sum()
        alone = len({t for t, mine in zip(trajectory, own, strict=True) if mine}) == 1
        score = max(map(abs, reward)) * n + penalty if alone else 0.0  # mean 0, deviation 1
        bound = (n - 1) / np.sqrt(n) + 1 + score
        assert np.abs(by_episode[own]).max() <= bound
        assert np.abs(joint[own]).max() <= 2 * bound
        assert np.abs(agents[own]).max() <= bound


@given(episodes, st.floats(0, 100), spread, st.booleans())
@settings(max_examples=100, deadline=None)
def test_hgpo_is_bounded_too(played, penalty, spread, base):
    (group, trajectory, anchor, reward, valid), _ = columns(list(enumerate(played)))
    reward = [spread * r for r in reward]
    found = hgpo(group, trajectory, anchor, reward, valid, invalid_penalty=penalty, base=base)
    n = len(group)
    single = max(map(abs, reward)) * n + penalty
    assert np.abs(found).max() <= np.sqrt(n) + (single if base else 0)


# RLOO


def test_rloo_subtracts_the_penalty_from_the_score_of_the_step():
    found = rloo("ggg", "abc", [1, 0, 0], [True, False, True], invalid_penalty=0.3)
    assert found == pytest.approx([1 + 0.3 / 2, -0.3 - 0.5, 0 - 0.7 / 2])
    # a's second step scores .7; the scores that count are 1, 0, 0: 3 / 2 (score - 1 / 3)
    found = rloo("gggg", "aabc", [0, 1, 0, 0], LATER, invalid_penalty=0.3)
    assert found == pytest.approx([1, 0.55, -0.5, -0.5])


def test_rloo_over_steps_leaves_one_step_out():
    data = ("gggg", "aaab", [0, 0, 1, 0])
    assert rloo(*data).tolist() == [1, 1, 1, -1]
    assert rloo(*data, statistics="steps") == pytest.approx([1 / 3, 1 / 3, 1 / 3, -1])
    # Scores 1, .4, 1, 0 against the mean of the other three.
    found = rloo(*data, LATER, statistics="steps", invalid_penalty=0.6)
    assert found == pytest.approx([1 - 1.4 / 3, 0.4 - 2 / 3, 1 - 1.4 / 3, -0.8])


# REINFORCE++


def test_reinforce_pp_subtracts_the_penalty_after_discounting():
    """At gamma 1/2 the returns of a's tokens are 1, 2, 4; those of its second step less 3."""
    found = reinforce_pp(
        "gg", "aa", [0.0, 4.0], [1, 2], [True, False], gamma=0.5, invalid_penalty=3.0
    )
    assert found == pytest.approx(whiten(np.array([1.0, 2.0 - 3, 4.0 - 3])))


def test_reinforce_pp_may_count_each_step_or_trajectory_once():
    """a has one token and the return 1; b has steps of one and two tokens and the return 0."""
    data = ("ggg", "abb", [1.0, 0.0, 0.0], [1, 1, 2])
    # By tokens the mean is 1/4 and the variance 1/4; by steps 1/3 and 1/3, by episodes 1/2 and 1/2.
    assert reinforce_pp(*data) == pytest.approx([1.5, -0.5, -0.5, -0.5], abs=1e-6)
    found = reinforce_pp(*data, statistics="steps")
    assert found == pytest.approx(np.array([2, -1, -1, -1]) / np.sqrt(3), abs=1e-6)
    found = reinforce_pp(*data, statistics="trajectories")
    assert found == pytest.approx(np.array([1, -1, -1, -1]) / np.sqrt(2), abs=1e-6)
    with pytest.raises(UnknownName, match="did you mean 'tokens'"):
        reinforce_pp(*data, statistics="token")


def test_reinforce_pp_baseline_passes_both_on_to_the_group():
    data = ("ggggh", "aaabc", [0, 0, 1, 0, 0], [1, 2, 1, 1, 1])
    tokens = [1, 2, 1, 1, 1]
    by_step = whiten(np.array([0.25, 0.25, 0.25, -0.75, 0]), tokens)
    assert reinforce_pp_baseline(*data, statistics="steps") == pytest.approx(by_step)
    by_episode = whiten(np.array([0.5, 0.5, 0.5, -0.5, 0]), tokens)
    assert reinforce_pp_baseline(*data) == pytest.approx(by_episode)
    punished = whiten(np.array([0.5, 0.3, 0.5, -0.5, 0]), tokens)
    valid = [True, False, True, True, True]
    assert reinforce_pp_baseline(*data, valid, invalid_penalty=0.2) == pytest.approx(punished)


@pytest.mark.parametrize("of", [rloo, reinforce_pp, reinforce_pp_baseline])
def test_without_a_penalty_flags_change_nothing_and_are_checked(of):
    data = ("gggg", "aabb", [0, 1.0, 0, 0.5], [1, 1, 2, 1])
    data = data[:3] if of is rloo else data
    assert of(*data, LATER).tolist() == of(*data).tolist()
    with pytest.raises(BadInput, match="valid holds something"):
        of(*data, ["yes"] * 4)
