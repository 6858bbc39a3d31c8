"""GRPO and GiGPO against numbers worked by hand, and the properties that credit must have."""

import math
import random
import time

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from made_steps import columns, episodes, interleaved

from agentgym.credit import Steps
from agentgym.errors import BadInput, UnknownName
from agentgym.parts import part_class
from agentgym.trajectory import Step, StopReason, Task, Trajectory
from agentgym_trainers.credit.columns import codes
from agentgym_trainers.credit.gigpo import GiGPO, discounted_returns, gigpo, similar_anchors
from agentgym_trainers.credit.grpo import GRPO, grpo

# The published example: A visits s0, s1 and wins; B visits s0, s0, s1 and does not.
GROUP = "ggggg"
TRAJECTORY = "AABBB"
ANCHOR = ["s0", "s1", "s0", "s0", "s1"]
REWARD = [0.0, 10.0, 0.0, 0.0, 0.0]


def step_level(group, trajectory, anchor, reward, valid=None, **options):
    """A_S alone: the joint advantage less the one without a step level."""
    joint = gigpo(group, trajectory, anchor, reward, valid, **options)
    return joint - gigpo(group, trajectory, anchor, reward, valid, **options | {"step_weight": 0.0})


def test_the_examples_returns_are_discounted():
    assert discounted_returns(TRAJECTORY, REWARD, 0.95).tolist() == [9.5, 10, 0, 0, 0]


@pytest.mark.parametrize(
    ("normalise", "statistics", "expected"),
    [
        ("mean", "steps", [6, 6, -4, -4, -4]),
        ("mean", "trajectories", [5, 5, -5, -5, -5]),
        ("mean_std", "steps", [1.095445, 1.095445, -0.730297, -0.730297, -0.730297]),
        ("mean_std", "trajectories", [0.707107, 0.707107, -0.707107, -0.707107, -0.707107]),
    ],
)
def test_the_examples_episode_level(normalise, statistics, expected):
    options = {"normalise": normalise, "statistics": statistics}
    found = grpo(GROUP, TRAJECTORY, REWARD, **options)
    assert found == pytest.approx(expected, abs=2e-6)
    assert gigpo(GROUP, TRAJECTORY, ANCHOR, REWARD, step_weight=0.0, **options).tolist() == (
        found.tolist()
    )


@pytest.mark.parametrize("statistics", ["steps", "trajectories"])
@pytest.mark.parametrize(
    ("normalise", "expected"),
    [
        ("mean", [6.333333, 5, -3.166667, -3.166667, -5]),
        ("mean_std", [1.154700, 0.707107, -0.577350, -0.577350, -0.707107]),
    ],
)
def test_the_examples_step_level(normalise, statistics, expected):
    options = {"normalise": normalise, "statistics": statistics}
    found = step_level(GROUP, TRAJECTORY, ANCHOR, REWARD, **options)
    assert found == pytest.approx(expected, abs=2e-6)


def test_the_levels_add_up_with_the_step_weight():
    options = {"normalise": "mean", "statistics": "steps"}
    found = gigpo(GROUP, TRAJECTORY, ANCHOR, REWARD, step_weight=0.5, **options)
    by_hand = [6 + 6.333333 / 2, 8.5, -4 - 3.166667 / 2, -4 - 3.166667 / 2, -6.5]
    assert found == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.parametrize(
    ("normalise", "expected"),
    [
        ("mean_std", [1.154698, -0.577349, -0.577349, 0.999999]),
        ("mean", [0.666667, -0.333333, -0.333333, 1.0]),  # Dr. GRPO
    ],
)
def test_grpo_of_three_episodes_and_of_one_alone(normalise, expected):
    found = grpo("gggh", "abcd", [1.0, 0.0, 0.0, 1.0], normalise=normalise)
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_group_of_one_keeps_its_score_at_the_episode_level_and_has_none_at_the_step_level():
    assert grpo("gg", "aa", [0.0, 3.0]) == pytest.approx([3 / (1 + 1e-6)] * 2)
    found = step_level("gg", "aa", ["x", "y"], [0.0, 3.0])
    assert found.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("normalise", ["mean", "mean_std"])
def test_constant_groups_are_exactly_zero(normalise):
    """In float32 these give advantages up to 0.64: 15 rewards of 10.95."""
    for n in range(2, 17):
        for value in np.arange(0.05, 11.0, 0.05):
            found = grpo("g" * n, range(n), [value] * n, normalise=normalise)
            assert not found.any(), (n, value)


@given(
    st.integers(2, 16),
    st.lists(st.floats(-11, 11, width=32), min_size=1, max_size=6),
    st.floats(0, 1),
    st.sampled_from(["mean", "mean_std"]),
    st.sampled_from(["trajectories", "steps"]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_equal_episodes_give_no_credit_whatever_their_rewards(
    n, rewards, gamma, normalise, statistics, stumble
):
    """Shaped, discounted and penalised alike: there is nothing to choose between."""
    length = len(rewards)
    found = gigpo(
        "g" * n * length,
        [i for i in range(n) for _ in rewards],
        [f"s{t}" for _ in range(n) for t in range(length)],
        rewards * n,
        [not (stumble and length == 1)] * n * length,
        gamma=gamma,
        normalise=normalise,
        statistics=statistics,
    )
    assert found.tolist() == [0.0] * len(found)


def test_rewards_summed_in_another_order_are_still_equal():
    """0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1 differ in float64 by one unit in the last place."""
    found = grpo("gggggg", "aaabbb", [0.1, 0.2, 0.3, 0.3, 0.2, 0.1])
    assert sum([0.1, 0.2, 0.3]) != sum([0.3, 0.2, 0.1])
    assert found.tolist() == [0.0] * 6


@given(episodes, st.randoms(), st.sampled_from(["mean", "mean_std"]))
@settings(max_examples=150, deadline=None)
def test_the_order_of_trajectories_does_not_matter(played, rng, normalise):
    numbered = list(enumerate(played))
    shuffled = numbered.copy()
    rng.shuffle(shuffled)
    first, names = columns(numbered)
    second, other_names = columns(shuffled)
    one = dict(zip(names, gigpo(*first, normalise=normalise), strict=True))
    other = dict(zip(other_names, gigpo(*second, normalise=normalise), strict=True))
    assert other == pytest.approx(one, abs=1e-9)


@given(episodes, st.randoms())
@settings(max_examples=100, deadline=None)
def test_interleaved_trajectories_give_what_contiguous_ones_give(played, rng):
    data, names = columns(list(enumerate(played)))
    order = interleaved(names, rng)
    mixed = [[column[i] for i in order] for column in data]
    assert gigpo(*mixed) == pytest.approx(gigpo(*data)[order], abs=1e-9)


@given(episodes, st.sampled_from(["trajectories", "steps"]))
@settings(max_examples=100, deadline=None)
def test_without_a_step_weight_gigpo_is_grpo(played, statistics):
    data, _ = columns(list(enumerate(played)))
    group, trajectory, _, reward, valid = data
    options = {"statistics": statistics, "invalid_penalty": 0.1}
    assert gigpo(*data, step_weight=0.0, **options).tolist() == (
        grpo(group, trajectory, reward, valid, **options).tolist()
    )


@given(episodes)
@settings(max_examples=50, deadline=None)
def test_states_that_nobody_meets_twice_have_no_step_level(played):
    (group, trajectory, _, reward, valid), _ = columns(list(enumerate(played)))
    found = step_level(group, trajectory, range(len(group)), reward, valid)
    assert found.tolist() == [0.0] * len(group)


def test_two_groups_that_share_an_observation_are_not_compared():
    options = {"normalise": "mean", "invalid_penalty": 0.0}
    group, trajectory, anchor = "gghh", "abcd", ["same"] * 4
    found = step_level(group, trajectory, anchor, [1.0, 0.0, 30.0, 20.0], **options)
    assert found.tolist() == [0.5, -0.5, 5.0, -5.0]


def test_the_same_trajectory_name_in_two_groups_is_two_trajectories():
    found = grpo("gghh", "abab", [1.0, 0.0, 5.0, 1.0], normalise="mean")
    assert found.tolist() == [0.5, -0.5, 2.0, -2.0]
    # Did a's return flow from h back to g, the two visits in g would differ by 8.
    anchor, reward = ["s", "s", "x", "y"], [1.0, 1.0, 8.0, 0.0]
    assert not step_level("gghh", "abab", anchor, reward, gamma=1.0).any()


def test_repeated_visits_of_one_trajectory_compete():
    """At gamma 0.5 the returns are 2, 4, 8: the last visit was the best place to act from."""
    found = step_level("ggg", "aaa", ["s"] * 3, [0.0, 0.0, 8.0], gamma=0.5, normalise="mean")
    assert found == pytest.approx([2 - 14 / 3, 4 - 14 / 3, 8 - 14 / 3])


def test_the_invalid_penalty_falls_on_that_step_alone_and_after_discounting():
    options = {
        "normalise": "mean",
        "invalid_penalty": 1.0,
        "gamma": 1.0,
        "statistics": "trajectories",
    }
    data = ("gggg", "aabb", ["x", "y", "x", "y"], [0.0, 4.0, 0.0, 4.0])
    found = gigpo(*data, [True, True, True, False], **options)
    # The step returns are 4, 4 at x and 4, 4 - 1 at y; the episode scores are 4, 4, 4, 3.
    assert found == pytest.approx([0.0, 0.5, 0.0, -1.5])
    # A first step's penalty enters the mean of `trajectories`: scores 4 and 3 have mean 3.5.
    found = grpo("gggg", "aabb", data[3], [True, True, False, True], **options_of(grpo, options))
    assert found == pytest.approx([0.5, 0.5, -0.5, 0.5])


def options_of(function, options):
    names = function.__kwdefaults__
    return {name: value for name, value in options.items() if name in names}


@pytest.mark.parametrize("statistics", ["trajectories", "steps"])
def test_one_late_invalid_step_among_equal_returns_costs_a_bounded_amount(statistics):
    """The deviation of equal returns is 0; a penalised step must not be divided by it."""
    valid = [True] * 16
    valid[5] = False
    found = grpo(
        "g" * 16,
        [i // 2 for i in range(16)],
        [0.0, 10.0] * 8,
        valid,
        statistics=statistics,
        invalid_penalty=0.1,
    )
    assert np.argmin(found) == 5
    assert -4 < found[5] < 0
    assert np.abs(np.delete(found, 5)).max() < 0.3


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        ("page", "page", "page "),
        (3, np.int64(3), 4),
        (0.5, np.float64(0.5), 0.25),
        ((1, "a"), (1, "a"), (1, "b")),
        ([1, [2]], [1, [2]], [[1], 2]),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, {"a": 1, "b": [3]}),
        (np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(2), np.zeros(2), np.ones(2)),
        (None, None, "None"),
        (frozenset("ab"), frozenset("ba"), frozenset("a")),
        ({"image": np.ones(2)}, {"image": np.ones(2)}, {"image": np.zeros(2)}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anchors_are_the_same_exactly_when_their_content_is(one, same, other):
    assert codes([one, same, other]).tolist() == [0, 0, 1]
    found = step_level("ggg", "abc", [one, same, other], [1.0, 0.0, 7.0], normalise="mean")
    assert found.tolist() == [0.5, -0.5, 0.0]


def test_an_anchor_that_cannot_be_compared_is_refused():
    with pytest.raises(BadInput, match="a set identifies no state"):
        codes([{1, 2}])


def test_similar_anchors_join_the_first_cluster_that_they_resemble():
    near, far = "a" * 19 + "b", "c" * 20
    # 2 * 19 matches / 40 characters = 0.95, and the threshold counts as similar.
    assert similar_anchors("gggg", ["a" * 20, near, far, near], 0.95).tolist() == [0, 0, 1, 0]
    assert similar_anchors("ggg", ["a" * 20, near, far], 0.96).tolist() == [0, 1, 2]


def test_similar_anchors_depend_on_order_because_clusters_keep_their_first_member():
    ends, middle = ("aaaa", "aabb"), "aaab"  # each end resembles the middle (0.75), not the other
    assert similar_anchors("ggg", [ends[0], middle, ends[1]], 0.7).tolist() == [0, 0, 1]
    assert similar_anchors("ggg", [middle, *ends], 0.7).tolist() == [0, 0, 0]


def test_similar_anchors_stay_in_their_group():
    numbers = similar_anchors("gh", ["room", "room"], 0.9)
    assert numbers[0] != numbers[1]
    found = step_level(
        "ghgh", "abcd", ["room 1"] * 4, [1, 9, 0, 9], similarity=0.9, normalise="mean"
    )
    assert found.tolist() == [0.5, 0.0, -0.5, 0.0]


@pytest.mark.parametrize("similarity", [0.0, 1.0, -0.5, 1.5, math.nan])
def test_a_similarity_outside_0_and_1_is_refused(similarity):
    with pytest.raises(BadInput, match="strictly between 0 and 1"):
        gigpo("g", "a", ["text"], [1.0], similarity=similarity)


def test_similarity_needs_text():
    with pytest.raises(BadInput, match=r"anchor\[1\] is int"):
        similar_anchors("gg", ["text", 3], 0.9)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("credit", [grpo, lambda g, t, r: gigpo(g, t, ["s"] * 3, r)])
def test_a_reward_that_is_not_a_number_is_refused(credit, broken):
    with pytest.raises(BadInput, match=r"reward\[1\] is"):
        credit("ggg", "abc", [1.0, broken, math.nan])


def test_no_steps_have_no_advantages():
    assert grpo([], [], []).shape == gigpo([], [], [], []).shape == (0,)


def test_huge_and_tiny_rewards_stay_finite():
    for scale in (1e-12, 1e12):
        found = gigpo("gg", "ab", ["s", "s"], [scale, 2 * scale])
        assert np.isfinite(found).all()
        assert found[0] == -found[1]


def test_a_hundred_thousand_steps_take_less_than_a_second():
    rng = random.Random(0)
    steps = 100_000
    group = [i // 1000 for i in range(steps)]
    trajectory = [i // 50 for i in range(steps)]
    anchor = [f"observation {rng.randrange(2000)} " * 10 for _ in range(steps)]
    reward = np.random.default_rng(0).random(steps)
    started = time.process_time()
    gigpo(group, trajectory, anchor, reward)
    assert time.process_time() - started < 1.0


def trajectory_of(group, name, *steps):
    record = Trajectory(
        id=name,
        group=group,
        task=Task(id="t", split="train"),
        stop_reason=StopReason.TERMINATED,
    )
    for anchor, reward, valid in steps:
        step = Step(observation="", action="", reward=reward, valid=valid, anchor=anchor)
        record.steps.append(step)
    return record


def test_the_algorithms_give_credit_to_recorded_trajectories():
    played = [
        trajectory_of("g", "A", ("s0", 0.0, True), ("s1", 10.0, True)),
        trajectory_of("g", "B", ("s0", 0.0, True), ("s0", 0.0, True), ("s1", 0.0, True)),
    ]
    steps = Steps.of(played)
    assert len(steps) == 5
    joint = GiGPO(normalise="mean", statistics="steps").advantages(steps)
    assert joint == pytest.approx([12.333333, 11, -7.166667, -7.166667, -9], abs=1e-5)
    assert GRPO(normalise="mean").advantages(steps).tolist() == [5, 5, -5, -5, -5]


def test_the_algorithms_pass_on_every_setting():
    played = [
        trajectory_of("g", "A", ("room one", 0.0, False), ("room two", 4.0, True)),
        trajectory_of("g", "B", ("room one!", 0.0, True), ("other", 0.0, True)),
    ]
    steps = Steps.of(played)
    settings = {
        "gamma": 0.5,
        "step_weight": 2.0,
        "normalise": "mean",
        "statistics": "steps",
        "invalid_penalty": 1.0,
        "similarity": 0.9,
    }
    # Scores 3, 4, 0, 0 have mean 1.75; returns in "room one" are 4/2 - 1 and 0.
    assert GiGPO(**settings).advantages(steps) == pytest.approx(
        [3 - 1.75 + 2 * 0.5, 4 - 1.75, -1.75 - 2 * 0.5, -1.75]
    )


def test_algorithms_are_found_by_name():
    assert part_class("credit", "gigpo") is GiGPO
    with pytest.raises(UnknownName, match="did you mean 'gigpo'"):
        part_class("credit", "gigp0")
