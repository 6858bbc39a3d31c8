"""GSPO: group sequence policy optimisation (Zheng et al. 2025, arXiv 2507.18071).

    s_i  = exp( mean over the tokens t of sequence i of (ln p_new - ln p_old) )         (eq. 7)
    s_it = sg(s_i) * p_new(t) / sg(p_new(t)),  sg = stop-gradient                       (eq. 14)
    l_it = max(-A_it s_it, -A_it clip(s_it, 1 - low, 1 + high))

A reward is given to a whole response, so its ratio is taken of the whole response: one odd token
neither clips nor blows up an update. The mean makes ratios of long and short responses comparable;
it stays so near to 1 that the bounds are hundreds of times tighter than those of PPO, and yet clip
many more tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from agentgym_trainers.objectives.aggregation import Aggregation
from agentgym_trainers.objectives.divergence import LARGEST_LOG_RATIO
from agentgym_trainers.objectives.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor


def gspo(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 3e-4,
    clip_high: float = 4e-4,
) -> tuple[Tensor, Tensor]:
    """The surrogate in its token form; arguments and result as of :meth:`Objective.surrogate`.

    >>> import torch
    >>> one = torch.ones(1, 2)
    >>> losses, bounded = gspo(torch.tensor([[-1.0, -3.0]]), -2 * one, one, one)
    >>> losses[0].tolist(), bounded[0].tolist()  # e and 1/e: the sequence is as likely as before
    ([-1.0, -1.0], [False, False])

    A sequence is the sampled tokens of a row; where the past was edited, each segment is a row.
    Tokens may have advantages of their own; where those of a row are equal, the mean over its
    tokens has the gradient of the sequence form (eq. 5). The mean log-ratio is clamped to +-20 and
    has no gradient beyond, as PPO's. A bound takes effect on all tokens of a row whose advantages
    have one sign, or on none of them.
    """
    mask = mask.bool()
    new = new.where(mask, 0.0)
    log_ratio = (new.detach() - old).where(mask, 0.0)
    mean = log_ratio.sum(-1, keepdim=True) / mask.sum(-1, keepdim=True).clamp(min=1)
    sequence = mean.clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO).exp()
    moving = new.where(mean.abs() <= LARGEST_LOG_RATIO, new.detach())
    ratio = sequence * (1 + (moving - new.detach()))  # p / sg(p), which of a tiny p would be 0/0
    unclipped = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - clip_low, 1 + clip_high)
    loss = unclipped.maximum(clipped).where(mask, 0.0)
    return loss, (clipped > unclipped) & mask


class GSPO(Objective):
    """Group sequence policy optimisation: one ratio for all sampled tokens of a row."""

    by_sequence: ClassVar[bool] = True
    name: str = "gspo"
    aggregation: Aggregation = "seq-mean-token-mean"
    """How token losses become one number; the paper's counts every response alike."""
    clip_low: Annotated[float, Field(ge=0)] = 3e-4
    """The ratio of a row is clipped from below at 1 - clip_low."""
    clip_high: Annotated[float, Field(ge=0)] = 4e-4
    """... and from above at 1 + clip_high."""

    def surrogate(
        self, new: Tensor, old: Tensor, advantages: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See :func:`gspo`."""
        return gspo(new, old, advantages, mask, clip_low=self.clip_low, clip_high=self.clip_high)
