"""SAPO: soft adaptive policy optimisation (Gao et al. 2025, arXiv 2511.20347).

    d = ln p_new - ln p_old,  r = exp(clamp(d, -20, 20))
    l = -A f(r),  f(r) = 4 / tau sigmoid(tau (r - 1))

tau is tau_positive where A > 0, else tau_negative. The gradient is that of -A r times
4 s (1 - s), s = sigmoid(tau (r - 1)): a weight that is 1 at r = 1 and falls smoothly on either
side, where PPO's clip is 1 within its bounds and 0 beyond. So no token loses its gradient all at
once, and one odd token does not cost its sequence that of the others. tau_negative is a little
larger because blame raises all other tokens of the vocabulary and so is the less stable.

The formula was compared with verl's code; the temperatures are the paper's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agentgym_trainers.objectives.aggregation import Aggregation
from agentgym_trainers.objectives.objective import Objective
from agentgym_trainers.objectives.ppo_clip import log_ratio

if TYPE_CHECKING:
    from torch import Tensor

Temperature = Annotated[float, Field(gt=0)]


def sapo(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    tau_positive: float = 1.0,
    tau_negative: float = 1.05,
) -> tuple[Tensor, Tensor]:
    """The gated surrogate; arguments and result as of :meth:`Objective.surrogate`.

    >>> import torch
    >>> one = torch.ones(1, 2)
    >>> losses, _ = sapo(torch.tensor([[0.5, 0.25]]).log(), (one / 4).log(), one, one)
    >>> [round(x, 3) for x in losses[0].tolist()]  # ratios 2 and 1: -4 sigmoid(1), -4 sigmoid(0)
    [-2.924, -2.0]

    No bound ever takes effect: the second result is False everywhere.
    """
    mask = mask.bool()
    ratio = log_ratio(new, old, mask).exp()
    tau = advantages.new_tensor(tau_positive).where(advantages > 0, tau_negative)
    gate = (tau * (ratio - 1)).sigmoid() * (4 / tau)
    return (-advantages * gate).where(mask, 0.0), mask & False


class SAPO(Objective):
    """Soft adaptive gating: a token's gradient fades with the distance of its ratio from 1."""

    name: str = "sapo"
    aggregation: Aggregation = "seq-mean-token-mean"
    """How token losses become one number; the paper's counts every response alike."""
    tau_positive: Temperature = 1.0
    """How fast the gradient fades where A > 0; larger is faster."""
    tau_negative: Temperature = 1.05
    """... and where A < 0."""

    def surrogate(
        self, new: Tensor, old: Tensor, advantages: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See :func:`sapo`."""
        return sapo(
            new,
            old,
            advantages,
            mask,
            tau_positive=self.tau_positive,
            tau_negative=self.tau_negative,
        )
