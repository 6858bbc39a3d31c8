"""LLDS: keep the likelihood of what was done from falling (Deng et al. 2025, arXiv 2512.04220).

With tools, GRPO may lower the likelihood of right and wrong responses alike until gradients blow
up. This term acts on an action only if its likelihood fell, and there on the tokens that fell:

    fell_t = ln p_old - ln p_new
    loss   = coef / T * sum over actions a of [ sum over t in a of fell_t > 0 ]
                      * sum over t in a of max(0, fell_t)                                (eq. 4)

over the actions with A >= 0, those of groups without a signal included; T is the number of their
tokens. Whether a token fell is seen only after an update: with a single update per batch the term
is zero. ``old`` should be the trainer's own (``correction.old = "recomputed"``), as in the paper:
of logprobs that an engine gave, half are a little above the trainer's before anything fell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field

from agentgym.config import SETTINGS
from agentgym.errors import option

if TYPE_CHECKING:
    from torch import Tensor

Gate = Literal["token", "action", "response"]


class LLDS(BaseModel):
    """Settings of the regulariser."""

    model_config = SETTINGS

    coef: Annotated[float, Field(ge=0)] = 0.2
    """Weight of the penalty."""
    gate: Gate = "action"
    """The penalty applies if this became less likely as a whole: token, the token's action, or
    response: all actions of its row (the paper's first version). The paper ranks them, from worst
    to best: token, response, action."""
    average: Literal["preserved", "all"] = "preserved"
    """preserved: average over the tokens with A >= 0, as in the paper; all: over every token, with
    the objective's aggregation, as in the published code, so tokens with A < 0 make it small."""


def llds(
    new: Tensor, old: Tensor, preserved: Tensor, action: Tensor, *, gate: Gate = "action"
) -> Tensor:
    """How far ln p of each token fell, where the penalty applies.

    >>> import torch
    >>> new, old = torch.tensor([[0.0, -3.0, -1.0, -3.0, -1.0]]), torch.full((1, 5), -2.0)
    >>> llds(new, old, torch.ones(1, 5), torch.tensor([[0, 1, 1, 2, 3]])).tolist()
    [[0.0, 0.0, 0.0, 1.0, 0.0]]

    Args:
        new: ln p of the sampled tokens now, shape (N, L), with gradient.
        old: ln p before the first update, shape (N, L).
        preserved: True where the advantage is not negative, shape (N, L).
        action: number of the action in its row that each token belongs to, from 1; 0 where the
            token was not sampled; shape (N, L).
        gate: see :class:`LLDS`; it has no gradient.

    Returns:
        max(0, old - new) where the token is preserved and its gate is open, else 0; shape (N, L).
    """
    option("gate", gate, Gate)
    sampled = action > 0
    fell = (old - new).where(sampled, 0.0)
    whole = fell.detach()
    if gate != "token":
        number = action if gate == "action" else sampled.long()
        sums = whole.new_zeros(len(whole), whole.shape[1] + 1)
        whole = sums.scatter_add(1, number, whole).gather(1, number)
    return fell.relu().where(sampled & preserved.bool() & (whole > 0), 0.0)
