"""AEPO's entropy-aware advantage: numbers by hand, no sign ever turned, nothing cut in pieces."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from made_steps import constant_groups, steps_of

from agentgym.errors import BadInput
from agentgym_trainers.credit.aepo import AEPO, aepo, entropy_factor
from agentgym_trainers.credit.grpo import grpo

COLUMNS = ("ggg", "aab", [0.0, 1.0, 0.0], [1, 2, 1])
ENTROPY = [0.1, 2.0, 0.3, 0.8]


def test_by_hand():
    z = (np.array(ENTROPY) - np.mean(ENTROPY)) / np.std(ENTROPY, ddof=1)
    expected = np.array([1, 1, 1, -1]) * 0.5 / (np.sqrt(0.5) + 1e-6) * (1 + 0.2 * z)
    assert aepo(*COLUMNS, ENTROPY) == pytest.approx(expected, abs=1e-6)


def test_uncertain_tokens_get_more_of_praise_and_of_blame():
    found = aepo("gg", "ab", [1.0, 0.0], [2, 2], [0.1, 2.0, 0.1, 2.0])
    assert found[1] > found[0] > 0 > found[2] > found[3]


tokens_of = st.lists(st.integers(0, 5), min_size=1, max_size=12)


@given(tokens_of, st.floats(0, 50), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_no_sign_is_ever_turned(tokens, weight, rng):
    n = len(tokens)
    reward = [rng.choice([-1.0, 0.0, 0.3, 10.0]) for _ in range(n)]
    entropy = [rng.choice([0.0, 0.01, 9.0]) for _ in range(sum(tokens))]
    base = np.repeat(grpo("g" * n, range(n), reward), tokens)
    found = aepo("g" * n, range(n), reward, tokens, entropy, entropy_weight=weight)
    assert found.shape == (sum(tokens),)
    assert (found * base >= 0).all()
    assert (found[base == 0] == 0).all()


def test_a_very_sure_token_is_left_alone_and_not_turned_around():
    """One sure token among 99 has z = -9.9; unclamped its factor would be -.98."""
    entropy = [0.0] + [1.0] * 99
    factor = entropy_factor(np.array(entropy), 0.2)
    assert factor[0] == 0.0
    assert factor[1:] == pytest.approx([1 + 0.2 * 0.1] * 99, abs=1e-6)


@pytest.mark.parametrize("entropy", [[0.0] * 4, [0.7] * 4])
def test_equal_entropies_leave_grpo(entropy):
    grpo_of_tokens = np.repeat(grpo(*COLUMNS[:3]), COLUMNS[3])
    assert aepo(*COLUMNS, entropy).tolist() == grpo_of_tokens.tolist()
    assert aepo(*COLUMNS, ENTROPY, entropy_weight=0.0).tolist() == grpo_of_tokens.tolist()


def test_statistics_are_of_the_batch_and_not_of_a_part_of_it():
    """Two groups in one batch: alone, each would think its own tokens the uncertain ones."""
    data = ("gghh", "abcd", [1.0, 0.0] * 2, [1] * 4, [0.1, 0.2, 3.0, 3.1])
    found = aepo(*data)
    assert abs(found[:2]).max() < abs(found[2:]).min()
    order = [3, 1, 0, 2]
    mixed = [[column[i] for i in order] for column in data]
    assert aepo(*mixed) == pytest.approx(found[order])


@given(st.floats(0.1, 20), st.floats(0, 5))
@settings(max_examples=30, deadline=None)
def test_the_unit_of_entropy_does_not_matter(scale, shift):
    other = [scale * h + shift for h in ENTROPY]
    assert aepo(*COLUMNS, other) == pytest.approx(aepo(*COLUMNS, ENTROPY), abs=1e-5)


def test_constant_groups_are_exactly_zero():
    group, reward = constant_groups()
    entropy = np.random.default_rng(0).random(2 * len(group))
    assert not aepo(group, range(len(group)), reward, [2] * len(group), entropy).any()


def test_one_token_alone_keeps_its_advantage():
    assert aepo("g", "a", [3.0], [1], [0.4]) == pytest.approx([3.0], abs=1e-5)


def test_an_entropy_for_each_sampled_token_is_needed():
    with pytest.raises(
        BadInput, match=r"entropy has shape \(3,\); it needs \(4,\), one for each sampled token"
    ):
        aepo(*COLUMNS, ENTROPY[:3])
    with pytest.raises(BadInput, match=r"entropy\[3\] is nan"):
        aepo(*COLUMNS, [0.1, 0.1, 0.1, np.nan])


def test_no_steps_have_no_advantages():
    assert aepo([], [], [], [], []).shape == (0,)


def test_the_part_passes_on_every_setting():
    group, trajectory, reward, tokens = COLUMNS
    steps = steps_of(group, trajectory, reward, tokens=tokens, entropy=ENTROPY)
    plain = aepo(*COLUMNS, ENTROPY).tolist()
    assert AEPO().advantages(steps).tolist() == plain
    changed = {"entropy_weight": 0.5, "normalise": "mean", "statistics": "steps"}
    for name, value in changed.items():
        found = AEPO(**{name: value}).advantages(steps).tolist()
        assert found == aepo(*COLUMNS, ENTROPY, **{name: value}).tolist() != plain
