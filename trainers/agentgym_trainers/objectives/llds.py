"""LLDS: keep the likelihood of what was done from falling (Deng et al. 2025, arXiv 2512.04220).

With tools, GRPO may lower the likelihood of right and wrong responses alike until gradients blow
up. This term acts on an action only if its likelihood fell, and there on the tokens that fell:

    gate_a = [ sum over tokens of action a (old - new) > 0 ],  for actions with A >= 0
    loss   = coef * sum over a of gate_a * sum over its tokens of max(0, old - new), aggregated

``old`` is the policy that sampled, so with a single update per batch the term is zero.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor


class LLDS(BaseModel):
    """Settings of the regulariser."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    coef: Annotated[float, Field(ge=0)] = 0.1
    """Its weight."""
    gate: Literal["action", "response"] = "action"
    """What must have become less likely as a whole: one action, or all actions of a row."""
    only_praised: bool = True
    """Leave actions with a negative advantage alone."""


def llds(
    new: Tensor, old: Tensor, advantages: Tensor, action: Tensor, settings: LLDS
) -> Tensor:
    """The regulariser of each token, before its coefficient.

    Args:
        new: ln p of the sampled tokens now, shape (N, L), with gradient.
        old: ln p when they were sampled, shape (N, L).
        advantages: shape (N, L).
        action: number of the action in its row that each token belongs to, from 1; 0 where the
            token was not sampled; shape (N, L).

    Returns:
        max(0, old - new) where the gate is open, else 0; shape (N, L).
    """
    sampled = action > 0
    fell = torch.where(sampled, old - new, 0.0)
    number = action if settings.gate == "action" else sampled.long()
    sums = torch.zeros_like(fell).scatter_add(1, number, fell.detach())
    open_gate = sums.gather(1, number) > 0
    if settings.only_praised:
        open_gate &= advantages >= 0
    return torch.where(sampled & open_gate, fell.clamp(min=0), 0.0)
