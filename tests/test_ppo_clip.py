"""The clipped surrogate: numbers by hand, the sign of each gradient, and what a mask must stop."""

import math

import pytest
import torch
from pydantic import ValidationError

from agentgym_trainers.ppo_clip import PPOClip, aggregate, kl, ppo_clip, token_weights

NEW = torch.tensor([[0.7, 0.3, 0.9, 0.05]]).log()
OLD = torch.full((1, 4), 0.5).log()
ADVANTAGES = torch.tensor([[1.0, 1.0, -1.0, -1.0]])
ALL = torch.ones(1, 4, dtype=torch.bool)


def one_token(advantage, ratio, **settings):
    """Loss of a token, and its gradient with respect to the new logprob."""
    new = torch.tensor([[math.log(ratio)]], dtype=torch.float64, requires_grad=True)
    old, advantages = torch.zeros_like(new), torch.full_like(new, advantage)
    losses, sums = ppo_clip(new, old, advantages, torch.ones(1, 1), PPOClip(**settings))
    losses.sum().backward()
    return losses.item(), new.grad.item(), {name: float(x) for name, x in sums.items()}


def test_the_worked_table():
    """Ratios 1.4, .6, 1.8, .1: losses -1.2, -.6, 1.8, .8, of which the mean is .2."""
    losses, sums = ppo_clip(NEW, OLD, ADVANTAGES, ALL, PPOClip())
    assert losses.tolist()[0] == pytest.approx([-1.2, -0.6, 1.8, 0.8])
    assert aggregate(losses, ALL, "token-mean").item() == pytest.approx(0.2)
    assert float(sums["clipped"]) == 2  # 1.4 is above 1.2, and .1 is below .8
    assert float(sums["dual_clipped"]) == 0
    assert float(sums["ratio"]) == pytest.approx(1.4 + 0.6 + 1.8 + 0.1)
    k3 = [r - 1 - math.log(r) for r in (1.4, 0.6, 1.8, 0.1)]
    assert float(sums["old_kl"]) == pytest.approx(sum(k3), rel=1e-5)


def test_the_worked_table_with_a_dual_clip_of_one_and_a_half():
    losses, sums = ppo_clip(NEW, OLD, ADVANTAGES, ALL, PPOClip(dual_clip=1.5))
    assert losses.tolist()[0] == pytest.approx([-1.2, -0.6, 1.5, 0.8])
    assert aggregate(losses, ALL, "token-mean").item() == pytest.approx(0.125)
    assert float(sums["dual_clipped"]) == 1


@pytest.mark.parametrize(
    ("advantage", "ratio", "gradient"),
    [
        (1.0, 1.0, -1.0),  # good: more of it
        (1.0, 1.1, -1.1),
        (1.0, 1.3, 0.0),  # enough of it
        (1.0, 0.5, -0.5),  # good and become rarer: more of it, however far it fell
        (-1.0, 1.0, 1.0),  # bad: less of it
        (-1.0, 0.9, 0.9),
        (-1.0, 0.5, 0.0),  # rare enough
        (-1.0, 1.5, 1.5),  # bad and become more frequent: less of it
        (-1.0, 3.5, 0.0),  # ... up to the dual clip
        (0.0, 1.0, 0.0),
    ],
)
def test_the_gradient_in_each_quadrant(advantage, ratio, gradient):
    _, found, _ = one_token(advantage, ratio)
    assert found == pytest.approx(gradient)


def test_the_dual_clip_bounds_the_loss_of_bad_tokens_only():
    assert one_token(-2.0, 100.0)[0] == pytest.approx(6.0)
    assert one_token(-2.0, 100.0, dual_clip=None)[0] == pytest.approx(200.0)
    assert one_token(-2.0, 100.0, dual_clip=None)[1] == pytest.approx(200.0)
    assert one_token(2.0, 100.0)[0] == pytest.approx(-2.4)


def test_clip_higher_moves_the_upper_bound_alone():
    assert one_token(1.0, 1.25)[0] == pytest.approx(-1.2)
    assert one_token(1.0, 1.25, clip_high=0.28)[0] == pytest.approx(-1.25)
    assert one_token(1.0, 1.5, clip_high=0.28)[0] == pytest.approx(-1.28)
    assert one_token(-1.0, 0.5, clip_high=0.28)[0] == pytest.approx(0.8)
    assert one_token(-1.0, 0.5, clip_low=0.4)[0] == pytest.approx(0.6)


@pytest.mark.parametrize("distance", [-1e4, -25.0, 25.0, 1e4, math.inf, -math.inf])
@pytest.mark.parametrize("advantage", [1.0, -1.0])
@pytest.mark.parametrize("dual_clip", [3.0, None])
def test_a_very_large_ratio_stays_finite_and_has_no_gradient(distance, advantage, dual_clip):
    new = torch.tensor([[distance]], requires_grad=True)
    losses, sums = ppo_clip(
        new,
        torch.zeros(1, 1),
        torch.tensor([[advantage]]),
        torch.ones(1, 1),
        PPOClip(dual_clip=dual_clip),
    )
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert all(math.isfinite(float(value)) for value in sums.values())
    assert new.grad.item() == 0.0


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("token-mean", 10 / 4),
        ("seq-mean-token-sum", (6 + 4) / 2),
        ("seq-mean-token-mean", (2 + 4) / 2),
        ("seq-mean-token-sum-norm", 10 / 4),  # L is 4 here
    ],
)
def test_aggregation_of_three_rows_of_which_one_is_masked(aggregation, expected):
    losses = torch.tensor([[1.0, 2, 3, 9], [4, 9, 9, 9], [9, 9, 9, 9]])
    mask = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    assert aggregate(losses, mask, aggregation).item() == pytest.approx(expected)
    broken = torch.where(mask.bool(), losses, torch.nan)
    assert aggregate(broken, mask, aggregation).item() == pytest.approx(expected)


AGGREGATIONS = [
    "token-mean",
    "seq-mean-token-sum",
    "seq-mean-token-mean",
    "seq-mean-token-sum-norm",
]


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_no_tokens_are_no_loss(aggregation):
    losses = torch.full((2, 3), 5.0, requires_grad=True)
    loss = aggregate(losses, torch.zeros(2, 3), aggregation)
    loss.backward()
    assert loss.item() == 0.0
    assert not losses.grad.any()


def test_the_norm_is_a_fixed_length():
    losses, mask = torch.ones(2, 4), torch.ones(2, 4)
    assert aggregate(losses, mask, "seq-mean-token-sum-norm", max_length=16).item() == 0.5


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("token-mean", 12 / 4),
        ("seq-mean-token-sum", (1 + 2 + 3 + 6) / 2),
        ("seq-mean-token-mean", (2 + 6) / 2),
    ],
)
def test_the_rows_of_one_trajectory_weigh_as_one_sequence(aggregation, expected):
    losses = torch.tensor([[1.0, 2.0], [6.0, 0.0], [3.0, 0.0]])
    mask = torch.tensor([[1, 1], [1, 0], [1, 0]])
    of = torch.tensor([5, 2, 5])  # rows 0 and 2 are segments of one trajectory
    assert aggregate(losses, mask, aggregation, sequence=of).item() == pytest.approx(expected)


@pytest.mark.parametrize("aggregation", AGGREGATIONS[:3])
def test_equal_losses_aggregate_to_their_value_or_its_sum(aggregation):
    mask = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 1], [0, 1, 1, 1]])
    weights = token_weights(mask, aggregation)
    assert not weights[mask == 0].any()
    assert weights.sum().item() == pytest.approx(2.0 if aggregation.endswith("sum") else 1.0)


@pytest.mark.parametrize(
    ("form", "value"), [("k1", 1.0), ("abs", 1.0), ("k2", 0.5), ("k3", math.exp(-1))]
)
def test_divergence_of_minus_one_from_minus_two(form, value):
    found = kl(torch.tensor(-1.0), torch.tensor(-2.0), form)
    assert found.item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("form", "derivative"),
    [
        ("k1", lambda d: 1.0),
        ("abs", lambda d: math.copysign(1.0, d)),
        ("k2", lambda d: d),
        ("k3", lambda d: 1 - math.exp(-d)),
    ],
)
@pytest.mark.parametrize("d", [-1.5, -0.1, 0.1, 2.0])
def test_gradients_of_the_divergence(form, derivative, d):
    new = torch.tensor(d - 3.0, dtype=torch.float64, requires_grad=True)
    reference = torch.tensor(-3.0, dtype=torch.float64)
    kl(new, reference, form).backward()
    assert new.grad.item() == pytest.approx(derivative(d))
    assert torch.autograd.gradcheck(lambda x: kl(x, reference, form), (new,))


def test_k3_is_bounded():
    new = torch.tensor([-40.0, 40.0], requires_grad=True)
    found = kl(new, torch.zeros(2), "k3")
    found.sum().backward()
    assert found.tolist() == pytest.approx([10.0, 10.0])
    assert new.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["new", "old", "advantages"])
def test_masked_tokens_have_exactly_no_gradient_whatever_stands_there(aggregation, broken, where):
    tensors = {
        "new": torch.tensor([[-0.7, -1.2, -0.1]]),
        "old": torch.tensor([[-0.6, -1.0, -0.3]]),
        "advantages": torch.tensor([[1.0, 1.0, -1.0]]),
    }
    mask = torch.tensor([[1, 0, 1]])
    gradients = []
    for value in (0.0, broken):
        values = {name: x.clone() for name, x in tensors.items()}
        values[where][0, 1] = value
        new = values["new"].requires_grad_()
        losses, sums = ppo_clip(new, values["old"], values["advantages"], mask, PPOClip())
        aggregate(losses, mask, aggregation).backward()
        assert losses[0, 1].item() == 0.0
        assert all(math.isfinite(float(s)) for s in sums.values())
        gradients.append(new.grad)
    assert gradients[1][0, 1].item() == 0.0
    assert torch.equal(gradients[0], gradients[1])
    assert gradients[0][0, 0] < 0 < gradients[0][0, 2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"dual_clip": 1.0},
        {"clip_low": -0.1},
        {"aggregation": "mean"},
        {"clip": 0.2},
        {"kl_form": 3},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        PPOClip(**wrong)
