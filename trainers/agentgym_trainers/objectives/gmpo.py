"""GMPO: geometric-mean policy optimisation (Zhao et al. 2025, arXiv 2507.20673).

    c_t  = min(d_t, high) where A > 0,  max(d_t, -low) where A < 0;   d_t = ln p_new - ln p_old
    s_i  = exp( mean over the tokens t of sequence i of c_t )
    l_it = -A_it sg(s_i) exp(c_t - sg(c_t)),  sg = stop-gradient

GRPO averages the ratios of tokens, which one odd token can carry off; their geometric mean is the
exponential of a mean of logarithms and hardly notices it. Tokens are clipped one by one, before the
mean: clipping the mean, as GSPO does, takes the gradient from all tokens of a sequence at once. The
range (exp -0.4, exp 0.4) is wider than PPO's and still leaves smaller ratios of sequences.

The formula was compared with the authors' code and verl's. They know one advantage for a sequence;
where its tokens have advantages of both signs, each has the s_i that is clipped for its own sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from agentgym_trainers.objectives.aggregation import Aggregation
from agentgym_trainers.objectives.objective import Objective
from agentgym_trainers.objectives.ppo_clip import log_ratio

if TYPE_CHECKING:
    from torch import Tensor


def gmpo(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 0.4,
    clip_high: float = 0.4,
) -> tuple[Tensor, Tensor]:
    """The surrogate in its token form; arguments and result as of :meth:`Objective.surrogate`.

    >>> import torch
    >>> one = torch.ones(1, 2)
    >>> losses, bounded = gmpo(torch.tensor([[-1.0, -2.2]]), -2 * one, one, one)
    >>> [round(x, 3) for x in losses[0].tolist()]  # log-ratios 1, cut to .4, and -.2: exp .1
    [-1.105, -1.105]
    >>> bounded[0].tolist()
    [True, False]

    A sequence is the sampled tokens of a row; where the past was edited, each segment is a row.
    Where the advantages of a row are equal, the mean over its tokens has the gradient of the
    sequence form. Log-ratios are clamped to +-20 and have no gradient beyond.
    """
    mask = mask.bool()
    d = log_ratio(new, old, mask)
    praised = advantages > 0
    clipped = d.clamp(max=clip_high).where(praised, d.clamp(min=-clip_low))
    up, down = d.detach().clamp(max=clip_high), d.detach().clamp(min=-clip_low)
    length = mask.sum(-1, keepdim=True).clamp(min=1)
    up, down = ((x.sum(-1, keepdim=True) / length).exp() for x in (up, down))
    ratio = up.where(praised, down) * (1 + (clipped - clipped.detach()))
    bounded = (clipped != d) & (advantages != 0) & mask
    return (-advantages * ratio).where(mask, 0.0), bounded


class GMPO(Objective):
    """Geometric-mean policy optimisation: tokens are clipped, their ratios averaged as logs."""

    by_sequence: ClassVar[bool] = True
    name: str = "gmpo"
    aggregation: Aggregation = "seq-mean-token-mean"
    """How token losses become one number; the paper's counts every response alike."""
    clip_low: Annotated[float, Field(ge=0)] = 0.4
    """Where A < 0, a token's log-ratio is at least -clip_low."""
    clip_high: Annotated[float, Field(ge=0)] = 0.4
    """Where A > 0, a token's log-ratio is at most clip_high."""

    def surrogate(
        self, new: Tensor, old: Tensor, advantages: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See :func:`gmpo`."""
        return gmpo(new, old, advantages, mask, clip_low=self.clip_low, clip_high=self.clip_high)
