"""Shaping: rewards by hand, where in an episode they change, and what must not matter."""

import math
import random
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from agentgym.credit import Steps
from agentgym.env.text_env import Task
from agentgym.errors import BadInput
from agentgym.trajectory import Step, StopReason, Trajectory
from agentgym_trainers.credit.grpo import grpo
from agentgym_trainers.shaping.context_limit import ContextLimit, context_limit
from agentgym_trainers.shaping.otc import OTCGRPO, OTCPPO, otc_grpo, otc_ppo
from agentgym_trainers.shaping.overlong import Overlong, overlong
from agentgym_trainers.shaping.shaping import on_last_step


def played(name, rewards, *, success=True, tokens=2, stop=StopReason.TERMINATED, group="g"):
    """An episode; the environment does not count calls, so each step is one."""
    record = Trajectory(
        id=name, group=group, task=Task(id="t", split="train"), stop_reason=stop, success=success
    )
    for reward in rewards:
        sampled = {"ids": [1] * tokens, "logprobs": [0.0] * tokens}
        record.steps.append(Step(observation="", action="", reward=reward, anchor="s", **sampled))
    return record


def shaped(shaping, *records):
    steps = Steps.of(records)
    before = steps.reward.copy()
    found = shaping.shape(steps)
    assert steps.reward.tolist() == before.tolist()
    for field in fields(Steps):
        if field.name != "reward":
            assert getattr(found, field.name) is getattr(steps, field.name)
    return found.reward.tolist()


def test_episodes_are_told_apart_by_group_and_name_in_any_order():
    """Two episodes named a, their steps between each other's."""
    group, trajectory = "ghgh", "aaaa"
    found = overlong(group, trajectory, [1, 10, 2, 20], max_tokens=30, buffer=27)
    assert found.tolist() == [0, -1, 0, -1]
    assert on_last_step(group, trajectory, [5, 6, 7, 8]).tolist() == [0, 0, 7, 8]


def test_no_steps_have_no_sums():
    assert on_last_step([], [], []).shape == (0,)
    assert otc_grpo([], [], [], []).shape == otc_ppo([], [], [], []).shape == (0,)
    assert overlong([], [], []).shape == context_limit([]).shape == (0,)


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_what_is_not_a_number_is_refused(broken):
    with pytest.raises(BadInput, match=r"calls\[1\] is"):
        otc_ppo("gg", "ab", [True, True], [0.0, broken])
    with pytest.raises(BadInput, match=r"\[1\] is"):
        on_last_step("gg", "ab", [0.0, broken])


# OTC


@pytest.mark.parametrize(
    ("m", "c", "expected"),
    [
        (0, 4, 1.0),
        (1, 4, math.cos(math.pi / 6)),
        (2, 4, math.cos(math.pi / 4)),
        (1, 1, 0.5),  # cos(pi / 3)
        (3, 6, math.cos(math.pi / 4)),
    ],
)
def test_otc_ppo_by_hand(m, c, expected):
    assert otc_ppo("g", "a", [True], [m], smoothing=c) == pytest.approx([expected])


def test_otc_grpo_by_hand():
    """n = 1. m = 2: f = 4/3, sin(2 pi / 3); m = 3: f = 3/2, sin(3 pi / 4)."""
    found = otc_grpo("gggg", "abcd", [True, True, True, False], [1, 2, 3, 0])
    assert found == pytest.approx([1.0, math.sqrt(3) / 2, math.sqrt(2) / 2, 0.0])
    assert found[0] == 1.0


@pytest.mark.parametrize("m", range(1, 12))
@pytest.mark.parametrize("n", range(1, 12))
def test_otc_grpo_is_the_published_formula(m, n):
    m, n = max(m, n), min(m, n)
    f = 2 * m * n / (m + n)
    found = otc_grpo("gg", "ab", [True, True], [m, n])
    assert found == pytest.approx([math.sin(f * math.pi / (2 * n)), 1.0])


def test_where_a_success_called_nothing_otc_grpo_is_otc_ppo():
    columns = ("ggg", "abc", [True, True, True], [0, 1, 5])
    assert otc_grpo(*columns).tolist() == otc_ppo(*columns).tolist()
    assert otc_grpo(*columns)[0] == 1.0


def test_the_least_calls_are_those_of_successes_of_the_same_group():
    """A failure without calls does not count, nor does a thriftier success elsewhere."""
    found = otc_grpo("ggghh", "abcde", [True, True, False, True, True], [4, 2, 0, 1, 1])
    assert found == pytest.approx([math.sin(math.pi * 4 / 6), 1.0, 0.0, 1.0, 1.0])


def test_calls_are_counted_over_the_whole_episode():
    """a called 2 + 0 + 1 times, b 1 + 0; every step has the value of its episode."""
    found = otc_grpo("ggggg", "aaabb", [True] * 5, [2, 0, 1, 1, 0])
    assert found == pytest.approx([math.sin(math.pi * 3 / 4)] * 3 + [1.0] * 2)


def test_without_a_success_there_is_no_signal():
    assert otc_grpo("gg", "ab", [False, False], [1, 2]).tolist() == [0.0, 0.0]
    rewards = [[0.0, 0.0], [0.0]]
    records = [played("a", rewards[0], success=False), played("b", rewards[1], success=False)]
    assert shaped(OTCGRPO(), *records) == [0.0, 0.0, 0.0]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1000)), min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_more_calls_are_never_worth_more_and_a_success_is_always_worth_something(episodes):
    success, calls = map(list, zip(*episodes, strict=True))
    for rule in (otc_ppo, otc_grpo):
        found = rule("g" * len(calls), range(len(calls)), success, calls)
        for won, m, value in zip(success, calls, found, strict=True):
            assert 0 < value <= 1 if won else value == 0
            for other, k, another in zip(success, calls, found, strict=True):
                assert not (won and other and m < k) or value > another
    least = min((m for won, m in episodes if won), default=None)
    found = otc_grpo("g" * len(calls), range(len(calls)), success, calls)
    assert all(v == 1.0 for (won, m), v in zip(episodes, found, strict=True) if won and m == least)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=8),
    st.randoms(),
)
@settings(max_examples=50, deadline=None)
def test_the_order_of_trajectories_does_not_matter_to_otc(episodes, rng):
    rows = [("gh"[i % 2], i, *episode) for i, episode in enumerate(episodes)]
    mixed = rows.copy()
    rng.shuffle(mixed)
    by_name = []
    for order in (rows, mixed):
        group, name, success, calls = map(list, zip(*order, strict=True))
        found = otc_grpo(group, name, success, calls)
        by_name.append(dict(zip(name, found.tolist(), strict=True)))
    assert by_name[0] == by_name[1]


def test_the_return_of_a_success_is_multiplied_and_changes_on_the_last_step():
    """n = 1, so b with its 3 calls keeps sin(3 pi / 4) of 1 + 0 + 3 = 4."""
    a, b = played("a", [10.0]), played("b", [1.0, 0.0, 3.0])
    assert shaped(OTCGRPO(), a, b) == pytest.approx([10, 1, 0, 4 * math.sqrt(0.5) - 1])
    assert shaped(OTCGRPO(scale=2.0), a, b) == pytest.approx([20, 1, 0, 8 * math.sqrt(0.5) - 1])
    # Without regard to a: 3 calls with c = 6 are cos(pi / 4).
    assert shaped(OTCPPO(smoothing=6.0), b) == pytest.approx([1, 0, 4 * math.sqrt(0.5) - 1])


def test_a_failure_keeps_what_it_got():
    """A penalty for bad format, say: nothing that failed is worth less or more for its calls."""
    failed = played("b", [0.0, -1.0], success=False)
    for shaping in (OTCGRPO(scale=3.0), OTCPPO(scale=3.0)):
        assert shaped(shaping, played("a", [1.0]), failed)[1:] == [0.0, -1.0]


def test_successes_alike_in_their_calls_have_no_advantage():
    records = [played(f"e{i}", [0.0, 0.3, 0.4]) for i in range(7)]
    for shaping in (OTCGRPO(), OTCPPO()):
        steps = shaping.shape(Steps.of(records))
        assert not grpo(steps.group, steps.trajectory, steps.reward).any()


def test_otc_makes_the_thriftier_of_two_successes_the_better_one():
    steps = OTCGRPO().shape(Steps.of([played("a", [1.0]), played("b", [0.0, 1.0])]))
    found = grpo(steps.group, steps.trajectory, steps.reward)
    assert found[0] > 0 > found[1]


# Overlong


@pytest.mark.parametrize(
    ("length", "expected"),
    [(0, 0.0), (80, 0.0), (81, -0.05), (90, -0.5), (100, -1.0), (101, -1.0), (10_000, -1.0)],
)
def test_the_penalty_grows_over_the_buffer(length, expected):
    found = overlong("g", "a", [length], max_tokens=100, buffer=20)
    assert found == pytest.approx([expected])
    scaled = overlong("g", "a", [length], max_tokens=100, buffer=20, factor=0.5)
    assert scaled == pytest.approx([expected / 2])


def test_the_defaults_are_those_of_dapo():
    found = overlong("ggg", "abc", [16384, 18432, 20480])
    assert found.tolist() == [0.0, -0.5, -1.0]
    assert Overlong().model_dump() == {
        "name": "overlong",
        "max_tokens": 20480,
        "buffer": 4096,
        "factor": 1.0,
    }


def test_the_length_is_what_the_whole_episode_sampled():
    """9 steps of 10 tokens are 90; the penalty stands once, at the end."""
    shaping = Overlong(max_tokens=100, buffer=20)
    records = [played("a", [1.0] * 9, tokens=10), played("b", [1.0] * 2, tokens=10)]
    assert shaped(shaping, *records) == [1.0] * 8 + [0.5, 1.0, 1.0]
    assert shaped(shaping.model_copy(update={"factor": 4.0}), records[0])[-1] == -1.0


@given(st.lists(st.integers(0, 300), min_size=1, max_size=10), st.randoms())
@settings(max_examples=50, deadline=None)
def test_only_an_episodes_own_length_matters(lengths, rng):
    names = list(range(len(lengths)))
    found = overlong("g" * len(lengths), names, lengths, max_tokens=200, buffer=150)
    rng.shuffle(names)
    mixed = overlong(
        "g" * len(lengths), names, [lengths[i] for i in names], max_tokens=200, buffer=150
    )
    assert mixed.tolist() == found[names].tolist()
    assert (found <= 0).all()
    assert (found >= -1).all()


def test_a_buffer_longer_than_the_limit_is_refused():
    with pytest.raises(ValidationError, match="an episode of no tokens would get a penalty"):
        Overlong(max_tokens=100, buffer=101)
    assert Overlong(max_tokens=100, buffer=100).buffer == 100


# Context limit


def test_only_a_full_context_has_a_penalty():
    reasons = list(StopReason)
    found = dict(zip(reasons, context_limit(reasons), strict=True))
    assert found.pop(StopReason.CONTEXT) == -0.1
    assert not any(found.values())
    assert context_limit(["context", "terminated"], penalty=0.5).tolist() == [-0.5, 0.0]


def test_a_full_context_costs_an_episode_once():
    records = [
        played("a", [0.0, 0.5], success=False, stop=StopReason.CONTEXT),
        played("b", [0.0, 0.5], success=False, stop=StopReason.MAX_STEPS),
    ]
    assert shaped(ContextLimit(), *records) == [0.0, 0.4, 0.0, 0.5]
    assert shaped(ContextLimit(penalty=2.0), *records) == [0.0, -1.5, 0.0, 0.5]


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        (OTCGRPO, {"smoothing": 0.0}),
        (OTCPPO, {"scale": -1.0}),
        (Overlong, {"buffer": 0}),
        (Overlong, {"factor": -1.0}),
        (ContextLimit, {"penalty": -0.1}),
    ],
)
def test_settings_that_make_no_sense_are_refused(part, wrong):
    with pytest.raises(ValidationError):
        part(**wrong)


def test_shapings_add_up():
    """The order does not matter to what is added, and only the last step is changed."""
    rng = random.Random(0)
    records = [
        played(
            f"e{i}",
            [rng.random() for _ in range(1 + i)],
            success=False,
            tokens=10,
            stop=StopReason.CONTEXT,
        )
        for i in range(9)
    ]
    steps = Steps.of(records)
    one, other = Overlong(max_tokens=60, buffer=40), ContextLimit()
    first = other.shape(one.shape(steps)).reward
    second = one.shape(other.shape(steps)).reward
    assert first == pytest.approx(second)
    lengths = np.arange(1, 10)
    assert np.flatnonzero(first != steps.reward).tolist() == (lengths.cumsum() - 1).tolist()
    overlong_too = (20 - 10 * lengths).clip(-40, 0) / 40
    assert (first - steps.reward)[lengths.cumsum() - 1] == pytest.approx(overlong_too - 0.1)
