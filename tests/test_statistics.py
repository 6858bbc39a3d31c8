"""Intervals and pass@k, against numbers worked by hand and against scipy."""

from itertools import combinations
from math import inf

import numpy as np
import pytest
from scipy import stats

from agentgym.errors import BadInput
from agentgym.evaluation.statistics import (
    Difference,
    Interval,
    mean_interval,
    paired_difference,
    pass_at_k,
    success_interval,
)


def test_pass_at_k_is_the_share_of_draws_that_hold_a_success():
    outcomes = [True, True, False, False, False]
    for k in range(1, 6):
        draws = list(combinations(outcomes, k))
        assert pass_at_k(5, 2, k) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize(("n", "c", "k"), [(4, 1, 5), (4, 1, 0), (4, 5, 1), (4, -1, 1)])
def test_pass_at_k_refuses_the_impossible(n, c, k):
    with pytest.raises(BadInput):
        pass_at_k(n, c, k)


@pytest.mark.parametrize("won", [0, 1, 13, 19, 20])
def test_one_episode_a_task_is_clopper_pearson(won):
    interval = success_interval([[place < won] for place in range(20)])
    exact = stats.binomtest(won, 20).proportion_ci(0.95, method="exact")
    assert interval.mean == won / 20
    assert (interval.low, interval.high) == pytest.approx((exact.low, exact.high))


def test_copies_of_an_episode_add_nothing():
    """Six tasks, eight equal episodes each: n_eff = 48 * (5/36) / (47 * 1/36) = 240/47."""
    interval = success_interval([[True] * 8] * 5 + [[False] * 8])
    n = 240 / 47
    low = stats.beta.ppf(0.025, n * 5 / 6, n / 6 + 1)
    assert interval.low == pytest.approx(low)
    assert interval.high == pytest.approx(stats.beta.ppf(0.975, n * 5 / 6 + 1, n / 6))


def test_independent_episodes_count_at_most_once_each():
    alternating = success_interval([[True, False]] * 10)  # no variance between tasks: 10 tasks
    tenth = stats.binomtest(5, 10).proportion_ci(0.95, method="exact")
    assert (alternating.low, alternating.high) == pytest.approx((tenth.low, tenth.high))
    mixed = success_interval([[True, False]] * 9 + [[True, True], [False, False]])
    exact = stats.binomtest(11, 22).proportion_ci(0.95, method="exact")
    assert (mixed.low, mixed.high) == pytest.approx((exact.low, exact.high))  # capped at n


def test_certainty_is_never_claimed():
    always = success_interval([[True] * 4] * 10)
    assert (always.mean, always.high) == (1.0, 1.0)
    assert always.low == pytest.approx(0.025 ** (1 / 10))  # low^10 is the chance of 10 in 10
    one_task = success_interval([[True, False, True, True]])
    assert one_task.low < 0.1 and one_task.high > 0.9


def test_the_interval_covers_the_truth_as_often_as_it_says():
    draw = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        rates = draw.beta(1.4, 0.6, size=30)  # tasks differ much; the mean is 0.7
        episodes = draw.random((30, 4)) < rates[:, None]
        interval = success_interval(episodes.tolist())
        covered += interval.low <= 0.7 <= interval.high
    assert covered / 400 >= 0.93


def test_mean_interval_of_single_episodes_is_the_t_interval():
    values = [0.1, 0.4, 0.35, 0.8, 0.0]
    interval = mean_interval([[value] for value in values])
    expected = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (interval.low, interval.high) == pytest.approx(expected)


def test_mean_interval_by_hand():
    """Tasks (1, 3) and (5): mean 3, residuals -2 and 2, var = 2 * (4 + 4) / 9, t(1) = 12.706."""
    interval = mean_interval([[1, 3], [5]])
    half = 12.7062 * (16 / 9) ** 0.5
    assert interval.mean == 3
    assert (interval.low, interval.high) == pytest.approx((3 - half, 3 + half), rel=1e-5)


def test_one_task_says_nothing_of_the_others():
    interval = mean_interval([[1.0, 2.0]])
    assert (interval.mean, interval.low, interval.high) == (1.5, -inf, inf)
    assert Interval.model_validate_json(interval.model_dump_json()) == interval


def test_paired_difference_is_the_paired_t_test():
    before = {"a": [0, 1], "b": [0, 0], "c": [1, 1], "d": [0, 0]}
    after = {"d": [1, 0], "c": [1, 1], "b": [1, 1], "a": [1, 1]}  # in another order
    found = paired_difference(before, after)
    test = stats.ttest_rel([1, 1, 1, 0.5], [0.5, 0, 1, 0])
    interval = test.confidence_interval(0.95)
    assert (found.mean, found.tasks) == (0.5, 4)
    assert found.p == pytest.approx(test.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_paired_difference_where_t_is_not_defined():
    one = paired_difference({"a": [0]}, {"a": [1]})
    assert one == Difference(mean=1, low=-inf, high=inf, p=1, tasks=1)
    same = paired_difference({"a": [1], "b": [0]}, {"a": [1], "b": [0]})
    assert same == Difference(mean=0, low=0, high=0, p=1, tasks=2)
    tasks = [f"t{i}" for i in range(5)]
    all_won = paired_difference({t: [0] for t in tasks}, {t: [1] for t in tasks})
    assert all_won == Difference(mean=1, low=1, high=1, p=2 / 2**5, tasks=5)


def test_other_tasks_cannot_be_compared():
    with pytest.raises(BadInput, match=r"2 are on one side only: b, c"):
        paired_difference({"a": [1], "b": [1]}, {"a": [1], "c": [1]})


@pytest.mark.parametrize("values", [[], [[True], []]])
def test_nothing_has_no_interval(values):
    with pytest.raises(BadInput, match="at least one"):
        success_interval(values)


def test_a_success_is_between_0_and_1():
    with pytest.raises(BadInput, match="from 0 to 1"):
        success_interval([[2.0]])


def test_how_they_print():
    assert str(Interval(mean=0.837, low=0.77, high=0.9)) == "0.84 [0.77, 0.90]"
    difference = Difference(mean=0.12, low=-0.01, high=0.25, p=0.0613, tasks=9)
    assert str(difference) == "+0.12 [-0.01, +0.25], p = 0.061"
    assert str(difference.model_copy(update={"p": 1e-9})).endswith("p < 0.001")
