"""The clipped surrogate: numbers by hand, the sign of each gradient, and what a mask must stop."""

import math

import pytest
import torch
from pydantic import ValidationError

from agentgym_trainers.objectives.divergence import kl
from agentgym_trainers.objectives.ppo_clip import PPOClip, ppo_clip

NEW = torch.tensor([[0.7, 0.3, 0.9, 0.05]]).log()
OLD = torch.full((1, 4), 0.5).log()
ADVANTAGES = torch.tensor([[1.0, 1.0, -1.0, -1.0]])
ALL = torch.ones(1, 4, dtype=torch.bool)


def one_token(advantage, ratio, **settings):
    """Loss of a token, and its gradient with respect to the new logprob."""
    new = torch.tensor([[math.log(ratio)]], dtype=torch.float64, requires_grad=True)
    old, advantages = torch.zeros_like(new), torch.full_like(new, advantage)
    losses, bounded = ppo_clip(new, old, advantages, torch.ones(1, 1), **settings)
    losses.sum().backward()
    return losses.item(), new.grad.item(), bounded.item()


def test_the_worked_table():
    """Ratios 1.4, .6, 1.8, .1: losses -1.2, -.6, 1.8, .8, of which the mean is .2."""
    losses, bounded = ppo_clip(NEW, OLD, ADVANTAGES, ALL)
    assert losses.tolist()[0] == pytest.approx([-1.2, -0.6, 1.8, 0.8])
    assert losses.mean().item() == pytest.approx(0.2)
    assert bounded.tolist()[0] == [True, False, False, True]  # 1.4 > 1.2, and .1 < .8


def test_the_worked_table_with_a_dual_clip_of_one_and_a_half():
    losses, bounded = ppo_clip(NEW, OLD, ADVANTAGES, ALL, dual_clip=1.5)
    assert losses.tolist()[0] == pytest.approx([-1.2, -0.6, 1.5, 0.8])
    assert losses.mean().item() == pytest.approx(0.125)
    assert bounded.tolist()[0] == [True, False, True, True]


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
    losses, _ = ppo_clip(
        new,
        torch.zeros(1, 1),
        torch.tensor([[advantage]]),
        torch.ones(1, 1),
        dual_clip=dual_clip,
    )
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert new.grad.item() == 0.0


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


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["new", "old", "advantages"])
def test_masked_tokens_have_exactly_no_gradient_whatever_stands_there(broken, where):
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
        losses, bounded = ppo_clip(new, values["old"], values["advantages"], mask)
        losses.sum().backward()
        assert losses[0, 1].item() == 0.0
        assert not bounded[0, 1]
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
