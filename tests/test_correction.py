"""Sampling against training policy: numbers by hand, signs, and what reaches the gradient."""

import math
from copy import deepcopy

import pytest
import torch
from hypothesis import given, strategies as st
from made_rows import gradient, learner_of, on_policy, some_rows
from pydantic import ValidationError

from agentgym_trainers.objectives.correction import (
    Correction,
    divergence,
    effect,
    importance,
    mismatch,
)
from agentgym_trainers.objectives.ppo_clip import PPOClip

# Four tokens, of which the trainer's probability is so many times that of sampling; trajectory 7
# has the first and the third. Together they make 1.5 * .5 = .75 (7) and 3 * 1 = 3 (9).
RATIOS = torch.tensor([1.5, 3.0, 0.5, 1.0], dtype=torch.float64)
LOG_RATIOS = RATIOS.log()
OF = torch.tensor([7, 9, 7, 9])
REINFORCE = {"temperature": 1.0, "lr": 0.0, "seed": 0}


def weights(log_ratios=LOG_RATIOS, of=OF, **settings):
    return importance(log_ratios, of, Correction(old="recomputed", **settings)).tolist()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [1, 1, 1, 1]),
        ({"weights": "truncated"}, [1.5, 2, 0.5, 1]),
        ({"weights": "truncated", "high": 1.2}, [1.2, 1.2, 0.5, 1]),
        ({"weights": "truncated", "low": 0.8, "high": 5}, [1.5, 3, 0.8, 1]),
        ({"weights": "masked"}, [1.5, 0, 0.5, 1]),
        ({"weights": "masked", "low": 0.6, "high": 5}, [1.5, 3, 0, 1]),
        ({"weights": "truncated", "level": "sequence"}, [0.75, 2, 0.75, 2]),
        ({"weights": "masked", "level": "sequence"}, [0.75, 0, 0.75, 0]),
        ({"weights": "masked", "level": "sequence", "low": 0.8, "high": 5}, [0, 3, 0, 3]),
    ],
)
def test_weights_worked_by_hand(settings, expected):
    assert weights(**settings) == pytest.approx(expected)


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("far", [30.0, 1e4, math.inf])
def test_weights_far_out_are_finite_and_never_rejected_by_truncation(level, far):
    found = weights(
        torch.tensor([far, -far]),
        torch.tensor([0, 1]),
        weights="truncated",
        level=level,
        high=1e12,
    )
    assert found == pytest.approx([math.exp(20), math.exp(-20)])


TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
of_any_type = pytest.mark.parametrize("dtype", TYPES, ids=str)


@of_any_type
@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize(("low", "high"), [(0.5, 2.0), (1 / 3, 1.5), (0.2, 5.0), (0.7, 1.1)])
def test_a_ratio_that_is_exactly_at_a_bound_of_masking_is_kept(dtype, level, low, high):
    """exp(log(5)) is 4.999999999999999 in float64, and log(1.5) in float32 is too large."""
    log_ratios = torch.tensor([low, high, 0.9 * low, 1.1 * high]).double().log().to(dtype)
    options = {"weights": "masked", "level": level, "low": low, "high": high}
    found = weights(log_ratios, torch.arange(4), **options)
    assert found[:2] == pytest.approx([low, high], rel=0.05)
    assert found[2:] == [0, 0]
    assert low <= found[0] and found[1] <= high


@of_any_type
@pytest.mark.parametrize("ratios", [[2.0, 0.5, 2.0], [1.5, 1.5, 8 / 9], [0.1, 20.0]])
def test_a_sequence_whose_product_is_exactly_at_the_bound_is_kept(dtype, ratios):
    log_ratios = torch.tensor(ratios).double().log().to(dtype)
    of = torch.zeros(len(ratios), dtype=torch.long)
    found = weights(log_ratios, of, weights="masked", level="sequence", high=2.0)
    assert found == pytest.approx([2.0] * len(ratios), rel=0.05)


@of_any_type
@pytest.mark.parametrize("over", ["token", "sum", "mean", "max"])
@pytest.mark.parametrize("estimator", ["k1", "abs", "k2", "k3"])
@pytest.mark.parametrize("ratio", [2.0, 0.5, 1.5, 5.0, 0.1])
def test_a_divergence_that_is_exactly_at_a_bound_of_rejection_is_kept(
    dtype, over, estimator, ratio
):
    d = math.log(ratio)
    value = {"k1": -d, "abs": abs(d), "k2": 0.5 * d * d, "k3": math.expm1(d) - d}[estimator]
    log_ratio, of = torch.tensor([d], dtype=torch.float64).to(dtype), torch.zeros(1)
    bounds = [{"high": value}, {"low": value}] if estimator == "k1" else [{"high": value}]
    named = {"estimator": estimator, "over": over}
    for bound in bounds:
        if over != "max" or "low" not in bound:
            assert weights(log_ratio, of, reject=[named | bound]) == [1]
    beyond = {"high": value - 0.1 * abs(value)}
    assert weights(log_ratio, of, reject=[named | beyond]) == [0]


@pytest.mark.parametrize("far", [math.inf, -math.inf])
def test_what_is_infinitely_far_out_is_rejected(far):
    far_out, of = torch.tensor([far, 0.0]), torch.tensor([0, 1])
    options = {"weights": "masked", "low": 0.5}
    assert weights(far_out, of, **options) == [0, 1]
    assert weights(far_out, of, **options, level="sequence") == [0, 1]
    for bound in (
        {"estimator": "k2", "high": 1.0},
        {"estimator": "abs", "over": "mean", "high": 9},
    ):
        assert weights(far_out, of, reject=[bound]) == [0, 1]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # 1.5, 2, .5, 1 have the mean 1.25; .75 and 2 of the two trajectories 1.375
        ({"weights": "truncated"}, [1.2, 1.6, 0.4, 0.8]),
        ({"weights": "truncated", "level": "sequence"}, [6 / 11, 16 / 11, 6 / 11, 16 / 11]),
        # 1.5, 0, .5, 1 have the mean .75; .75 and 0 of the trajectories .375
        ({"weights": "masked"}, [2, 0, 2 / 3, 4 / 3]),
        ({"weights": "masked", "level": "sequence"}, [2, 0, 2, 0]),
        # a rejection takes tokens away and makes the others no larger
        (
            {"weights": "truncated", "reject": [{"estimator": "abs", "high": 1.0}]},
            [1.2, 0, 0.4, 0.8],
        ),
    ],
)
def test_weights_over_their_mean_worked_by_hand(settings, expected):
    assert weights(**settings, normalise=True) == pytest.approx(expected)


def test_a_trajectory_counts_once_in_the_mean_of_sequences_however_long_it_is():
    """Trajectory 0 has three tokens and the weight 2, trajectory 1 one and the weight 1."""
    log_ratios = torch.tensor([2.0, 1.0, 1.0, 1.0]).double().log()
    options = {"weights": "truncated", "level": "sequence", "normalise": True}
    found = weights(log_ratios, torch.tensor([0, 0, 0, 1]), **options)
    assert found == pytest.approx([4 / 3] * 3 + [2 / 3])


def test_where_every_weight_is_masked_nothing_is_divided():
    log_ratios = torch.tensor([3.0, 3.0])
    assert weights(log_ratios, torch.tensor([0, 1]), weights="masked", normalise=True) == [0, 0]
    assert weights(log_ratios[:0], torch.tensor([]), weights="masked", normalise=True) == []


@pytest.mark.parametrize(
    ("bound", "kept"),
    [
        # k1 is .693 of the ratio 1/2, 0 of 1, -.405 of 3/2 and -1.099 of 3
        ({"estimator": "k1", "high": 0.5}, [1, 1, 0, 1]),
        ({"estimator": "k1", "low": -1.0}, [1, 0, 1, 1]),
        ({"estimator": "k1", "low": -0.5, "high": 0.5}, [1, 0, 0, 1]),
        ({"estimator": "abs", "high": 0.5}, [1, 0, 0, 1]),
        ({"estimator": "k2", "high": 0.1}, [1, 0, 0, 1]),  # .082, .603, .240, 0
        ({"estimator": "k2", "high": 0.3}, [1, 0, 1, 1]),
        ({"estimator": "k3", "high": 0.1}, [1, 0, 0, 1]),  # .095, .901, .193, 0
        ({"high": 0.2}, [1, 0, 1, 1]),
        # 7: k1 sums to .288, 9: to -1.099
        ({"estimator": "k1", "over": "sum", "high": 0.2}, [0, 1, 0, 1]),
        ({"estimator": "k1", "over": "sum", "low": -1.0}, [1, 0, 1, 0]),
        ({"estimator": "k1", "over": "mean", "low": -0.5}, [1, 0, 1, 0]),
        ({"estimator": "k1", "over": "max", "high": 0.6}, [0, 1, 0, 1]),
        # |d| is .549 on average in both, at most .693 in 7 and 1.099 in 9
        ({"estimator": "abs", "over": "mean", "high": 0.54}, [0, 0, 0, 0]),
        ({"estimator": "abs", "over": "mean", "high": 0.56}, [1, 1, 1, 1]),
        ({"estimator": "abs", "over": "max", "high": 1.0}, [1, 0, 1, 0]),
        ({"estimator": "k3", "over": "sum", "high": 0.28}, [0, 0, 0, 0]),  # .288 and .901
        ({"estimator": "k3", "over": "mean", "high": 0.2}, [1, 0, 1, 0]),
    ],
)
def test_rejection_worked_by_hand(bound, kept):
    assert weights(reject=[bound]) == kept


def test_a_token_is_kept_only_within_every_bound_and_keeps_its_weight():
    bounds = [{"estimator": "k1", "high": 0.5}, {"estimator": "abs", "over": "max", "high": 1.0}]
    assert weights(weights="truncated", reject=bounds) == pytest.approx([1.5, 0, 0, 0])


@given(
    st.lists(st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)), min_size=2, max_size=6),
)
def test_the_estimators_have_the_divergence_from_sampling_to_training_as_their_mean(pairs):
    """Summed over a whole vocabulary, with the frequency with which it is sampled."""
    sampling, training = torch.tensor(pairs, dtype=torch.float64).T
    sampling, training = sampling / sampling.sum(), training / training.sum()
    exact = float((sampling * (sampling / training).log()).sum())
    log_ratio = (training / sampling).log()
    for estimator in ("k1", "k3"):
        found = (sampling * divergence(log_ratio, estimator)).sum()
        assert found.item() == pytest.approx(exact, abs=1e-12)


def test_mismatch_worked_by_hand():
    found = mismatch(torch.tensor([0.1, -0.3]))
    assert found["mismatch"] == pytest.approx(0.2)
    assert found["mismatch_p99"] == found["mismatch_max"] == pytest.approx(0.3)
    assert found["mismatch_k1"] == pytest.approx(0.1)
    k3 = math.exp(0.1) - 1 - 0.1 + math.exp(-0.3) - 1 + 0.3
    assert found["mismatch_k3"] == pytest.approx(k3 / 2, rel=1e-5)
    assert mismatch(-torch.arange(1.0, 201))["mismatch_p99"] == 198
    assert set(mismatch(torch.zeros(0)).values()) == {0.0}


def test_effect_worked_by_hand():
    """Of five tokens two are left, with weights 1 and 2; of three trajectories one has none."""
    weight, of = torch.tensor([1.0, 0, 2, 0, 0]), torch.tensor([4, 4, 5, 6, 6])
    found = effect(weight, of)
    assert found["rejected"] == pytest.approx(3 / 5)
    assert found["rejected_trajectories"] == pytest.approx(1 / 3)
    assert found["importance"] == pytest.approx(3 / 5)
    assert found["effective_tokens"] == pytest.approx(9 / 5 / 5)
    assert effect(torch.ones(4), OF)["effective_tokens"] == 1
    assert effect(torch.zeros(4), OF)["effective_tokens"] == 0


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"weights": "truncated"}, "count it twice"),
        ({"weights": "masked", "level": "sequence"}, "count it twice"),
        ({"old": "recomputed", "low": 1.5}, "less than or equal to 1"),
        ({"old": "recomputed", "high": 0.5}, "greater than or equal to 1"),
        ({"reject": [{}]}, "needs a bound"),
        ({"reject": [{"low": 0.1}]}, "only k1"),
        ({"reject": [{"estimator": "k1", "over": "max", "low": 0.1}]}, "only k1"),
        ({"reject": [{"estimator": "k1", "low": 0.1, "high": 0.0}]}, "is not below"),
        ({"cap": 2.0}, "Extra inputs"),
        ({"old": "recomputed", "normalise": True}, "weights = 'none' has none"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_the_reason(wrong, reason):
    with pytest.raises(ValidationError, match=reason):
        Correction(**wrong)


def shifted(rows, ratio):
    """As if the engine had given every sampled token a ratio-th of the trainer's probability."""
    rows = deepcopy(rows)
    for row in rows:
        row.logprobs = [
            x - math.log(ratio) if own else 0.0
            for x, own in zip(row.logprobs, row.mask, strict=True)
        ]
    return rows


@pytest.mark.parametrize(
    ("settings", "factor"),
    [
        ({}, 1.0),
        ({"weights": "truncated"}, 1.5),
        ({"weights": "truncated", "high": 1.25}, 1.25),
        ({"weights": "masked"}, 1.5),
        ({"weights": "masked", "high": 1.25}, 0.0),
    ],
)
@pytest.mark.parametrize("micro_tokens", [25, 10**6])
def test_the_gradient_is_weighted_once(model, settings, factor, micro_tokens):
    """Every token is 1.5 times likelier than when sampled; the surrogate starts at ratio 1."""
    rows = on_policy(model, some_rows())
    expected = factor * gradient(model, rows)
    correction = Correction(old="recomputed", **settings)
    found = gradient(model, shifted(rows, 1.5), correction, micro_tokens=micro_tokens)
    assert torch.allclose(found, expected, atol=1e-6, rtol=1e-4)
    assert found.any() == bool(factor)


def test_a_sequence_is_the_whole_trajectory_in_however_many_rows(model):
    """Trajectory 0 has a row of 4 sampled tokens and one of 2, each 1.05 times likelier now."""
    rows = [row for row in on_policy(model, some_rows()) if row.family == 0]
    assert [sum(row.mask) for row in rows] == [4, 2]
    correction = Correction(old="recomputed", weights="truncated", level="sequence")
    found = gradient(model, shifted(rows, 1.05), correction)
    assert torch.allclose(found, 1.05**6 * gradient(model, rows), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("old", ["sampled", "recomputed"])
@pytest.mark.parametrize("objective", [PPOClip(), PPOClip(entropy_coef=0.1)])
def test_rejecting_some_tokens_leaves_the_step_of_the_others_as_it_was(model, old, objective):
    """The gradient is the whole one less that of the rejected trajectories, no larger."""
    rows = on_policy(model, some_rows())
    odd = [row for row in rows if row.family % 2]
    rest = [row for row in rows if not row.family % 2]
    far = rest + shifted(odd, 10.0)
    bound = {"estimator": "abs", "over": "mean", "high": 1.0}
    correction = Correction(old=old, reject=[bound])
    found = gradient(model, far, correction, objective=objective)
    tokens = sum(sum(row.mask) for row in rows)
    share = sum(sum(row.mask) for row in rest) / tokens
    assert torch.allclose(found, share * gradient(model, rest, objective=objective), atol=1e-6)
    learnt = learner_of(model).reinforce(far, objective, correction, **REINFORCE)
    assert learnt["rejected"] == pytest.approx(1 - share)
    assert learnt["rejected_trajectories"] == 0.5
    assert learnt["mismatch"] == pytest.approx((1 - share) * math.log(10), rel=1e-4)
    assert learnt["mismatch_max"] == pytest.approx(math.log(10), rel=1e-4)


def test_recomputed_logprobs_are_of_the_weights_before_the_first_update(model):
    """The second update's ratio is against the start; against sampling it would be 1.5 times it."""
    rows = on_policy(model, some_rows())
    options = {"minibatches": 2, "epochs": 2}
    settings = {"temperature": 1.0, "lr": 1e-2, "seed": 0}
    expected = learner_of(model, **options).reinforce(rows, PPOClip(), **settings)
    found = learner_of(model, **options).reinforce(
        shifted(rows, 1.5), PPOClip(), Correction(old="recomputed"), **settings
    )
    assert expected["ratio"] != pytest.approx(1.0, abs=1e-3)
    for name in ("ratio", "old_kl", "clipped", "loss", "grad_norm"):
        assert found[name] == pytest.approx(expected[name], rel=1e-3), name
    assert found["mismatch"] == pytest.approx(math.log(1.5), rel=1e-4)
    assert found["importance"] == found["effective_tokens"] == 1


def test_without_correction_the_mismatch_is_that_before_the_first_update(model):
    rows = shifted(on_policy(model, some_rows()), 1.5)
    learner = learner_of(model, minibatches=3, epochs=2)
    learnt = learner.reinforce(rows, PPOClip(), temperature=1.0, lr=1e-2, seed=0)
    for name in ("mismatch", "mismatch_p99", "mismatch_max"):
        assert learnt[name] == pytest.approx(math.log(1.5), abs=1e-4)
    assert learnt["mismatch_k1"] == pytest.approx(-math.log(1.5), abs=1e-4)
    assert learnt["mismatch_k3"] == pytest.approx(1.5 - 1 - math.log(1.5), abs=1e-4)
    assert "importance" not in learnt
