"""HGPO: the published numbers, a literal reading of the paper, and what must hold of it."""

import random
import time
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from made_steps import columns, constant_groups, episodes, interleaved, steps_of

from agentgym.errors import BadInput
from agentgym_trainers.credit.gigpo import gigpo
from agentgym_trainers.credit.grpo import grpo
from agentgym_trainers.credit.hgpo import HGPO, contexts, hgpo
from agentgym_trainers.credit.sequences import before, discounted

# A visits s0, s1 and wins; B visits s0, s0, s1 and does not.
PUBLISHED = ("ggggg", "AABBB", ["s0", "s1", "s0", "s0", "s1"], [0.0, 10.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"history": 0, "normalise": "mean"}, [6.33333, 5, -3.16667, -3.16667, -5]),
        ({"history": 0}, [1.414212, 1, -0.707106, -0.707106, -1]),
        (
            {"history": 0, "normalise": "mean", "base": True},
            [6.22222, 5.33333, -3.44444, -3.44444, -4.66667],
        ),
        ({"history": 1, "base": True}, [1.307957, 1.015907, -0.714836, -0.714836, -0.955049]),
    ],
)
def test_the_worked_numbers(settings, expected, published):
    found = hgpo(*PUBLISHED, **settings, published=published)
    assert found == pytest.approx(expected, abs=6e-6)


# Episodes of two steps, x or y and then s; what the last step earns is the return of both.
def two_steps(firsts, rewards):
    n = len(firsts)
    anchors = [anchor for first in firsts for anchor in (first, "s")]
    steps = [reward for last in rewards for reward in (0.0, last)]
    return "gg" * n, [i // 2 for i in range(2 * n)], anchors, steps


BY_HAND = {"gamma": 1.0, "normalise": "mean", "history": 1}


def test_longer_shared_history_weighs_more():
    """At s the returns 4, 0, 5 are 1, -3, 2 from their mean; among those from x they are 2, -2."""
    data = two_steps("xxy", [4.0, 0.0, 5.0])
    paper = hgpo(*data, **BY_HAND)
    assert paper[1::2] == pytest.approx([(1 + 2 * 2) / 3, (-3 - 2 * 2) / 3, 2])
    assert paper[::2] == pytest.approx([2, -2, 0])  # nobody else began in y
    code = hgpo(*data, **BY_HAND, published=True)
    assert code[1::2] == pytest.approx([(2 * 1 + 3 * 2) / 5, (-3 * 2 - 2 * 3) / 5, 2])
    equal = hgpo(*data, **BY_HAND, alpha=0.0)
    assert equal[1::2] == pytest.approx([1.5, -2.5, 2])
    square = hgpo(*data, **BY_HAND, alpha=2.0)
    assert square[1::2] == pytest.approx([(1 + 4 * 2) / 5, (-3 - 4 * 2) / 5, 2])


def test_a_return_at_the_mean_keeps_its_weight_and_the_published_code_drops_it():
    """At s 5, 0, 2, 1 are 3, -2, 0, -1 from their mean; among those from y 2, 1 are .5, -.5."""
    data = two_steps("xxyy", [5.0, 0.0, 2.0, 1.0])
    assert hgpo(*data, **BY_HAND)[5] == pytest.approx((1 * 0 + 2 * 0.5) / 3)
    assert hgpo(*data, **BY_HAND, published=True)[5] == pytest.approx(0.5)
    nearly = two_steps("xxyy", [5.0 + 4e-6, 0.0, 2.0, 1.0])  # 1e-6 below the mean
    assert hgpo(*nearly, **BY_HAND)[5] == pytest.approx(1 / 3, abs=1e-5)
    assert hgpo(*nearly, **BY_HAND, published=True)[5] == pytest.approx(0.3, abs=1e-5)


def literal(group, trajectory, anchor, reward, valid, *, gamma, history, published, normalise):
    """Every group spelled out: tuples of states as keys, two loops, the paper's words."""
    steps = defaultdict(list)
    for i, key in enumerate(zip(group, trajectory, strict=True)):
        steps[key].append(i)
    returns = np.zeros(len(group))
    for places in steps.values():
        after = 0.0
        for i in reversed(places):
            returns[i] = after = reward[i] + gamma * after
    returns -= 0.1 * ~np.asarray(valid)
    items = defaultdict(list)
    for k in range(history + 1):
        members = defaultdict(list)
        for (g, _), places in steps.items():
            for t in range(k, len(places)):
                members[g, tuple(anchor[i] for i in places[t - k : t + 1])].append(places[t])
        for group_of in members.values():
            if len(group_of) > 1:
                values = returns[group_of]
                apart = values - values.mean()
                apart[abs(apart) < 1e-8] = 0
                if normalise == "mean_std":
                    apart /= values.std() + 1e-6
                for i, a in zip(group_of, apart, strict=True):
                    items[i].append((k + 1 + published, a))
    kept = [[(w, a) for w, a in items[i] if a or not published] for i in range(len(group))]
    return [sum(w * a for w, a in each) / max(1, sum(w for w, _ in each)) for each in kept]


@given(episodes, st.integers(0, 4), st.booleans(), st.sampled_from(["mean", "mean_std"]))
@settings(max_examples=60, deadline=None)
def test_levels_are_what_spelling_them_out_gives(played, history, published, normalise):
    data, _ = columns(list(enumerate(played)))
    options = {"history": history, "published": published, "normalise": normalise}
    assert hgpo(*data, **options) == pytest.approx(literal(*data, gamma=0.95, **options), abs=1e-9)


@given(episodes, st.randoms(), st.booleans())
@settings(max_examples=30, deadline=None)
def test_the_order_of_trajectories_does_not_matter(played, rng, base):
    numbered = list(enumerate(played))
    first, names = columns(numbered)
    rng.shuffle(numbered)
    second, other_names = columns(numbered)
    one = dict(zip(names, hgpo(*first, base=base), strict=True))
    other = dict(zip(other_names, hgpo(*second, base=base), strict=True))
    assert other == pytest.approx(one, abs=1e-9)


@given(episodes, st.randoms())
@settings(max_examples=30, deadline=None)
def test_interleaved_trajectories_give_what_contiguous_ones_give(played, rng):
    data, names = columns(list(enumerate(played)))
    order = interleaved(names, rng)
    mixed = [[column[i] for i in order] for column in data]
    assert hgpo(*mixed) == pytest.approx(hgpo(*data)[order], abs=1e-9)


@given(episodes, st.sampled_from([0.5, 3.0, 1000.0]))
@settings(max_examples=30, deadline=None)
def test_scaled_rewards_scale_the_advantages_or_leave_them(played, scale):
    (group, trajectory, anchor, reward, _), _ = columns(list(enumerate(played)))
    scaled = [scale * r for r in reward]
    for normalise, factor in (("mean", scale), ("mean_std", 1.0)):
        one = hgpo(group, trajectory, anchor, reward, normalise=normalise)
        other = hgpo(group, trajectory, anchor, scaled, normalise=normalise)
        assert other == pytest.approx(factor * one, rel=1e-3, abs=1e-4)


@given(episodes)
@settings(max_examples=30, deadline=None)
def test_without_history_it_is_the_step_level_of_gigpo(played):
    data, _ = columns(list(enumerate(played)))
    group, trajectory, _, reward, valid = data
    whole = grpo(
        group,
        trajectory,
        reward,
        valid,
        normalise="mean",
        statistics="steps",
        invalid_penalty=0.1,
    )
    step_level = gigpo(*data, normalise="mean") - whole
    assert hgpo(*data, history=0, normalise="mean") == pytest.approx(step_level, abs=1e-9)


@given(
    st.integers(2, 16),
    st.lists(st.floats(-11, 11, width=32), min_size=1, max_size=5),
    st.sampled_from(["mean", "mean_std"]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_equal_episodes_give_no_credit_whatever_their_rewards(n, rewards, normalise, base, code):
    found = hgpo(
        "g" * n * len(rewards),
        [i for i in range(n) for _ in rewards],
        [f"s{t}" for _ in range(n) for t in range(len(rewards))],
        rewards * n,
        normalise=normalise,
        base=base,
        published=code,
    )
    assert found.tolist() == [0.0] * len(found)


@pytest.mark.parametrize("normalise", ["mean", "mean_std"])
def test_constant_groups_are_exactly_zero(normalise):
    group, reward = constant_groups()
    found = hgpo(group, range(len(group)), ["s"] * len(group), reward, normalise=normalise)
    assert not found.any()


def test_a_step_that_is_alone_everywhere_gets_nothing_or_the_base_alone():
    data = ("gg", "ab", ["x", "y"], [1.0, 0.0])
    assert hgpo(*data).tolist() == [0.0, 0.0]
    assert hgpo(*data, base=True, normalise="mean").tolist() == [0.5, -0.5]


def test_two_groups_that_share_their_observations_are_not_compared():
    found = hgpo("gghh", "abcd", ["same"] * 4, [1.0, 0.0, 30.0, 20.0], normalise="mean")
    assert found.tolist() == [0.5, -0.5, 5.0, -5.0]


def test_the_same_trajectory_name_in_two_groups_is_two_trajectories():
    """Were they one, the first step in h would have a history, and return to g."""
    group, trajectory, anchor = "gghh", "abab", ["s", "s", "s", "s"]
    found = hgpo(group, trajectory, anchor, [1.0, 1.0, 8.0, 0.0], normalise="mean", gamma=1.0)
    assert found.tolist() == [0.0, 0.0, 4.0, -4.0]


def test_the_penalty_falls_on_that_step_alone_and_after_discounting():
    data = ("gggg", "aabb", ["x", "y", "x", "y"], [0.0, 4.0, 0.0, 4.0])
    options = {"normalise": "mean", "gamma": 1.0, "history": 0, "invalid_penalty": 1.0}
    found = hgpo(*data, [True, True, True, False], **options)
    assert found == pytest.approx([0.0, 0.5, 0.0, -0.5])


def test_contexts_number_steps_by_the_states_before_them():
    """a b a b and c b a b: from the third step on two states are shared, from the fourth three."""
    episode = np.repeat([0, 1], 4)
    state = np.array([0, 1, 0, 1, 2, 1, 0, 1])
    shared = [(number[:4] == number[4:]).tolist() for number in contexts(episode, state, 3)]
    assert shared == [
        [False, True, True, True],
        [False, False, True, True],
        [False, False, False, True],
        [False, False, False, False],
    ]


@pytest.mark.parametrize(
    "states",
    [
        [1, 2],
        [np.int64(1), np.int64(2)],
        [(0, "a"), (1, "a")],
        [{"a": 1}, {"a": 2}],
        [np.zeros((2, 2)), np.ones((2, 2))],
        [None, "None"],
    ],
    ids=lambda states: type(states[0]).__name__,
)
def test_states_are_of_any_type(states):
    one, other = states
    data = ("g" * 6, "aabbcc", [one, other, one, other, other, other], [0, 1, 0, 0, 0, 5.0])
    named = ["one", "other", "one", "other", "other", "other"]
    assert hgpo(*data).tolist() == hgpo(*data[:2], named, data[3]).tolist()


def test_columns_may_be_arrays():
    arrays = [np.array(list(column)) for column in PUBLISHED]
    assert hgpo(*arrays).tolist() == hgpo(*PUBLISHED).tolist()


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_reward_that_is_not_a_number_is_refused(broken):
    with pytest.raises(BadInput, match=r"reward\[1\] is"):
        hgpo("ggg", "abc", ["s"] * 3, [1.0, broken, 0.0])


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(BadInput, match="columns of 3, 2 entries"):
        hgpo("ggg", "ab", ["s"] * 3, [1.0, 0.0, 0.0])


def test_no_steps_have_no_advantages():
    assert hgpo([], [], [], [], base=True).shape == (0,)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-5, 5)), max_size=30), st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_discounted_sums_are_what_one_step_after_the_other_gives(places, factor):
    sequence = np.array([number for number, _ in places], dtype=np.int64)
    values = np.array([value for _, value in places], dtype=np.float64)
    after, expected, latest, previous = {}, np.zeros(len(places)), {}, []
    for i in reversed(range(len(places))):
        expected[i] = after[sequence[i]] = values[i] + factor * after.get(sequence[i], 0.0)
    for i, number in enumerate(sequence):
        previous.append(latest.get(number, -1))
        latest[number] = i
    assert discounted(sequence, values, factor) == pytest.approx(expected, abs=1e-9)
    assert before(sequence).tolist() == previous


@pytest.mark.parametrize("length", [50, 100_000])
def test_a_hundred_thousand_steps_take_less_than_a_second(length):
    rng = random.Random(0)
    n = 100_000
    anchor = [f"the page of item {rng.randrange(2000):4} " * 9 for _ in range(n)]
    episode = [i // length for i in range(n)]
    group = [e // 8 for e in episode]
    reward = np.random.default_rng(0).random(n)
    started = time.process_time()
    hgpo(group, episode, anchor, reward, history=4, base=True)
    assert time.process_time() - started < 1.0


def test_the_part_passes_on_every_setting():
    rng = np.random.default_rng(0)
    n, data = 60, ("g" * 60, [i // 6 for i in range(60)])
    anchor, reward, valid = (
        rng.integers(0, 2, n).tolist(),
        rng.integers(0, 3, n),
        rng.random(n) < 0.8,
    )
    steps = steps_of(*data, reward, anchor=anchor, valid=valid)
    plain = hgpo(*data, anchor, reward, valid).tolist()
    assert HGPO().advantages(steps).tolist() == plain
    settings = {
        "gamma": 0.5,
        "history": 1,
        "alpha": 2.0,
        "base": True,
        "normalise": "mean",
        "invalid_penalty": 1.0,
        "published": True,
    }
    assert settings.keys() == HGPO.model_fields.keys() - {"name"}
    for name, value in settings.items():
        one = HGPO(**{name: value}).advantages(steps).tolist()
        assert one == hgpo(*data, anchor, reward, valid, **{name: value}).tolist()
        assert one != plain, name
