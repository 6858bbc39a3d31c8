"""LLDS: which tokens it holds, how hard, and when it lets go."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from agentgym_trainers.objectives.llds import LLDS, llds

ACTION = torch.tensor([[0, 1, 1, 0, 2, 2, 2, 0]])
ALL = torch.ones(1, 8)


def term(fell, action=ACTION, preserved=ALL, gate="action"):
    """The term of tokens whose ln p fell by ``fell``, and its gradient."""
    old = torch.full((1, len(fell)), -2.0, dtype=torch.float64)
    new = (old - torch.tensor([fell], dtype=torch.float64)).requires_grad_()
    found = llds(new, old, preserved, action, gate=gate)
    (gradient,) = torch.autograd.grad(found.sum(), new)
    return found.detach()[0].tolist(), gradient[0].tolist()


def test_only_an_action_that_fell_is_held_and_there_only_the_tokens_that_fell():
    """Action 1 fell by .5 - .2 = .3; action 2 rose: .4 - .6 + .1 = -.1."""
    values, gradient = term([9.0, 0.5, -0.2, 9.0, 0.4, -0.6, 0.1, 9.0])
    assert values == pytest.approx([0, 0.5, 0, 0, 0, 0, 0, 0])
    assert gradient == [0, -1, 0, 0, 0, 0, 0, 0]


def test_an_action_as_likely_as_before_is_let_go():
    assert term([0.0, 0.5, -0.5, 0.0, 0.25, 0.25, -0.5, 0.0])[1] == [0.0] * 8
    assert term([0.0, 0.5, -0.5, 0.0, 0.25, 0.25, -0.5, 0.0], gate="response")[1] == [0.0] * 8


def test_the_gates_differ_where_one_action_rose_and_the_response_fell_or_the_reverse():
    fell = [0.0, 0.5, -0.2, 0.0, 0.4, -0.6, 0.1, 0.0]  # the response as a whole fell by .2
    assert term(fell, gate="response")[1] == [0, -1, 0, 0, -1, 0, -1, 0]
    assert term(fell, gate="token")[1] == [0, -1, 0, 0, -1, 0, -1, 0]
    fell = [0.0, 0.5, -0.2, 0.0, 0.4, -0.6, -0.2, 0.0]  # ... rose by .1
    assert term(fell)[1] == [0, -1, 0, 0, 0, 0, 0, 0]
    assert term(fell, gate="response")[1] == [0.0] * 8
    assert term(fell, gate="token")[1] == [0, -1, 0, 0, -1, 0, 0, 0]


def test_a_response_that_fell_leaves_its_action_that_rose_alone():
    fell = [0.0, 3.0, 1.0, 0.0, 0.4, -0.6, 0.1, 0.0]
    assert term(fell)[1] == [0, -1, -1, 0, 0, 0, 0, 0]
    assert term(fell, gate="response")[1] == [0, -1, -1, 0, -1, 0, -1, 0]


@pytest.mark.parametrize("gate", ["token", "action", "response"])
def test_before_the_first_update_there_is_nothing_to_hold(gate):
    values, gradient = term([0.0] * 8, gate=gate)
    assert values == gradient == [0.0] * 8


@pytest.mark.parametrize("gate", ["token", "action", "response"])
def test_likelihoods_that_rose_are_let_go(gate):
    values, gradient = term([5.0, -0.1, -0.2, 5.0, -1e4, -0.5, -1e-9, 5.0], gate=gate)
    assert values == gradient == [0.0] * 8


def test_a_token_that_stayed_has_no_gradient_in_an_action_that_fell():
    assert term([0.0, 0.0, 1.0, 0, 0, 0, 0, 0])[1] == [0, 0, -1, 0, 0, 0, 0, 0]


def test_blamed_actions_may_fall():
    advantages = torch.tensor([[0, -0.1, -0.1, 0, 0.0, 0.0, 0.0, 0]])
    values, gradient = term([1.0] * 8, preserved=advantages >= 0)
    assert values == [0, 0, 0, 0, 1, 1, 1, 0]
    assert gradient == [0, 0, 0, 0, -1, -1, -1, 0]


def test_the_loss_of_a_batch_is_the_papers():
    """coef / T with T = 3 tokens of Y: a gradient of -coef / T for each token held."""
    advantages = torch.tensor([[0, -1.0, -1.0, 0, 2.0, 2.0, 2.0, 0]])
    preserved = (advantages >= 0) & (ACTION > 0)
    old = torch.full((1, 8), -2.0, dtype=torch.float64)
    new = (old - torch.tensor([[0, 1, 1, 0, 0.3, 0.3, -0.1, 0]])).requires_grad_()
    share = preserved / preserved.sum()
    loss = (LLDS().coef * llds(new, old, preserved, ACTION) * share).sum()
    loss.backward()
    assert loss.item() == pytest.approx(0.2 * 0.6 / 3)
    each = -0.2 / 3
    assert new.grad[0].tolist() == pytest.approx([0, 0, 0, 0, each, each, 0, 0])


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("gate", ["token", "action", "response"])
def test_nothing_that_stands_beside_sampled_tokens_is_seen(broken, gate):
    sane = term([0.0, 0.5, -0.2, 0.0, 0.4, 0.6, 0.1, 0.0], gate=gate)
    assert term([broken, 0.5, -0.2, broken, 0.4, 0.6, 0.1, broken], gate=gate) == sane
    assert any(sane[1])


def test_rows_are_gated_by_themselves():
    """Both rows have an action 1; the first fell, the second rose."""
    old = torch.full((2, 2), -2.0)
    new = torch.tensor([[-3.0, -1.5], [-1.0, -2.5]])
    found = llds(new, old, torch.ones(2, 2), torch.ones(2, 2, dtype=torch.long))
    assert found.tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_a_row_may_be_one_token_actions_from_end_to_end():
    values, _ = term([1.0, -1.0, 2.0], torch.tensor([[1, 2, 3]]), torch.ones(1, 3))
    assert values == [1.0, 0.0, 2.0]


def test_a_likelihood_that_is_gone_stays_finite():
    values, gradient = term([0.0, 1e4, 1e4, 0, 0, 0, 0, 0])
    assert values[1:3] == [1e4, 1e4]
    assert gradient[1:3] == [-1, -1]


@given(st.lists(st.floats(-3, 3), min_size=8, max_size=8))
@settings(max_examples=50, deadline=None)
def test_a_stricter_gate_never_holds_more(fell):
    held = {gate: term(fell, gate=gate)[0] for gate in ("token", "action", "response")}
    assert held["token"] == pytest.approx(
        [max(0.0, x) if a else 0.0 for x, a in zip(fell, ACTION[0].tolist(), strict=True)]
    )
    for gate in ("action", "response"):
        assert all(h in (0.0, t) for h, t in zip(held[gate], held["token"], strict=True))


def test_the_defaults_are_those_of_the_paper():
    settings = LLDS()
    assert (settings.coef, settings.gate, settings.average) == (0.2, "action", "preserved")
    with pytest.raises(ValidationError):
        LLDS(gate="trajectory")
    with pytest.raises(ValidationError):
        LLDS(coef=-0.1)
