"""Every objective against its paper's formula, and what all of them must do."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from agentgym_trainers.objectives.aepo_clip import AEPOClip
from agentgym_trainers.objectives.ce_gppo import CEGPPO, ce_gppo
from agentgym_trainers.objectives.cispo import CISPO, cispo
from agentgym_trainers.objectives.gmpo import GMPO, gmpo
from agentgym_trainers.objectives.gspo import GSPO, gspo
from agentgym_trainers.objectives.ppo_clip import PPOClip, ppo_clip
from agentgym_trainers.objectives.sapo import SAPO, sapo

FUNCTIONS = {
    GSPO: gspo,
    CISPO: cispo,
    CEGPPO: ce_gppo,
    AEPOClip: ce_gppo,
    PPOClip: ppo_clip,
    SAPO: sapo,
    GMPO: gmpo,
}
PARTS = [part() for part in FUNCTIONS]
SIGNS = torch.tensor([[1.0, 1.0, -1.0, -1.0]], dtype=torch.float64)
RATIOS = torch.tensor([[1.4, 0.6, 1.8, 0.1]], dtype=torch.float64)
ALL = torch.ones(1, 4)
OLD = torch.full((1, 4), math.log(0.5), dtype=torch.float64)


def evaluate(function, new, old, advantages, mask, **settings):
    """Losses, gradient of their sum with respect to ``new``, and where they are bounded."""
    new = new.clone().requires_grad_()
    losses, bounded = function(new, old, advantages, mask, **settings)
    (gradient,) = torch.autograd.grad(losses.sum(), new)
    return losses.detach(), gradient, bounded


def one_token(function, advantage, ratio, **settings):
    """Loss, gradient and bound of a single token whose old probability is 1 / 2."""
    old = torch.full((1, 1), math.log(0.5), dtype=torch.float64)
    new, advantages = old + math.log(ratio), torch.full_like(old, advantage)
    found = evaluate(function, new, old, advantages, torch.ones(1, 1), **settings)
    return tuple(x.item() for x in found)


batches = st.integers(0, 2**31).map(
    lambda seed: made(torch.Generator().manual_seed(seed))  # a seed shrinks well enough
)


def made(generator):
    """A batch in float64: ratios around 1 and far from it, advantages of all signs, a mask."""
    shape = (4, 7)
    old = -3 * torch.rand(shape, generator=generator, dtype=torch.float64)
    width = 10.0 ** torch.randint(-4, 2, (4, 1), generator=generator)
    new = old + width * torch.randn(shape, generator=generator, dtype=torch.float64)
    advantages = torch.randn(shape, generator=generator, dtype=torch.float64)
    advantages[torch.rand(shape, generator=generator) < 0.1] = 0.0
    mask = torch.rand(shape, generator=generator) < 0.7
    mask[0] = False
    return new, old, advantages, mask


# What every objective must do


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
@given(batch=batches, factor=st.sampled_from([2.0, 0.25, 1024.0, 0.0]))
@settings(max_examples=25, deadline=None)
def test_losses_are_positively_homogeneous_in_the_advantages(part, batch, factor):
    """A power of two scales exactly, so any other dependence on the advantage shows."""
    new, old, advantages, mask = batch
    losses, gradient, bounded = evaluate(part.surrogate, new, old, advantages, mask)
    scaled = evaluate(part.surrogate, new, old, factor * advantages, mask)
    assert torch.equal(scaled[0], factor * losses)
    assert torch.equal(scaled[1], factor * gradient)
    assert torch.equal(scaled[2], bounded if factor else torch.zeros_like(bounded))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
@given(batch=batches)
@settings(max_examples=25, deadline=None)
def test_praise_and_blame_add_up_to_the_whole(part, batch):
    """A token that one trajectory praises and another blames is trained with the sums of both."""
    new, old, advantages, mask = batch
    whole = evaluate(part.surrogate, new, old, advantages, mask)
    up = evaluate(part.surrogate, new, old, advantages.clamp(min=0), mask)
    down = evaluate(part.surrogate, new, old, advantages.clamp(max=0), mask)
    assert torch.equal(up[0] + down[0], whole[0])
    assert torch.equal(up[1] + down[1], whole[1])
    assert torch.equal(up[2] | down[2], whole[2])


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, 1e4])
@pytest.mark.parametrize("where", ["new", "old", "advantages"])
def test_nothing_that_stands_beside_sampled_tokens_is_seen(part, broken, where):
    values = dict(zip(("new", "old", "advantages", "mask"), made(torch.Generator()), strict=True))
    losses, gradient, bounded = evaluate(part.surrogate, **values)
    mask = values["mask"]
    values[where] = values[where].clone()
    values[where][~mask] = broken
    other = evaluate(part.surrogate, **values)
    assert not losses[~mask].any()
    assert not gradient[~mask].any()
    assert not bounded[~mask].any()
    assert losses[mask].any()
    assert torch.equal(other[0], losses)
    assert torch.equal(other[1], gradient)
    assert torch.equal(other[2], bounded)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
@pytest.mark.parametrize("advantage", [1.0, -1.0, 0.0])
@pytest.mark.parametrize("distance", [1e4, -1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_very_large_ratio_stays_finite(part, advantage, distance, dtype):
    """Of each token alone, and of one among others in its row."""
    new = torch.tensor([[-1.0, -2.0], [-1.0, -1.0]], dtype=dtype)
    old = new - torch.tensor([[distance, 0.0], [distance, distance]], dtype=dtype)
    advantages = torch.full_like(new, advantage)
    for a, b in ((new, old), (new - 1e4, old - 1e4)):
        losses, gradient, bounded = evaluate(part.surrogate, a, b, advantages, new < 0)
        assert losses.isfinite().all()
        assert gradient.isfinite().all()
        assert advantage or not bounded.any()


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
@pytest.mark.parametrize("advantage", [1.0, -1.0])
@pytest.mark.parametrize("distance", [19.9, 20.1, 25.0, 1e4, -19.9, -20.1, -25.0, -1e4])
@pytest.mark.parametrize("clip", [None, 0.0, 1.0])
def test_there_is_no_gradient_beyond_the_clamp_but_what_a_bound_gives(
    part, advantage, distance, clip
):
    """CISPO's bounded weight, and beta times a bound in CE-GPPO, do not depend on the ratio."""
    fields = type(part).model_fields
    options = {"dual_clip": None} | ({} if clip is None else {"clip_low": clip, "clip_high": clip})
    part = type(part)(**{name: value for name, value in options.items() if name in fields})
    old = torch.full((2, 3), -1.0, dtype=torch.float64)
    new = old + distance
    advantages, mask = torch.full_like(old, advantage), torch.tensor([[1, 1, 1], [1, 0, 0]])
    losses, gradient, _ = evaluate(part.surrogate, new, old, advantages, mask)
    assert losses.isfinite().all()
    if abs(distance) < 20:
        assert gradient.isfinite().all()
    elif isinstance(part, CISPO):
        weight = min(
            max(math.exp(math.copysign(20, distance)), 1 - part.clip_low), 1 + part.clip_high
        )
        assert gradient[mask == 1].tolist() == pytest.approx([-advantage * weight] * 4)
    elif isinstance(part, CEGPPO) and advantage * distance > 0:
        low, high = part.beta1 * (1 - part.clip_low), part.beta2 * (1 + part.clip_high)
        kept = high if advantage > 0 else low
        assert gradient[mask == 1].tolist() == pytest.approx([-advantage * kept] * 4)
    else:
        assert not gradient.any()


def test_one_token_far_out_ends_the_gradient_of_its_gspo_row_alone():
    """The mean of 90 and -1 is 44.5, beyond 20; that of 30 and -1 is 14.5."""
    old = torch.full((2, 2), -1.0, dtype=torch.float64)
    new = old + torch.tensor([[90.0, -1.0], [30.0, -1.0]], dtype=torch.float64)
    _, gradient, _ = evaluate(gspo, new, old, -torch.ones_like(old), torch.ones(2, 2))
    assert not gradient[0].any()
    assert gradient[1].tolist() == pytest.approx([math.exp(14.5)] * 2)


@pytest.mark.parametrize("part", [GSPO(), CEGPPO(), PPOClip()], ids=lambda part: part.name)
def test_a_very_improbable_token_loses_no_precision(part):
    """In float32 the next number to 12345.678 is a thousandth away; the ratio is exactly 1."""
    new = torch.tensor([[-12345.678]])
    losses, _, _ = evaluate(part.surrogate, new, new, torch.ones(1, 1), torch.ones(1, 1))
    assert losses.item() == -1.0


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_rows_do_not_see_each_other(part):
    new, old, advantages, mask = made(torch.Generator().manual_seed(5))
    whole = evaluate(part.surrogate, new, old, advantages, mask)
    for i in range(len(new)):
        row = slice(i, i + 1)
        alone = evaluate(part.surrogate, new[row], old[row], advantages[row], mask[row])
        for one, other in zip(alone, whole, strict=True):
            assert torch.equal(one, other[row])


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_the_first_update_is_the_policy_gradient(part):
    """At ratio 1 all of them have the gradient -A, whatever their bounds."""
    _, old, advantages, mask = made(torch.Generator().manual_seed(1))
    _, gradient, bounded = evaluate(part.surrogate, old, old, advantages, mask)
    assert torch.equal(gradient, torch.where(mask, -advantages, 0.0))
    assert not bounded.any()


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_token_without_advantage_has_neither_loss_nor_bound(part):
    new, old, advantages, mask = made(torch.Generator().manual_seed(2))
    losses, gradient, bounded = evaluate(part.surrogate, new, old, 0 * advantages, mask)
    assert not losses.any()
    assert not gradient.any()
    assert not bounded.any()


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
@pytest.mark.parametrize("ratio", [0.05, 0.5, 0.99, 1.0, 1.01, 1.5, 2.5])
def test_praise_never_makes_a_token_rarer_nor_blame_likelier(part, ratio):
    assert one_token(part.surrogate, 1.0, ratio)[1] <= 0.0
    assert one_token(part.surrogate, -1.0, ratio)[1] >= 0.0


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_part_passes_its_settings_on(part):
    changed = {"clip_low": 0.05, "clip_high": 0.1, "beta1": 0.3, "beta2": 0.4, "dual_clip": 1.2}
    changed |= {"tau_positive": 2.0, "tau_negative": 3.0}
    changed = {name: value for name, value in changed.items() if name in type(part).model_fields}
    function = FUNCTIONS[type(part)]
    ratios = torch.linspace(0.05, 6.0, 120, dtype=torch.float64).repeat(2)[:, None]
    old, mask = torch.full_like(ratios, -2.0), torch.ones_like(ratios)
    advantages = torch.where(torch.arange(240) < 120, 1.0, -1.0)[:, None]
    batch = old + ratios.log(), old, advantages, mask
    for name in changed:
        one = type(part)(**{name: changed[name]})
        options = {key: getattr(one, key) for key in changed}
        found = evaluate(one.surrogate, *batch)
        for x, y in zip(found, evaluate(function, *batch, **options), strict=True):
            assert torch.equal(x, y)
        assert not torch.equal(found[1], evaluate(part.surrogate, *batch)[1]), name


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        (GSPO, {"clip_low": -1e-4}),
        (GSPO, {"dual_clip": 3.0}),
        (CISPO, {"clip_low": 10.0}),  # verl's way to have no lower bound: here it is 1
        (CISPO, {"epsilon_high": 5.0}),
        (CEGPPO, {"beta1": -0.5}),
        (CEGPPO, {"dual_clip": 1.0}),
        (AEPOClip, {"beta2": math.nan}),
        (SAPO, {"tau_negative": 0.0}),
        (GMPO, {"clip_high": -0.1}),
    ],
)
def test_settings_that_make_no_sense_are_refused(part, wrong):
    with pytest.raises(ValidationError):
        part(**wrong)


# GSPO


def test_gspo_by_hand():
    """Log-ratios .001, .002, -.006 have the mean -.001; the fourth token is not sampled."""
    old = torch.tensor([[-1.0, -2.0, -3.0, -4.0]], dtype=torch.float64)
    new = old + torch.tensor([[0.001, 0.002, -0.006, 5.0]], dtype=torch.float64)
    mask, s = torch.tensor([[1, 1, 1, 0]]), math.exp(-0.001)
    losses, gradient, bounded = evaluate(gspo, new, old, torch.ones_like(old), mask)
    assert losses.tolist()[0] == pytest.approx([-s, -s, -s, 0.0], rel=1e-12)
    assert gradient.tolist()[0] == pytest.approx([-s, -s, -s, 0.0], rel=1e-12)
    assert not bounded.any()
    # Blame finds the row rarer than 1 - 3e-4 already.
    losses, gradient, bounded = evaluate(gspo, new, old, -torch.ones_like(old), mask)
    assert losses.tolist()[0] == pytest.approx([0.9997, 0.9997, 0.9997, 0.0], rel=1e-12)
    assert not gradient.any()
    assert bounded.tolist() == [[True, True, True, False]]


@pytest.mark.parametrize(
    ("advantage", "mean", "bounded"),
    [
        (1.0, 5e-4, True),
        (1.0, 3.5e-4, False),  # the upper bound is the wider one
        (1.0, -5e-4, False),
        (-1.0, -3.5e-4, True),
        (-1.0, -2e-4, False),
        (-1.0, 5e-4, False),
    ],
)
def test_the_bounds_of_gspo_are_the_papers(advantage, mean, bounded):
    loss, gradient, found = one_token(gspo, advantage, math.exp(mean))
    assert found == bounded
    assert gradient == pytest.approx(0.0 if bounded else -advantage * math.exp(mean))
    bound = 1 + 4e-4 if advantage > 0 else 1 - 3e-4
    assert loss == pytest.approx(-advantage * (bound if bounded else math.exp(mean)), rel=1e-12)


@given(batches)
@settings(max_examples=30, deadline=None)
def test_with_equal_advantages_in_a_row_gspo_is_its_sequence_form(batch):
    """Eq. 5, differentiated as it stands: l = max(-A s, -A clip(s)), s = exp(mean of d)."""
    new, old, advantages, mask = batch
    new = old + (new - old).clamp(-2, 2)  # keeps the mean within the clamp of the token form
    mask[:, 0] = True
    advantages = advantages[:, :1].expand_as(new)
    lengths = mask.sum(-1)

    leaf = new.clone().requires_grad_()
    s = (((leaf - old) * mask).sum(-1) / lengths).exp()
    by_row = torch.maximum(-advantages[:, 0] * s, -advantages[:, 0] * s.clamp(1 - 3e-4, 1 + 4e-4))
    (expected,) = torch.autograd.grad(by_row.sum(), leaf)

    leaf = new.clone().requires_grad_()
    losses, bounded = gspo(leaf, old, advantages, mask)
    means = losses.sum(-1) / lengths
    (found,) = torch.autograd.grad(means.sum(), leaf)
    torch.testing.assert_close(means, by_row)
    torch.testing.assert_close(found, expected)
    assert (bounded == (bounded.any(-1, keepdim=True) & mask)).all()


def test_one_odd_token_does_not_clip_a_gspo_row_that_is_as_likely_as_before():
    old = torch.full((1, 4), -2.0, dtype=torch.float64)
    new = old + torch.tensor([[1.5, -0.5, -0.5, -0.5]], dtype=torch.float64)
    _, gradient, bounded = evaluate(gspo, new, old, torch.ones_like(old), ALL)
    assert not bounded.any()
    assert gradient.tolist()[0] == pytest.approx([-1.0] * 4)
    assert evaluate(ppo_clip, new, old, torch.ones_like(old), ALL)[2].any()


def test_gspo_counts_every_response_alike():
    assert GSPO().aggregation == "seq-mean-token-mean"


# CISPO


def test_cispo_by_hand():
    new = (OLD.exp() * RATIOS).log()
    losses, gradient, bounded = evaluate(cispo, new, OLD, SIGNS, ALL)
    weights = [1.2, 0.6, 1.2, 0.1]
    terms = zip(SIGNS[0].tolist(), weights, new[0].tolist(), strict=True)
    assert losses.tolist()[0] == pytest.approx([-a * w * x for a, w, x in terms])
    assert gradient.tolist()[0] == pytest.approx([-1.2, -0.6, 1.2, 0.1])
    assert bounded.tolist() == [[True, False, True, False]]


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({"clip_high": 4.0}, [1.4, 0.6, 1.8, 0.1]),  # an absolute cap of 5
        ({"clip_low": 0.2}, [1.2, 0.8, 1.2, 0.8]),
        ({"clip_low": 0.0, "clip_high": 0.0}, [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_bounds_of_cispo_are_distances_from_one(options, weights):
    new = (OLD.exp() * RATIOS).log()
    _, gradient, bounded = evaluate(cispo, new, OLD, SIGNS, ALL, **options)
    assert (-gradient * SIGNS)[0].tolist() == pytest.approx(weights)
    moved = [w != pytest.approx(r) for w, r in zip(weights, RATIOS[0].tolist(), strict=True)]
    assert bounded[0].tolist() == moved


@given(batches, st.floats(0, 1), st.floats(0, 5))
@settings(max_examples=30, deadline=None)
def test_the_gradient_of_cispo_is_its_formula(batch, low, high):
    new, old, advantages, mask = batch
    _, gradient, _ = evaluate(cispo, *batch, clip_low=low, clip_high=high)
    weight = (new - old).clamp(-20, 20).exp().clamp(1 - low, 1 + high)
    torch.testing.assert_close(gradient, torch.where(mask, -advantages * weight, 0.0))


def test_no_token_of_cispo_loses_its_gradient():
    for advantage, ratio in ((1.0, 100.0), (-1.0, 100.0), (-1.0, 1e-3)):
        assert one_token(cispo, advantage, ratio)[1] * advantage < 0


def test_cispo_without_a_range_is_the_plain_policy_gradient():
    """The loss of GPG: -A ln p, whatever the ratio."""
    new, old, advantages, mask = made(torch.Generator().manual_seed(6))
    losses, gradient, _ = evaluate(cispo, new, old, advantages, mask, clip_low=0.0, clip_high=0.0)
    torch.testing.assert_close(losses, torch.where(mask, -advantages * new, 0.0))
    assert torch.equal(gradient, torch.where(mask, -advantages, 0.0))


# SAPO


@pytest.mark.parametrize(
    ("advantage", "ratio", "loss", "gradient"),
    [
        # sigmoid(1) = .731059 and its slope .196612; sigmoid(-.525) = .371684, slope .233535
        (1.0, 2.0, -4 * 0.731059, -2 * 4 * 0.196612),
        (-1.0, 0.5, 4 / 1.05 * 0.371684, 0.5 * 4 * 0.233535),
        (1.0, 1.0, -2.0, -1.0),
        (-1.0, 1.0, 2 / 1.05, 1.0),
    ],
)
def test_sapo_by_hand(advantage, ratio, loss, gradient):
    found = one_token(sapo, advantage, ratio)
    assert found == (pytest.approx(loss, abs=1e-5), pytest.approx(gradient, abs=1e-5), False)


@given(batches)
@settings(max_examples=30, deadline=None)
def test_the_gradient_of_sapo_is_that_of_the_ratio_times_its_gate(batch):
    """4 s (1 - s) with s = sigmoid(tau (r - 1)) is the paper's gate sech^2 (tau (r - 1) / 2)."""
    new, old, advantages, mask = batch
    new = old + (new - old).clamp(-19, 19)
    _, gradient, _ = evaluate(sapo, new, old, advantages, mask)
    ratio, tau = (new - old).exp(), torch.where(advantages > 0, 1.0, 1.05)
    gate = (tau * (ratio - 1) / 2).clamp(max=300).cosh() ** -2
    torch.testing.assert_close(gradient, torch.where(mask, -advantages * gate * ratio, 0.0))


def test_sapo_fades_where_ppo_clips():
    """Beyond 1.2 PPO has no gradient for praise, and SAPO a little less than before."""
    near = [one_token(sapo, 1.0, ratio)[1] / ratio for ratio in (1.0, 1.19, 1.21, 2.0, 6.0)]
    assert near == sorted(near)
    assert near[1] == pytest.approx(near[2], abs=0.01)
    assert -0.1 < near[-1] < 0
    assert SAPO().aggregation == "seq-mean-token-mean"


# GMPO


def test_gmpo_by_hand():
    """Log-ratios .6, -.2, -.5 are praised as .4, -.2, -.5 and blamed as .6, -.2, -.4."""
    old = torch.tensor([[-1.0, -2.0, -3.0, -4.0]], dtype=torch.float64)
    new = old + torch.tensor([[0.6, -0.2, -0.5, 5.0]], dtype=torch.float64)
    mask, s = torch.tensor([[1, 1, 1, 0]]), math.exp(-0.1)
    losses, gradient, bounded = evaluate(gmpo, new, old, torch.ones_like(old), mask)
    assert losses.tolist()[0] == pytest.approx([-s, -s, -s, 0.0])
    assert gradient.tolist()[0] == pytest.approx([0.0, -s, -s, 0.0])
    assert bounded.tolist() == [[True, False, False, False]]
    losses, gradient, bounded = evaluate(gmpo, new, old, -torch.ones_like(old), mask)
    assert losses.tolist()[0] == pytest.approx([1.0, 1.0, 1.0, 0.0])
    assert gradient.tolist()[0] == pytest.approx([1.0, 1.0, 0.0, 0.0])
    assert bounded.tolist() == [[False, False, True, False]]


@given(batches, st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_with_equal_advantages_in_a_row_gmpo_is_its_sequence_form(batch, low, high):
    """As the authors' code has it: -A exp(mean of sgn(A) min(sgn(A) d, sgn(A) clip(d)))."""
    new, old, advantages, mask = batch
    new = old + (new - old).clamp(-19, 19)
    mask[:, 0] = True
    advantages = advantages[:, :1].expand_as(new)
    lengths, sign = mask.sum(-1), advantages[:, :1].sign()

    leaf = new.clone().requires_grad_()
    d = leaf - old
    pessimistic = sign * torch.minimum(sign * d, sign * d.clamp(-low, high))
    by_row = -advantages[:, 0] * ((pessimistic * mask).sum(-1) / lengths).exp()
    (expected,) = torch.autograd.grad(by_row.sum(), leaf)

    leaf = new.clone().requires_grad_()
    losses, _ = gmpo(leaf, old, advantages, mask, clip_low=low, clip_high=high)
    means = losses.sum(-1) / lengths
    (found,) = torch.autograd.grad(means.sum(), leaf)
    torch.testing.assert_close(means, by_row)
    torch.testing.assert_close(found, expected)


def test_each_sign_of_a_gmpo_row_has_the_ratio_that_is_clipped_for_it():
    old = torch.zeros(1, 2, dtype=torch.float64)
    new = torch.tensor([[1.0, -1.0]], dtype=torch.float64)
    signs = torch.tensor([[1.0, -1.0]], dtype=torch.float64)
    losses, gradient, bounded = evaluate(gmpo, new, old, signs, torch.ones(1, 2))
    up, down = math.exp((0.4 - 1.0) / 2), math.exp((1.0 - 0.4) / 2)
    assert losses.tolist()[0] == pytest.approx([-up, down])
    assert not gradient.any()
    assert bounded.all()


def test_the_range_of_gmpo_is_the_papers():
    part = GMPO()
    assert (part.clip_low, part.clip_high, part.aggregation) == (0.4, 0.4, "seq-mean-token-mean")
    assert GMPO.by_sequence


# CE-GPPO, GPPO and AEPO's clip


@pytest.mark.parametrize(
    ("advantage", "ratio", "weight", "bounded"),
    [
        (1.0, 1.1, 1.1, False),
        (1.0, 1.5, 0.4 * 1.3, True),
        (1.0, 50.0, 0.4 * 1.3, True),
        (1.0, 0.1, 0.1, False),
        (-1.0, 0.9, 0.9, False),
        (-1.0, 0.5, 0.6 * 0.8, True),
        (-1.0, 1e-3, 0.6 * 0.8, True),
        (-1.0, 3.0, 3.0, False),
        (-1.0, 9.0, 9.0, False),
    ],
)
def test_ce_gppo_in_each_quadrant(advantage, ratio, weight, bounded):
    options = {"clip_low": 0.2, "clip_high": 0.3, "beta1": 0.6, "beta2": 0.4}
    loss, gradient, found = one_token(ce_gppo, advantage, ratio, **options)
    assert loss == pytest.approx(-advantage * weight)
    assert gradient == pytest.approx(-advantage * weight)
    assert found == bounded


def test_the_dual_clip_of_ce_gppo_has_no_gradient():
    assert one_token(ce_gppo, -2.0, 11.0) == (20.0, 0.0, True)
    loss, gradient, bounded = one_token(ce_gppo, -2.0, 11.0, dual_clip=None)
    assert (loss, gradient, bounded) == (pytest.approx(22.0), pytest.approx(22.0), False)
    assert one_token(ce_gppo, 2.0, 11.0)[1] == pytest.approx(-2.4)


@given(batches, st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.9), st.floats(0, 3))
@settings(max_examples=30, deadline=None)
def test_the_gradient_of_ce_gppo_is_the_published_one(batch, beta1, beta2, low, high):
    """Differentiated as the paper writes it: p / sg(p) at the bounds, without the dual clip."""
    new, old, advantages, mask = batch
    new = old + (new - old).clamp(-15, 15)
    options = {"beta1": beta1, "beta2": beta2, "clip_low": low, "clip_high": high}
    found = evaluate(ce_gppo, new, old, advantages, mask, **options, dual_clip=None)

    leaf = new.clone().requires_grad_()
    r = (leaf - old).exp()
    one = leaf.exp() / leaf.exp().detach()
    surrogate = torch.where((advantages < 0) & (r < 1 - low), beta1 * (1 - low) * one, r)
    surrogate = torch.where((advantages > 0) & (r > 1 + high), beta2 * (1 + high) * one, surrogate)
    losses = torch.where(mask, -advantages * surrogate, 0.0)
    (expected,) = torch.autograd.grad(losses.sum(), leaf)
    torch.testing.assert_close(found[0], losses.detach())
    torch.testing.assert_close(found[1], expected)


@given(batches)
@settings(max_examples=30, deadline=None)
def test_without_betas_ce_gppo_has_the_gradient_and_the_bounds_of_ppo(batch):
    new, old, advantages, mask = batch
    near = old + (new - old).clamp(-19, 19)  # beyond 20 the ratio of PPO has no gradient
    found = evaluate(ce_gppo, near, old, advantages, mask, beta1=0.0, beta2=0.0, dual_clip=3.0)
    expected = evaluate(ppo_clip, near, old, advantages, mask, dual_clip=3.0)
    torch.testing.assert_close(found[1], expected[1])
    assert torch.equal(found[2], expected[2])


@given(batches)
@settings(max_examples=30, deadline=None)
def test_gppo_has_the_value_of_ppo_and_gradients_beyond_its_bounds(batch):
    new, old, advantages, mask = batch
    gppo = {"beta1": 1.0, "beta2": 1.0, "dual_clip": 3.0}
    losses, gradient, bounded = evaluate(ce_gppo, new, old, advantages, mask, **gppo)
    expected, _, same = evaluate(ppo_clip, new, old, advantages, mask, dual_clip=3.0)
    torch.testing.assert_close(losses, expected)
    assert torch.equal(bounded, same)
    dual = (advantages < 0) & (new - old > math.log(3.0))
    torch.testing.assert_close(gradient, torch.where(dual, 0.0, losses))


@pytest.mark.parametrize(
    ("advantage", "ratio", "gradient"),
    [
        (1.0, 5.0, -1.2),
        (1.0, 1.1, -1.1),
        (-1.0, 0.5, 0.0),  # still clipped
        (-1.0, 2.0, 2.0),
        (-1.0, 3.5, 0.0),  # the dual clip
    ],
)
def test_aepo_keeps_gradients_above_the_upper_bound_alone(advantage, ratio, gradient):
    assert one_token(AEPOClip().surrogate, advantage, ratio)[1] == pytest.approx(gradient)


def test_aepo_written_with_stop_gradients_has_the_same_gradient():
    """clip(r, 1 - low, (1 + high) r / sg(r)), the minimum with r, and the dual clip."""
    new, old, advantages, mask = made(torch.Generator().manual_seed(4))
    new = old + (new - old).clamp(-15, 15)
    leaf = new.clone().requires_grad_()
    r = (leaf - old).exp()
    upper = 1.2 * r / r.detach()
    clipped = torch.minimum(r.clamp(min=0.8), upper)
    loss = -torch.minimum(r * advantages, clipped * advantages)
    bound = -3.0 * advantages
    loss = torch.where((advantages < 0) & (loss > bound), bound, loss)
    (expected,) = torch.autograd.grad(torch.where(mask, loss, 0.0).sum(), leaf)
    _, found, _ = evaluate(AEPOClip().surrogate, new, old, advantages, mask)
    torch.testing.assert_close(found, expected)
