"""The base of all objectives: a surrogate loss, an aggregation, and regularisers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from agentgym.parts import Part
from agentgym_trainers.objectives.aggregation import Aggregation
from agentgym_trainers.objectives.divergence import KLForm
from agentgym_trainers.objectives.llds import LLDS

if TYPE_CHECKING:
    from torch import Tensor


class Objective(Part, ABC):
    """agg(surrogate + kl_coef KL(new, reference) - entropy_coef entropy + llds.coef LLDS)."""

    by_sequence: ClassVar[bool] = False
    """Whether a token's loss depends on the other tokens of its row."""

    aggregation: Aggregation = "token-mean"
    """How token losses are averaged or summed into one number."""
    max_length: Annotated[int, Field(ge=1)] | None = None
    """The fixed divisor of seq-mean-token-sum-norm, in tokens."""
    kl_coef: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the KL divergence from the reference policy (the weights at the start of RL)."""
    kl_form: KLForm = "k3"
    """The estimator of that KL divergence."""
    entropy_coef: float = 0.0
    """Weight of the entropy bonus."""
    llds: LLDS | None = None
    """Penalise falling likelihoods, if there is a table [objective.llds], which may be empty."""

    @model_validator(mode="after")
    def _has_its_divisor(self) -> Self:
        if self.aggregation == "seq-mean-token-sum-norm" and self.max_length is None:
            raise ValueError("seq-mean-token-sum-norm divides by max_length, which must be set")
        return self

    @abstractmethod
    def surrogate(
        self, new: Tensor, old: Tensor, advantages: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The surrogate loss of each token, positively homogeneous in the advantages.

        That is, twice the advantages give twice the loss; so a token that several trajectories
        share is trained once, with the sums of what is above and of what is below zero.

        Args:
            new: ln p of the sampled tokens now, shape (N, L), with gradient.
            old: ln p when they were sampled, shape (N, L).
            advantages: shape (N, L); a row is one causal sequence.
            mask: True for sampled tokens, shape (N, L).

        Returns:
            losses (N, L), 0 where the mask is False; and True where a bound took effect, (N, L).
        """
