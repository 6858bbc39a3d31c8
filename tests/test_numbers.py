"""Rewards of any type of number are floats, in columns, records and environments; no others are."""

import math
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

import agentgym
from agentgym.credit import Steps
from agentgym.errors import BadInput
from agentgym.numbers import number
from agentgym.trajectory import Step, StopReason, Task, Trajectory
from agentgym_trainers.credit.gdpo import gdpo
from agentgym_trainers.credit.grpo import GRPO, grpo

THIRD = 0.3333333333333333
NUMBERS = [
    (True, 1.0),
    (7, 7.0),
    (0.1, 0.1),
    (Fraction(1, 3), THIRD),
    (Decimal("0.1"), 0.1),
    (np.bool_(True), 1.0),
    (np.int8(-3), -3.0),
    (np.float16(3.3), 3.3),  # 3.30078125
    (np.float32(3.3), 3.3),  # 3.299999952316284
    (np.float64(0.1), 0.1),
    (np.longdouble(0.1), 0.1),
    (np.array(0.25), 0.25),
    (np.array([np.float32(0.7)]), 0.7),
    (torch.tensor(3), 3.0),
    (torch.tensor(3.3), 3.3),
    (torch.tensor(3.3, dtype=torch.float64), 3.3),
    (torch.tensor(3.3, dtype=torch.bfloat16), 3.3),  # 3.296875
    (torch.tensor([1 / 3], requires_grad=True), 0.33333334),
]
NO_NUMBERS = [
    None,
    "1",
    b"1",
    1j,
    date(2026, 1, 1),
    [1.0],
    {},
    np.str_("1"),
    np.complex64(1),
    np.datetime64("2026-01-01"),
    np.ma.masked,
    np.ones(2),
    torch.tensor(1j),
    torch.ones(2),
    pd.NA,
    pd.Timestamp("2026-01-01"),
    object(),
]
named = {"ids": lambda value: f"{type(value).__name__} {value}"}


@pytest.mark.parametrize(("given", "expected"), NUMBERS, **named)
def test_a_number_of_any_type_is_the_decimal_that_it_stands_for(given, expected):
    assert type(number(given)) is float
    assert number(given) == expected


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("of", [float, np.float16, np.float32, torch.tensor])
def test_what_is_not_finite_stays_so(value, of):
    assert number(of(value)) == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize("given", NO_NUMBERS, **named)
def test_what_is_no_number_is_refused_with_its_type(given):
    with pytest.raises(BadInput, match=f"prize is .*of type {type(given).__name__}; it must be a"):
        number(given, "prize")


@pytest.mark.parametrize("huge", [10**400, Fraction(10**400)], **named)
def test_what_is_too_large_for_a_float_is_refused(huge):
    with pytest.raises(BadInput, match="this is 10000000000000000000..., too large for a float"):
        number(huge)


# Columns


@pytest.mark.parametrize(("given", "expected"), NUMBERS, **named)
def test_a_list_may_hold_any_of_them(given, expected):
    found = grpo("ggg", "abc", [given, 0.0, 0.0], normalise="mean")
    assert found == pytest.approx(grpo("ggg", "abc", [expected, 0.0, 0.0], normalise="mean"))


@pytest.mark.parametrize("given", [x for x in NO_NUMBERS if np.shape(x) != (2,)], **named)
def test_an_entry_that_is_no_number_is_refused_with_its_column_place_and_type(given):
    wrong = rf"reward\[1\] is .*of type {type(given).__name__}; it must be a number"
    with pytest.raises(BadInput, match=wrong):
        grpo("ggg", "abc", [1.0, given, 0.0])
    column = np.fromiter([1.0, given, 0.0], dtype=object)
    with pytest.raises(BadInput, match=r"reward\[1\] is "):
        grpo("ggg", "abc", column)


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        (np.array(["1", "0", "1"]), r"reward\[0\] is .*'1'.*of type str_"),
        (np.array([1j, 0, 0]), r"reward\[0\] is .*of type complex128"),
        (np.array(["2026-01-01"] * 3, dtype="M8[D]"), r"reward\[0\] is .*of type datetime64"),
        (torch.tensor([1j, 0, 0]), r"reward\[0\] is .*of type complex64"),
        (np.ma.masked_array([1.0, 2, 3], [False, False, True]), r"reward\[2\] is masked"),
        (pd.Series([1, None, 2], dtype="Int64"), r"reward\[1\] is <NA>, of type NAType"),
        (pd.Series([1.0, None, 2.0], dtype="Float32"), r"reward\[1\] is <NA>, of type NAType"),
        (pd.Series([1.0, None, 2.0]), r"reward\[1\] is nan; credit needs finite numbers"),
        (pd.Series(["a", "b", "c"]), r"reward\[0\] is 'a', of type str"),
        ([1.0, 10**400, 0.0], r"reward\[1\] is 1000.*too large"),
        ("101", r"reward has shape \(\)"),
        ({0: 1.0, 1: 2.0, 2: 3.0}, r"reward has shape \(\)"),
        ((x for x in (1, 2, 3)), r"reward has shape \(\)"),
        (np.ones((3, 1)), r"reward has shape \(3, 1\)"),
    ],
)
def test_a_column_of_no_numbers_is_refused(column, wrong):
    with pytest.raises(BadInput, match=wrong):
        grpo("ggg", "abc", column)


@pytest.mark.parametrize(
    "of",
    [
        lambda x: pd.Series(x, index=[7, 8, 9]),
        lambda x: pd.Series(x, dtype="Float64"),
        lambda x: np.ma.masked_array(x, [False] * 3),
        lambda x: torch.tensor(x, requires_grad=True),
        lambda x: torch.tensor(x, dtype=torch.bfloat16),
        lambda x: [np.float32(each) for each in x],
        lambda x: [torch.tensor(each, requires_grad=True) for each in x],
        np.longdouble,
        tuple,
    ],
)
def test_columns_of_every_kind_mean_the_same(of):
    expected = grpo("ggg", "abc", [1.0, 0.5, 0.0], [True, False, True], invalid_penalty=0.25)
    found = grpo("ggg", "abc", of([1.0, 0.5, 0.0]), [True, False, True], invalid_penalty=0.25)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("given", [None, "yes", pd.NA, 2, 0.5, math.nan])
def test_a_flag_that_is_none_is_refused_with_its_place(given):
    with pytest.raises(BadInput, match=r"valid holds something .* valid\[1\] is"):
        grpo("ggg", "abc", [1.0, 0.0, 0.0], [True, given, True])


def test_a_part_of_the_reward_may_not_apply_but_must_be_a_number():
    assert gdpo("gg", "ab", {"style": np.float32([np.nan, 1.0])}).tolist() == [0.0, 0.0]
    with pytest.raises(BadInput, match=r"style\[0\] is 'good', of type str"):
        gdpo("gg", "ab", {"style": ["good", 1.0]})


# Records and environments


def test_a_record_holds_a_float():
    for given, expected in NUMBERS:
        step = Step(observation="", action="", anchor="", reward=given)
        assert type(step.reward) is float
        assert step.reward == expected
    for given in (None, "1", 1j, math.nan):
        with pytest.raises(ValidationError, match="number"):
            Step(observation="", action="", anchor="", reward=given)


@pytest.mark.parametrize("of", [np.float16, np.float32, torch.tensor, Fraction])
@pytest.mark.parametrize("assigned", [False, True])
def test_trajectories_with_equal_returns_get_no_credit_whatever_type_their_rewards_had(
    of, assigned
):
    played = []
    for name, rewards in {"a": ["3.3", "6.6"], "b": ["9.9", "0"]}.items():
        steps = [Step(observation="", action="", anchor="") for _ in rewards]
        for step, text in zip(steps, rewards, strict=True):
            reward = of(float(text)) if of is not Fraction else Fraction(text)
            if assigned:
                step.reward = reward
        if not assigned:
            steps = [
                step.model_validate({**step.model_dump(), "reward": of(float(text))})
                for step, text in zip(steps, rewards, strict=True)
            ]
        record = Trajectory(
            id=name,
            group="g",
            task=Task(id="t", split="train"),
            stop_reason=StopReason.TERMINATED,
            steps=steps,
        )
        played.append(record)
    assert GRPO().advantages(Steps.of(played)).tolist() == [0.0] * 4


class Paying(agentgym.TextEnv):
    """Answers every action with the same reward."""

    def __init__(self, reward, info=None):
        self.reward, self.info = reward, info or {}

    def tasks(self, split):
        return [agentgym.Task(id="t", split=split)]

    def reset(self, *, seed=None, options=None):
        return "hello", {}

    def step(self, action):
        return "bye", self.reward, True, False, self.info


class Waiting(Paying):
    """Steps on the event loop, as environments do that wait on I/O."""

    async def astep(self, action):
        return self.step(action)


def played(env):
    policy = agentgym.ScriptedPolicy(lambda prompt: "go")
    return agentgym.run(agentgym.rollout, env, policy, env.tasks("train")[0])


@pytest.mark.parametrize("kind", [Paying, Waiting])
@pytest.mark.parametrize(("given", "expected"), NUMBERS, **named)
def test_an_environment_may_pay_in_any_of_them(kind, given, expected):
    record = played(kind(given))
    assert record.failure is None
    assert record.steps[0].reward == record.reward == expected
    assert Trajectory.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("kind", [Paying, Waiting])
@pytest.mark.parametrize("given", NO_NUMBERS, **named)
def test_a_reward_that_is_no_number_is_a_failure_of_the_environment(kind, given):
    record = played(kind(given))
    assert record.stop_reason is StopReason.ERROR
    assert record.failure.boundary == "environment"
    assert record.failure.message.startswith("reward is ")
    assert "it must be a number" in record.failure.message


@pytest.mark.parametrize("given", [math.nan, np.float32(math.inf), torch.tensor(math.nan)])
def test_a_reward_that_is_not_finite_is_a_failure_too(given):
    record = played(Paying(given))
    assert record.failure.boundary == "environment"
    assert "is not finite" in record.failure.message


def test_parts_of_the_reward_are_numbers_too():
    told = {"right": np.float32(0.7), "short": torch.tensor(1), "style": None, "kind": math.nan}
    record = played(Paying(1.0, {"parts": told}))
    steps = Steps.of([Trajectory.model_validate_json(record.model_dump_json())])
    assert {name: column.item() for name, column in steps.parts.items()} == pytest.approx(
        {"kind": math.nan, "right": 0.7, "short": 1.0, "style": math.nan}, nan_ok=True
    )
    record = played(Paying(1.0, {"parts": {"style": "good"}}))
    assert record.failure.boundary == "environment"
    assert record.failure.message.startswith("part 'style' of the reward is 'good', of type str")
