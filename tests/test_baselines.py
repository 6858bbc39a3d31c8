"""Baselines without a critic (RLOO, REINFORCE++, OPO, ...): numbers by hand and what must hold."""

import doctest
import importlib
import pkgutil
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from made_steps import columns, constant_groups, episodes, interleaved, steps_of

import agentgym_trainers.credit
from agentgym.errors import BadInput
from agentgym_trainers.credit.dr_mas import DrMAS, dr_mas
from agentgym_trainers.credit.flow_grpo import FlowGRPO, flow_grpo
from agentgym_trainers.credit.gdpo import GDPO, gdpo
from agentgym_trainers.credit.gpg import GPG, gpg
from agentgym_trainers.credit.groups import whiten
from agentgym_trainers.credit.grpo import grpo
from agentgym_trainers.credit.opo import OPO, opo
from agentgym_trainers.credit.pass_at_k import PassAtK, pass_at_k
from agentgym_trainers.credit.reinforce_pp import (
    ReinforcePP,
    ReinforcePPBaseline,
    reinforce_pp,
    reinforce_pp_baseline,
)
from agentgym_trainers.credit.remax import ReMax, remax
from agentgym_trainers.credit.rloo import RLOO, rloo


def of_roles(group, trajectory, reward):
    return dr_mas(group, trajectory, [""] * len(group), reward)


def of_one_part(group, trajectory, reward):
    return gdpo(group, trajectory, {"all": reward})


def with_short_steps(group, trajectory, reward):
    return reinforce_pp(group, trajectory, reward, [1] * len(group))


def with_short_steps_and_baseline(group, trajectory, reward):
    return reinforce_pp_baseline(group, trajectory, reward, [1] * len(group))


def with_equal_lengths(group, trajectory, reward):
    return opo(group, trajectory, reward, [1] * len(group))


def over_nothing(group, trajectory, reward):
    return remax(group, trajectory, reward, [0.0] * len(group))


GROUPED = [rloo, flow_grpo, gpg, with_equal_lengths, of_roles, of_one_part]
ALL = [*GROUPED, with_short_steps, with_short_steps_and_baseline, over_nothing]
each_grouped = pytest.mark.parametrize("credit", GROUPED)
each = pytest.mark.parametrize("credit", ALL)


# What holds for all of them.


@pytest.mark.parametrize(
    "module", [module.name for module in pkgutil.iter_modules(agentgym_trainers.credit.__path__)]
)
def test_the_examples_in_the_docstrings_are_true(module):
    found = importlib.import_module(f"agentgym_trainers.credit.{module}")
    assert doctest.testmod(found).failed == 0


@each_grouped
def test_constant_groups_are_exactly_zero(credit):
    group, reward = constant_groups()
    assert not credit(group, range(len(group)), reward).any()


@each
@given(played=episodes, rng=st.randoms())
@settings(max_examples=20, deadline=None)
def test_the_order_of_trajectories_and_of_their_steps_among_each_other_does_not_matter(
    credit, played, rng
):
    (group, trajectory, _, reward, _), names = columns(list(enumerate(played)))
    order = interleaved(names, rng)
    mixed = [[column[i] for i in order] for column in (group, trajectory, reward)]
    assert credit(*mixed) == pytest.approx(credit(group, trajectory, reward)[order], abs=1e-9)


@each
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_reward_that_is_not_a_number_is_refused(credit, broken):
    if credit is of_one_part:
        broken = np.inf  # NaN says there that a part does not apply
    with pytest.raises(BadInput, match=r"\[1\] is"):
        credit("ggg", "abc", [1.0, broken, 0.0])


@each
def test_no_steps_have_no_advantages(credit):
    assert credit([], [], []).shape == (0,)


@each_grouped
def test_two_groups_are_not_compared(credit):
    one, other = credit("gg", "ab", [1.0, 0.0]), credit("gghh", "abab", [1.0, 0.0, 901.0, 900.0])
    assert np.sign(other).tolist() == [*np.sign(one).tolist()] * 2
    assert other[:2] == pytest.approx(other[2:], rel=1e-6)


# RLOO


def test_rloo_compares_with_the_mean_of_the_others():
    found = rloo("gggh", "abcd", [1.0, 0.0, 0.0, 1.0])
    assert found.tolist() == [1.0, -0.5, -0.5, 1.0]  # the last is alone and keeps its return


@given(episodes)
@settings(max_examples=30, deadline=None)
def test_rloo_counts_each_trajectory_once(played):
    (group, trajectory, _, reward, _), _ = columns(list(enumerate(played)))
    returns = [(g, sum(r for _, r, _ in steps)) for g, steps in played]
    others = [
        [total for j, (h, total) in enumerate(returns) if h == g and j != i]
        for i, (g, _) in enumerate(returns)
    ]
    expected = [
        total - (np.mean(rest) if rest else 0)
        for (_, total), rest in zip(returns, others, strict=True)
    ]
    assert rloo(group, trajectory, reward) == pytest.approx(
        [expected[i] for i in trajectory], abs=1e-9
    )


# REINFORCE++


def test_reinforce_pp_whitens_the_returns_of_tokens():
    """At gamma 1/2 the returns of a's three tokens are 1, 2, 4, those of b's token 1."""
    found = reinforce_pp("ggg", "aab", [0.0, 4.0, 1.0], [1, 2, 1], gamma=0.5)
    returns = np.array([1.0, 2.0, 4.0, 1.0])
    assert found == pytest.approx((returns - 2) / np.sqrt(2 + 1e-8))


def test_the_return_is_carried_across_what_was_not_sampled():
    """The first turn of a won episode is praised, though a tool's answer lies in between."""
    found = reinforce_pp("gggg", "aabb", [0.0, 1.0, 0.0, 0.0], [2, 2, 2, 2])
    assert found[:4] == pytest.approx([found[0]] * 4)
    assert found[0] > 0 > found[4]


@given(
    st.lists(st.tuples(st.floats(-10, 10), st.integers(1, 5)), min_size=1, max_size=30),
    st.floats(-3, 3),
    st.sampled_from([0.5, 8.0]),
)
@settings(max_examples=40, deadline=None)
def test_whitening_leaves_mean_0_and_deviation_1_wherever_it_started(values, shift, scale):
    x, times = map(np.array, zip(*values, strict=True))
    found = whiten(x, times)
    assert found == pytest.approx(whiten(np.repeat(x, times))[np.cumsum(times) - 1], abs=1e-9)
    if np.ptp(x) > 1e-2:
        everywhere = np.repeat(found, times)
        assert everywhere.mean() == pytest.approx(0, abs=1e-9)
        assert everywhere.std(ddof=1) == pytest.approx(1, abs=1e-2)
        assert whiten(scale * x + shift, times) == pytest.approx(found, abs=1e-2)
    else:
        assert np.abs(found).max() < 1e3


@pytest.mark.parametrize("value", [0.1, 0.7, 10.95, -9.9])
@pytest.mark.parametrize("n", [1, 2, 7, 15, 1000])
def test_equal_returns_are_whitened_to_exactly_zero(n, value):
    assert not whiten(np.full(n, value)).any()
    assert not whiten(np.full(n, value), [3] * n).any()
    assert not with_short_steps("g" * n, range(n), [value] * n).any()


def test_reinforce_pp_baseline_removes_the_group_and_then_whitens_over_tokens():
    """Less their group's mean the returns are 1, -1, .5, -.5; b's step has three tokens."""
    found = reinforce_pp_baseline("gghh", "abcd", [2.0, 0.0, 10.0, 9.0], [1, 3, 1, 1])
    tokens = np.array([1.0, -1, -1, -1, 0.5, -0.5])
    whitened = (tokens - tokens.mean()) / np.sqrt(tokens.var(ddof=1) + 1e-8)
    assert found == pytest.approx(whitened[[0, 1, 4, 5]])


def test_reinforce_pp_baseline_leaves_an_episode_alone_its_return_before_whitening():
    found = reinforce_pp_baseline("ghh", "abc", [3.0, 1.0, 1.0], [1, 1, 1])
    assert found == pytest.approx((np.array([3.0, 0.0, 0.0]) - 1) / np.sqrt(3 + 1e-8))


def test_a_step_without_tokens_has_nowhere_to_put_its_reward():
    with pytest.raises(BadInput, match="step 1 sampled no tokens"):
        reinforce_pp("gg", "aa", [0.0, 1.0], [2, 0])


# ReMax


def test_remax_subtracts_what_the_greedy_episode_earned():
    data = ("ggghh", "aabcc", [1.0, 2.0, 0.5, 0.0, 4.0], [2.0, 2.0, 2.0, 5.0, 5.0])
    assert remax(*data).tolist() == [1.0, 1.0, -1.5, -1.0, -1.0]
    assert remax(*data, to_go=True).tolist() == [1.0, 0.0, -1.5, -1.0, -1.0]


def test_remax_is_exactly_zero_where_both_episodes_earned_the_same():
    found = remax("ggg", "aaa", [0.1, 0.2, 0.3], [0.3 + 0.2 + 0.1] * 3)
    assert found.tolist() == [0.0] * 3


def test_remax_without_a_greedy_episode_says_whose_is_missing():
    with pytest.raises(BadInput, match="greedy episode.*'h' has none"):
        remax("gh", "ab", [1.0, 1.0], [0.0, np.nan])
    assert ReMax.needs == {"greedy"}


# GDPO


def test_rewards_that_pull_against_each_other_cancel():
    assert gdpo("gg", "ab", {"one": [1.0, 0.0], "two": [0.0, 1.0]}).tolist() == [0.0, 0.0]


def test_a_constant_part_changes_nothing():
    one = gdpo("gg", "ab", {"one": [1.0, 0.0]})
    assert one == pytest.approx([0.7071, -0.7071], abs=1e-4)
    assert gdpo("gg", "ab", {"one": [1.0, 0.0], "two": [0.7, 0.7]}).tolist() == one.tolist()


def test_a_part_counts_by_its_weight_and_not_by_its_scale():
    """Summed first, rewards 1, 0, 0 and 0, 100, 0 would leave only the second to be seen."""
    parts = {"right": [1.0, 0.0, 0.0], "short": [0.0, 1.0, 0.0]}
    scaled = parts | {"short": [0.0, 100.0, 0.0]}
    found = gdpo("ggg", "abc", parts)
    assert found[0] == found[1] > 0 > found[2]
    assert gdpo("ggg", "abc", scaled) == pytest.approx(found, abs=1e-3)
    weighed = gdpo("ggg", "abc", parts, weights={"right": 1.0, "short": 0.1})
    assert weighed[0] > weighed[1]
    alone = gdpo("ggg", "abc", parts, weights={"short": 1.0})
    assert alone.tolist() == gdpo("ggg", "abc", {"short": parts["short"]}).tolist()


def test_gdpo_by_hand_over_two_groups():
    """The parts' z-scores are (1, 0, -1) and 0 in g, (0, 0, 0) and (-1, 0, 1) in h."""
    parts = {"one": [2.0, 1.0, 0.0, 3.0, 3.0, 3.0], "two": [5.0, 5.0, 5.0, 0.0, 0.5, 1.0]}
    found = gdpo("ggghhh", "abcdef", parts, weights={"one": 1.0, "two": 2.0}, epsilon=1e-12)
    combined = np.array([1.0, 0, -1, -2, 0, 2])
    assert found == pytest.approx(combined / combined.std(ddof=1))


def test_gdpo_counts_each_trajectory_once_and_adds_up_its_steps():
    longer = gdpo("gggg", "aaab", {"one": [0.5, 0.0, 0.5, 0.0]})
    assert longer.tolist() == gdpo("gg", "ab", {"one": [1.0, 0.0]})[[0, 0, 0, 1]].tolist()


def test_a_part_that_does_not_apply_is_left_out():
    nan = np.nan
    parts = {"right": [1.0, 0.0, 1.0, 0.0], "style": [nan, nan, 3.0, 1.0]}
    found = gdpo("gggg", "abcd", parts, epsilon=1e-12)
    right = np.array([1.0, -1, 1, -1]) * 0.5 / np.std([1, 0, 1, 0], ddof=1)
    combined = right + np.array([0, 0, 1, -1]) / np.sqrt(2)
    assert found == pytest.approx(combined / combined.std(ddof=1))
    # Were the absent ones taken as 0, they would be below the mean and blamed for it.
    nothing = gdpo("ggg", "abc", {"style": [3.0, 1.0, nan]})
    assert nothing[2] == 0.0
    assert nothing[:2].tolist() == gdpo("gg", "ab", {"style": [3.0, 1.0]}).tolist()


def test_gdpo_has_nothing_to_say_of_an_episode_alone():
    assert gdpo("gh", "ab", {"one": [1.0, 0.0]}).tolist() == [0.0, 0.0]


def test_gdpo_says_which_parts_there_are():
    with pytest.raises(BadInput, match="'wrong'.*known: one, two"):
        gdpo("gg", "ab", {"two": [1.0, 0.0], "one": [0.0, 0.0]}, weights={"wrong": 1.0})
    with pytest.raises(BadInput, match="info\\['parts'\\]"):
        GDPO().advantages(steps_of("gg", "ab", [1.0, 0.0]))
    assert GDPO().advantages(steps_of("gg", "ab", [0.0, 0.0])).tolist() == [0.0, 0.0]


# Dr. MAS


def test_each_agent_has_a_baseline_of_its_own():
    """Planners act in all episodes, the verifier only in good ones: it has nothing to learn."""
    group, trajectory = "g" * 6, "aabbcd"
    role = ["plan", "verify", "plan", "verify", "plan", "plan"]
    reward = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]
    found = dr_mas(group, trajectory, role, reward, normalise="mean")
    assert found.tolist() == [0.5, 0.0, 0.5, 0.0, -0.5, -0.5]
    shared = grpo(group, trajectory, reward, normalise="mean", statistics="steps")
    assert shared[1] > 0


def test_with_one_agent_it_is_grpo_over_steps():
    data = ("gggg", "aabc", [0.0, 1.0, 0.0, 0.5])
    assert of_roles(*data).tolist() == grpo(*data, statistics="steps").tolist()


def test_an_agent_that_acted_once_gets_nothing_unless_as_published():
    role = ["rare", "often", "often"]
    data = ("ggg", "aab", role, [0.0, 10.0, 0.0])
    assert dr_mas(*data)[0] == 0.0
    assert dr_mas(*data, raw_singletons=True)[0] == pytest.approx(10 / (1 + 1e-6))
    assert dr_mas(*data)[1:].tolist() == dr_mas(*data, raw_singletons=True)[1:].tolist()


def test_an_agent_that_acts_often_may_count_once_for_each_episode():
    role = ["x", "x", "x", "x"]
    data = ("gggg", "aaab", role, [0.0, 0.0, 1.0, 0.0])
    options = {"normalise": "mean"}
    assert dr_mas(*data, **options) == pytest.approx([0.25] * 3 + [-0.75])
    once = dr_mas(*data, **options, statistics="trajectories")
    assert once.tolist() == [0.5, 0.5, 0.5, -0.5]
    valid = [True, True, False, True]  # a scores 1, 1, .9
    once = dr_mas(*data, valid, **options, statistics="trajectories")
    assert once == pytest.approx([29 / 60] * 3 + [-29 / 60])


def test_an_agents_penalty_is_its_own():
    role = ["plan", "act", "plan", "act"]
    data = ("gggg", "aabb", role, [0.0, 1.0, 0.0, 1.0], [False, True, True, True])
    found = dr_mas(*data, normalise="mean", invalid_penalty=0.2)
    assert found == pytest.approx([-0.1, 0.0, 0.1, 0.0])


# Flow-GRPO


def test_the_verdict_reaches_every_turn():
    found = flow_grpo("gggg", "aaab", [0.0, 0.0, 1.0, 0.0])
    assert found == pytest.approx([0.707106] * 3 + [-0.707106], abs=2e-6)
    turns = flow_grpo("gggg", "aaab", [0.0, 0.0, 1.0, 0.0], statistics="steps")
    assert turns == pytest.approx([0.25 / 0.500001] * 3 + [-0.75 / 0.500001])


# OPO


def test_opo_weighs_a_return_with_the_tokens_of_its_episode():
    """a earns 2 with 2 tokens, b 0 with 2, c 4 with 4: the baseline is (4 + 0 + 16) / 8."""
    found = opo("gggg", "aabc", [1.0, 1.0, 0.0, 4.0], [1, 1, 2, 4])
    assert found.tolist() == [-0.5, -0.5, -2.5, 1.5]


@given(episodes, st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_with_equal_lengths_opo_subtracts_the_mean(played, length):
    (group, trajectory, _, reward, _), _ = columns(list(enumerate(played)))
    steps = np.bincount(trajectory)[trajectory]
    tokens = length * 60 // steps  # an episode has at most five steps, and 60 divides by them all
    expected = grpo(group, trajectory, reward, normalise="mean")
    alone = [sum(g == name for g, _ in played) == 1 for name in group]
    found = opo(group, trajectory, reward, tokens)
    assert found == pytest.approx(np.where(alone, 0.0, expected), abs=1e-9)


def test_an_episode_without_tokens_has_no_say_and_a_group_without_any_is_refused():
    assert opo("ggg", "abc", [1.0, 0.0, 5.0], [1, 1, 0]).tolist() == [0.5, -0.5, 4.5]
    with pytest.raises(BadInput, match="group 'h' sampled no tokens"):
        opo("gh", "ab", [1.0, 0.0], [1, 0])


# GPG


def test_gpg_scales_with_the_share_of_trajectories_that_have_a_gradient():
    """Of six trajectories two are in a group where all earned 1: alpha is 6 / 4."""
    found = gpg("gghhii", "ababab", [1.0, 0.0, 1.0, 1.0, 2.0, 0.0])
    assert found.tolist() == [0.75, -0.75, 0.0, 0.0, 1.5, -1.5]


def test_gpg_counts_trajectories_and_not_steps():
    found = gpg("gggggh", "aaaabc", [0.0, 0.0, 0.0, 1.0, 0.0, 7.0])
    assert found == pytest.approx([0.75] * 4 + [-0.75, 0.0])  # 3 / 2; c is alone


def test_gpg_is_dr_grpo_where_every_group_has_a_gradient_and_0_where_none_has():
    data = ("gghh", "abab", [1.0, 0.0, 5.0, 2.0])
    assert gpg(*data).tolist() == grpo(*data, normalise="mean").tolist()
    assert gpg("gghh", "abab", [1.0, 1.0, 5.0, 5.0]).tolist() == [0.0] * 4


# Pass@k


def test_pass_at_k_by_hand():
    """Of 4 attempts 2 failed: of 6 pairs one fails, and of the 3 pairs with a failure one."""
    found = pass_at_k("gggg", "abcd", [True, False, True, False], k=2)
    std = np.sqrt(5) / 6
    assert found == pytest.approx(np.array([1 / 6, -1 / 6, 1 / 6, -1 / 6]) / std)
    alone = pass_at_k("gggg", "abcd", [True, False, False, False], k=2)
    assert alone == pytest.approx([1, -1 / 3, -1 / 3, -1 / 3])


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_pass_at_k_is_the_mean_over_all_draws_of_k(won, k):
    """Each draw earns 1 if it holds a success; an attempt gets the mean over the draws it is in."""
    n = len(won)
    found = pass_at_k("g" * n, range(n), won, k=k)
    draws = [(draw, float(any(won[i] for i in draw))) for draw in combinations(range(n), k)]
    earned = np.array([x for _, x in draws])
    if not draws or not earned.std():
        assert found.tolist() == [0.0] * n
        return
    own = [np.mean([x for draw, x in draws if i in draw]) for i in range(n)]
    assert found == pytest.approx((own - earned.mean()) / earned.std())
    assert found.sum() == pytest.approx(0, abs=1e-9)


def test_pass_at_1_is_grpo_with_the_population_deviation():
    won = np.array([True, False, False, False, True])
    found = pass_at_k("g" * 5, range(5), won, k=1)
    assert found == pytest.approx((won - won.mean()) / won.std())


def test_pass_at_k_counts_trajectories_and_keeps_groups_apart():
    found = pass_at_k("ggghhhh", "aabcdef", [True] * 2 + [False] * 3 + [True] + [False], k=1)
    assert found == pytest.approx([1, 1, -1, *np.array([-1, -1, 3, -1]) / np.sqrt(3)])
    with pytest.raises(BadInput, match="k is 0"):
        pass_at_k("g", "a", [True], k=0)


# The parts


def test_the_parts_pass_on_their_columns_and_settings():
    rng = np.random.default_rng(0)
    n, group, trajectory = 24, ["g"] * 12 + ["h"] * 12, [i // 3 for i in range(24)]
    reward, greedy, valid = rng.random(n), [0.3] * 12 + [0.6] * 12, rng.random(n) < 0.7
    role = ["plan", "act", "act"] * 8
    parts = {"one": rng.random(n), "two": rng.random(n)}
    tokens = rng.integers(1, 4, n)
    steps = steps_of(
        group,
        trajectory,
        reward,
        greedy=greedy,
        valid=valid,
        role=role,
        parts=parts,
        tokens=tokens,
    )
    data, first = (group, trajectory, reward), (group, trajectory)
    weights = {"one": 2.0, "two": 0.5}
    dr = {
        "normalise": "mean",
        "statistics": "trajectories",
        "invalid_penalty": 0.5,
        "raw_singletons": True,
    }
    success = np.repeat(rng.random(8) < 0.5, 3)
    steps = replace(steps, success=success)
    by_step = {"statistics": "steps", "invalid_penalty": 0.5}
    pairs = [
        (RLOO(), rloo(*data)),
        (RLOO(**by_step), rloo(*data, valid, **by_step)),
        (OPO(), opo(*data, tokens)),
        (GPG(), gpg(*data)),
        (PassAtK(k=2), pass_at_k(*first, success, k=2)),
        (PassAtK(k=1), pass_at_k(*first, success, k=1)),
        (ReinforcePP(gamma=0.9), reinforce_pp(*data, tokens, gamma=0.9)),
        (ReinforcePP(**by_step), reinforce_pp(*data, tokens, valid, **by_step)),
        (ReinforcePPBaseline(), reinforce_pp_baseline(*data, tokens)),
        (ReinforcePPBaseline(**by_step), reinforce_pp_baseline(*data, tokens, valid, **by_step)),
        (ReMax(), remax(*data, greedy)),
        (ReMax(to_go=True), remax(*data, greedy, to_go=True)),
        (GDPO(), gdpo(*first, parts)),
        (GDPO(weights=weights), gdpo(*first, parts, weights=weights)),
        (GDPO(epsilon=0.1), gdpo(*first, parts, epsilon=0.1)),
        (DrMAS(), dr_mas(*first, role, reward, valid)),
        (DrMAS(**dr), dr_mas(*first, role, reward, valid, **dr)),
        (FlowGRPO(), flow_grpo(*data)),
        (FlowGRPO(statistics="steps"), flow_grpo(*data, statistics="steps")),
    ]
    for part, expected in pairs:
        assert part.advantages(steps).tolist() == expected.tolist(), part
    assert len({tuple(expected.round(9)) for _, expected in pairs}) == len(pairs)
