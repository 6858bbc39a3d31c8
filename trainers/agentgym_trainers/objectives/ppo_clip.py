"""The clipped surrogate of PPO with its common extensions (Schulman et al. 2017, 1707.06347).

d = ln p_new - ln p_old,  r = exp(clamp(d, -20, 20))
l = max(-A r, -A clip(r, 1 - low, 1 + high))        clip-higher: high > low (DAPO, 2503.14476)
l = min(l, -A c)  where A < 0                       dual clip (Ye et al. 2020, 1912.09729)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agentgym_trainers.objectives.divergence import LARGEST_LOG_RATIO
from agentgym_trainers.objectives.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor


def log_ratio(new: Tensor, old: Tensor, mask: Tensor) -> Tensor:
    """ln p_new - ln p_old, clamped to +-20, 0 where the mask is False; shape (N, L)."""
    return (new - old).where(mask, 0.0).clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)


def ppo_clip(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = 3.0,
) -> tuple[Tensor, Tensor]:
    """The clipped surrogate; arguments and result as of :meth:`Objective.surrogate`."""
    mask = mask.bool()
    ratio = log_ratio(new, old, mask).exp()
    unclipped = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - clip_low, 1 + clip_high)
    loss = unclipped.maximum(clipped)
    bounded = clipped > unclipped
    if dual_clip is not None:
        bound = -advantages * dual_clip
        beyond = (advantages < 0) & (loss > bound)
        loss, bounded = bound.where(beyond, loss), bounded | beyond
    return loss.where(mask, 0.0), bounded & mask


class PPOClip(Objective):
    """The clipped surrogate of PPO, with clip-higher and dual clip."""

    name: str = "ppo_clip"
    clip_low: Annotated[float, Field(ge=0)] = 0.2
    """The lower bound of the ratio is 1 - clip_low."""
    clip_high: Annotated[float, Field(ge=0)] = 0.2
    """The upper bound is 1 + clip_high; larger than clip_low is DAPO's clip-higher."""
    dual_clip: Annotated[float, Field(gt=1)] | None = 3.0
    """Where A < 0, the loss is at most dual_clip * abs(A); None: no bound."""

    def surrogate(
        self, new: Tensor, old: Tensor, advantages: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See :func:`ppo_clip`."""
        return ppo_clip(
            new,
            old,
            advantages,
            mask,
            clip_low=self.clip_low,
            clip_high=self.clip_high,
            dual_clip=self.dual_clip,
        )
