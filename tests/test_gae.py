"""Generalised advantage estimation: numbers by hand, its limits, and what text in between must
not change."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from made_steps import interleaved, steps_of

from agentgym.errors import BadInput
from agentgym_trainers.credit.gae import (
    GAE,
    TurnGAE,
    gae,
    gae_returns,
    turn_gae,
    turn_gae_returns,
)

# Episode a: two steps of two and one tokens; b: one step of one token.
COLUMNS = ("ggg", "aab", [0.0, 1.0, -1.0], [2, 1, 1])
VALUES = [0.5, 0.6, 0.8, 0.25]
RAW = {"whiten": False}


def test_tokens_by_hand():
    """gamma 1/2, lambda 1/2; delta 0.5*0.6-0.5, 0.5*0.8-0.6, 1-0.8 and -1-0.25."""
    delta = [-0.2, -0.2, 0.2, -1.25]
    expected = [-0.2 + 0.25 * (-0.2 + 0.25 * 0.2), -0.2 + 0.25 * 0.2, 0.2, -1.25]
    found = gae(*COLUMNS, VALUES, gamma=0.5, lam=0.5, **RAW)
    assert found == pytest.approx(expected)
    assert gae(*COLUMNS, VALUES, gamma=0.5, lam=0.0, **RAW) == pytest.approx(delta)
    returns = gae_returns(*COLUMNS, VALUES, gamma=0.5, lam=0.5)
    assert returns == pytest.approx(np.add(expected, VALUES))


def test_steps_by_hand():
    """V is .5 before a's first step and .8 before its second; the .6 in between is not asked."""
    expected = [0.5 * 0.8 - 0.5 + 0.25 * 0.2, 0.2, -1.25]
    found = turn_gae(*COLUMNS, VALUES, gamma=0.5, lam=0.5, **RAW)
    assert found == pytest.approx(expected)
    other = [0.5, 99.0, 0.8, 0.25]
    assert turn_gae(*COLUMNS, other, gamma=0.5, lam=0.5, **RAW).tolist() == found.tolist()
    returns = turn_gae_returns(*COLUMNS, VALUES, gamma=0.5, lam=0.5)
    assert returns[[0, 2, 3]] == pytest.approx(np.add(expected, [0.5, 0.8, 0.25]))
    assert np.isnan(returns).tolist() == [False, True, False, False]


played = st.lists(  # for each episode: (reward, values of its tokens) of each step
    st.lists(
        st.tuples(st.floats(-5, 5), st.lists(st.floats(-5, 5), min_size=1, max_size=4)),
        min_size=1,
        max_size=4,
    ),
    min_size=1,
    max_size=5,
)


def flat(numbered):
    steps = [(n, t, *step) for n, ss in numbered for t, step in enumerate(ss)]
    trajectory, time, reward, values = map(list, zip(*steps, strict=True))
    columns = ("g" * len(steps), trajectory, reward, [len(v) for v in values])
    return columns, values, list(zip(trajectory, time, strict=True))


@given(played, st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_going_backwards_one_by_one_gives_the_same(played, gamma, lam):
    columns, values, _ = flat(list(enumerate(played)))
    expected, turns = [], []
    for steps in played:
        late = [r for reward, v in steps for r in [0.0] * (len(v) - 1) + [reward]]
        expected += backwards(late, [x for _, v in steps for x in v], gamma, lam)
        turns += backwards([r for r, _ in steps], [v[0] for _, v in steps], gamma, lam)
    every = [x for v in values for x in v]
    options = {"gamma": gamma, "lam": lam, "whiten": False}
    assert gae(*columns, every, **options) == pytest.approx(expected, abs=1e-9)
    assert turn_gae(*columns, every, **options) == pytest.approx(turns, abs=1e-9)


def backwards(rewards, values, gamma, lam):
    found, after, following = [], 0.0, 0.0
    for reward, value in zip(reversed(rewards), reversed(values), strict=True):
        after = reward + gamma * following - value + gamma * lam * after
        following = value
        found.insert(0, after)
    return found


@given(played, st.randoms(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_interleaved_trajectories_give_what_contiguous_ones_give(played, rng, whiten):
    columns, values, names = flat(list(enumerate(played)))
    order = interleaved(names, rng)
    mixed = [[column[i] for i in order] for column in columns]
    tokens = np.split(np.arange(sum(columns[3])), np.cumsum(columns[3])[:-1])
    place = np.concatenate([tokens[i] for i in order])
    every = np.array([x for v in values for x in v])
    found = gae(*mixed, every[place], whiten=whiten)
    assert found == pytest.approx(gae(*columns, every, whiten=whiten)[place], abs=1e-6)
    found = turn_gae(*mixed, every[place], whiten=whiten)
    assert found == pytest.approx(turn_gae(*columns, every, whiten=whiten)[order], abs=1e-6)


def test_lambda_1_is_the_return_less_the_value_whatever_lies_between():
    found = gae(*COLUMNS, VALUES, lam=1.0, **RAW)
    assert found == pytest.approx([1 - 0.5, 1 - 0.6, 1 - 0.8, -1 - 0.25])
    assert gae_returns(*COLUMNS, VALUES, lam=1.0) == pytest.approx([1, 1, 1, -1])


@pytest.mark.parametrize("credit", [gae, turn_gae])
@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
def test_a_critic_that_is_always_right_leaves_no_advantage(credit, lam):
    values = [1.0, 1.0, 1.0, -1.0]
    assert credit(*COLUMNS, values, lam=lam).tolist() == [0.0] * (4 if credit is gae else 3)


def test_with_one_token_a_step_both_levels_agree():
    rng = np.random.default_rng(0)
    columns = ("g" * 9, [i // 3 for i in range(9)], rng.random(9), [1] * 9, rng.random(9))
    assert gae(*columns).tolist() == turn_gae(*columns).tolist()
    assert gae_returns(*columns).tolist() == turn_gae_returns(*columns).tolist()


def test_the_same_trajectory_name_in_two_groups_is_two_trajectories():
    found = gae("gh", "aa", [0.0, 1.0], [1, 1], [0.0, 0.0], **RAW)
    assert found.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(("credit", "size"), [(gae, 4), (turn_gae, 3)])
def test_whitening_is_of_the_batch(credit, size):
    raw, found = credit(*COLUMNS, VALUES, **RAW), credit(*COLUMNS, VALUES)
    assert found == pytest.approx((raw - raw.mean()) / raw.std(ddof=1), abs=1e-6)
    assert len(found) == size
    for n in (1, 2, 7, 15):
        alike = credit("g" * n, range(n), [0.7] * n, [1] * n, [0.1] * n)
        assert alike.tolist() == [0.0] * n


def test_a_value_for_each_sampled_token_is_needed():
    with pytest.raises(
        BadInput, match=r"values has shape \(0,\); it needs \(4,\), one for each sampled token"
    ):
        gae(*COLUMNS, [])
    with pytest.raises(BadInput, match="step 2 sampled no tokens"):
        turn_gae(*COLUMNS[:3], [2, 1, 0], VALUES[:3])
    with pytest.raises(BadInput, match=r"values\[1\] is nan"):
        gae(*COLUMNS, [0.0, np.nan, 0.0, 0.0])
    with pytest.raises(BadInput, match=r"reward\[0\] is inf"):
        turn_gae("g", "a", [np.inf], [1], [0.0])
    assert GAE.needs == TurnGAE.needs == {"values"}


def test_no_steps_have_no_advantages():
    for credit in (gae, turn_gae, gae_returns, turn_gae_returns):
        assert credit([], [], [], [], []).shape == (0,)


@pytest.mark.parametrize(
    ("part", "credit", "returns"),
    [(GAE, gae, gae_returns), (TurnGAE, turn_gae, turn_gae_returns)],
)
def test_the_parts_pass_on_their_columns_and_settings(part, credit, returns):
    group, trajectory, reward, tokens = COLUMNS
    steps = steps_of(group, trajectory, reward, tokens=tokens, values=VALUES)
    plain = credit(*COLUMNS, VALUES).tolist()
    assert part().advantages(steps).tolist() == plain
    np.testing.assert_array_equal(part().returns(steps), returns(*COLUMNS, VALUES))
    for name, value in {"gamma": 0.5, "lam": 0.1, "whiten": False}.items():
        found = part(**{name: value}).advantages(steps).tolist()
        assert found == credit(*COLUMNS, VALUES, **{name: value}).tolist() != plain
    changed = {"gamma": 0.5, "lam": 0.1}
    found = part(**changed).returns(steps)
    np.testing.assert_array_equal(found, returns(*COLUMNS, VALUES, **changed))
