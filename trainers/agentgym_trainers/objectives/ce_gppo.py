"""CE-GPPO: coordinating entropy by gradient-preserving clipping (Su et al. 2025, 2509.20712).

    l = -A F p_new / sg(p_new),  sg = stop-gradient, with the weight of a token

    F = beta1 (1 - low)     where A < 0 and r < 1 - low
        beta2 (1 + high)    where A > 0 and r > 1 + high
        r = p_new / p_old   elsewhere

The clipped surrogate of PPO drops the gradient of tokens beyond its bounds, which are mostly those
that were improbable. Here they keep a bounded one: tokens with A > 0 (beta2) raise the
entropy, tokens with A < 0 (beta1) lower it, and the two coefficients balance it. Special cases:

    beta1 = beta2 = 0       the gradient of PPO's clip
    beta1 = beta2 = 1       GPPO (Su et al. 2025, "Klear-Reasoner", 2508.07629), with dual_clip 3
    beta1 = 0, beta2 = 1    the clip of AEPO: the objective ``aepo_clip``
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agentgym_trainers.objectives.objective import Objective
from agentgym_trainers.objectives.ppo_clip import log_ratio

if TYPE_CHECKING:
    from torch import Tensor


def ce_gppo(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    beta1: float = 0.75,
    beta2: float = 1.0,
    dual_clip: float | None = 10.0,
) -> tuple[Tensor, Tensor]:
    """The surrogate; arguments and result as of :meth:`Objective.surrogate`.

    >>> import torch
    >>> p = torch.tensor([[0.7, 0.3, 0.9, 0.05]])
    >>> sign, one = torch.tensor([[1.0, 1.0, -1.0, -1.0]]), torch.ones(1, 4)
    >>> losses, bounded = ce_gppo(p.log(), torch.log(one / 2), sign, one)
    >>> [round(x, 3) for x in losses[0].tolist()]  # ratios 1.4, 0.6, 1.8, 0.1
    [-1.2, -0.6, 1.8, 0.6]
    >>> bounded[0].tolist()
    [True, False, False, True]

    Beyond a bound the loss is beta times that of PPO, not the same. The dual clip bounds the loss
    where A < 0 at dual_clip |A|, without gradient. The log-ratio is clamped to +-20; beyond, a
    token has a gradient only where a bound gives it one, whose size does not depend on r.
    """
    mask = mask.bool()
    new = new.where(mask, 0.0)
    clamped = log_ratio(new, old, mask)
    ratio = clamped.detach().exp()
    below = (advantages < 0) & (ratio < 1 - clip_low)
    above = (advantages > 0) & (ratio > 1 + clip_high)
    weight = ratio.where(~below, beta1 * (1 - clip_low))
    weight = weight.where(~above, beta2 * (1 + clip_high))
    # p / sg(p) by its value and gradient, since of a tiny p it would be 0/0
    moving = new.where(below | above, clamped)
    loss, bounded = -advantages * weight * (1 + (moving - moving.detach())), below | above
    if dual_clip is not None:
        beyond = (advantages < 0) & (ratio > dual_clip)
        loss, bounded = (-advantages * dual_clip).where(beyond, loss), bounded | beyond
    return loss.where(mask, 0.0), bounded & mask


class CEGPPO(Objective):
    """Gradient-preserving clipping: tokens beyond the bounds keep a share of their gradient."""

    name: str = "ce_gppo"
    clip_low: Annotated[float, Field(ge=0, le=1)] = 0.2
    """The lower bound of the ratio is 1 - clip_low."""
    clip_high: Annotated[float, Field(ge=0)] = 0.2
    """The upper bound of the ratio is 1 + clip_high."""
    beta1: Annotated[float, Field(ge=0)] = 0.75
    """Share of the gradient that tokens with A < 0 keep below the lower bound (0.5 for the authors'
    1.5B model, 0.75 for 7B)."""
    beta2: Annotated[float, Field(ge=0)] = 1.0
    """Share of the gradient that tokens with A > 0 keep above the upper bound."""
    dual_clip: Annotated[float, Field(gt=1)] | None = 10.0
    """Where A < 0, the loss is at most dual_clip * abs(A); None: no bound."""

    def surrogate(
        self, new: Tensor, old: Tensor, advantages: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See :func:`ce_gppo`."""
        return ce_gppo(
            new,
            old,
            advantages,
            mask,
            clip_low=self.clip_low,
            clip_high=self.clip_high,
            beta1=self.beta1,
            beta2=self.beta2,
            dual_clip=self.dual_clip,
        )
