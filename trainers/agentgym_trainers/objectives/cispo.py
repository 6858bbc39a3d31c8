"""CISPO: clipped importance-sampling weights (MiniMax 2025, "MiniMax-M1", arXiv 2506.13585).

    l = -A sg(clip(r, 1 - low, 1 + high)) ln p_new,  r = p_new / p_old,  sg = stop-gradient

PPO drops the gradient of a token outside the bounds, and so of rare words at which reasoning
changes direction. Here only the weight of the token is bounded: every token keeps a gradient.

The paper sets no lower bound and tunes the upper one. Published numbers follow three conventions:
ours is the paper's and verl's, a cap of 1 + clip_high; TRL gives the cap itself, so its 5.0 is
clip_high = 4; some others write 5.0 and mean 1 + 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agentgym_trainers.objectives.objective import Objective
from agentgym_trainers.objectives.ppo_clip import log_ratio

if TYPE_CHECKING:
    from torch import Tensor


def cispo(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 1.0,
    clip_high: float = 0.2,
) -> tuple[Tensor, Tensor]:
    """The weighted log-likelihood; arguments and result as of :meth:`Objective.surrogate`.

    >>> import torch
    >>> one = torch.ones(1, 2)
    >>> losses, bounded = cispo(torch.tensor([[-1.0, -3.0]]), -2 * one, one, one)
    >>> [round(x, 3) for x in losses[0].tolist()], bounded[0].tolist()  # weights 1.2 and 1/e
    ([1.2, 1.104], [True, False])

    The loss is a log-likelihood and not a ratio: it is not comparable with that of PPO, and its
    sign says nothing. The weight has no gradient, so the clamp of its log-ratio to +-20 ends none.
    """
    mask = mask.bool()
    ratio = log_ratio(new.detach(), old, mask).exp()
    weight = ratio.clamp(1 - clip_low, 1 + clip_high)
    loss = -advantages * weight * new.where(mask, 0.0)
    return loss.where(mask, 0.0), (weight != ratio) & (advantages != 0) & mask


class CISPO(Objective):
    """Clipped importance-sampling weights: no token loses its gradient."""

    name: str = "cispo"
    clip_low: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The weight of a token is at least 1 - clip_low; 1: no lower bound, as in the paper."""
    clip_high: Annotated[float, Field(ge=0)] = 0.2
    """The weight is at most 1 + clip_high; the paper gives no number, 0.2 is verl's example."""

    def surrogate(
        self, new: Tensor, old: Tensor, advantages: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See :func:`cispo`."""
        return cispo(new, old, advantages, mask, clip_low=self.clip_low, clip_high=self.clip_high)
