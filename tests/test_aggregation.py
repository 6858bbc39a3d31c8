"""How token losses become one number: by hand, and what a share of a prefix counts."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agentgym_trainers.learner.batches import weigh
from agentgym_trainers.learner.rows import Row
from agentgym_trainers.objectives.aggregation import token_weights

AGGREGATIONS = [
    "token-mean",
    "seq-mean-token-sum",
    "seq-mean-token-mean",
    "seq-mean-token-sum-norm",
]
LOSSES = [[1.0, 2.0, 3.0], [4.0], []]


def aggregate(losses, aggregation, **options):
    """One number from the token losses of each trajectory."""
    weights = token_weights(np.array([float(len(of)) for of in losses]), aggregation, **options)
    return sum(weight * sum(of) for weight, of in zip(weights, losses, strict=True))


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("token-mean", 10 / 4),
        ("seq-mean-token-sum", (6 + 4) / 2),
        ("seq-mean-token-mean", (2 + 4) / 2),
        ("seq-mean-token-sum-norm", 10 / 4),
    ],
)
def test_three_trajectories_of_which_one_has_no_tokens(aggregation, expected):
    found = aggregate(LOSSES, aggregation, max_length=4)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_no_tokens_are_no_loss(aggregation):
    assert aggregate([[], []], aggregation) == 0


def test_the_norm_is_a_fixed_length_and_by_default_the_longest():
    assert aggregate([[1.0] * 4, [1.0] * 4], "seq-mean-token-sum-norm", max_length=16) == 0.5
    assert aggregate([[1.0] * 4, [1.0] * 2], "seq-mean-token-sum-norm") == 1.5


def row(*actions):
    """A row of actions (trajectories, advantages of each of them), a token each."""
    made = Row(0)
    for trajectories, advantages in actions:
        made.add_context([1])
        made.add_sampled([2], [0.0], trajectories, [], np.array(advantages, dtype=float)[:, None])
    return made


def test_a_shared_token_counts_once_for_each_that_holds_it():
    """Trajectories 0 and 1 share a token; 0 has one more of its own, 1 has two."""
    rows = [row(([0, 1], [1, -1]), ([0], [1])), row(([1], [-1]), ([1], [-1]))]
    first, second = weigh(rows, "token-mean")
    assert first.weight.tolist() == pytest.approx([0, 2 / 5, 0, 1 / 5])
    assert first.positive.tolist() == pytest.approx([0, 1 / 5, 0, 1 / 5])
    assert first.negative.tolist() == pytest.approx([0, -1 / 5, 0, 0])
    assert second.negative.tolist() == pytest.approx([0, -1 / 5, 0, -1 / 5])
    first, second = weigh(rows, "seq-mean-token-mean")
    assert first.weight.tolist() == pytest.approx([0, 1 / 4 + 1 / 6, 0, 1 / 4])
    assert second.weight.tolist() == pytest.approx([0, 1 / 6, 0, 1 / 6])


def test_hard_attribution_gives_a_shared_token_the_mean():
    (only,) = weigh([row(([0, 1], [1, -0.5]))], "token-mean", attribution="hard")
    assert only.positive.tolist() == pytest.approx([0, 0.25])
    assert only.negative.tolist() == [0, 0]
    (only,) = weigh([row(([0, 1], [1, -0.5]))], "token-mean", attribution="soft")
    assert only.positive.tolist() == pytest.approx([0, 0.5])
    assert only.negative.tolist() == pytest.approx([0, -0.25])


@given(
    st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=4), min_size=1, max_size=5),
    st.sampled_from(AGGREGATIONS[:3]),
)
def test_a_trajectory_weighs_the_same_in_however_many_rows(segments, aggregation):
    """Each trajectory in one row, and in a row for each segment: its weights sum to the same."""
    whole = [row(*(([n], [1]) for k in own for _ in range(k))) for n, own in enumerate(segments)]
    parts = [row(*(([n], [1]) for _ in range(k))) for n, own in enumerate(segments) for k in own]
    sums = [np.zeros(len(segments)), np.zeros(len(segments))]
    for total, rows in zip(sums, (whole, parts), strict=True):
        for one, counts in zip(rows, weigh(rows, aggregation), strict=True):
            total[one.actions[0].trajectories[0]] += counts.weight.sum()
    assert sums[0] == pytest.approx(sums[1])
    assert sums[0].sum() == pytest.approx(
        1 if aggregation != "seq-mean-token-sum" else sum(map(sum, segments)) / len(segments)
    )
