"""The clipped surrogate of PPO with its common extensions (Schulman et al. 2017, 1707.06347).

    d = ln p_new - ln p_old,  r = exp(clamp(d, -20, 20))
    l = max(-A r, -A clip(r, 1 - low, 1 + high))        clip-higher: high > low (DAPO, 2503.14476)
    l = min(l, -A c)  where A < 0                       dual clip (Ye et al. 2020, 1912.09729)
    loss = agg(l) + kl_coef agg(KL(new, reference)) - entropy_coef agg(entropy)

Everything is masked: a token that the policy did not sample has no loss and no gradient.
"""

from typing import Annotated, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

Aggregation = Literal[
    "token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm"
]
KLForm = Literal["k1", "k2", "k3", "abs"]
LARGEST_LOG_RATIO = 20.0
LARGEST_KL = 10.0


class PPOClip(BaseModel):
    """Settings of the clipped surrogate."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    clip_low: Annotated[float, Field(ge=0)] = 0.2
    """The ratio is clipped from below at 1 - clip_low."""
    clip_high: Annotated[float, Field(ge=0)] = 0.2
    """... and from above at 1 + clip_high; larger than clip_low is DAPO's clip-higher."""
    dual_clip: Annotated[float, Field(gt=1)] | None = 3.0
    """Bound on the loss of a token with negative advantage, in multiples of it; None: no bound."""
    aggregation: Aggregation = "token-mean"
    """How token losses become one number."""
    max_length: Annotated[int, Field(ge=1)] | None = None
    """The fixed divisor of seq-mean-token-sum-norm, in tokens."""
    kl_coef: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the divergence from the reference policy (the weights at the start of RL)."""
    kl_form: KLForm = "k3"
    """The estimator of that divergence."""
    entropy_coef: float = 0.0
    """Weight of the entropy bonus."""

    @model_validator(mode="after")
    def _has_its_divisor(self) -> Self:
        if self.aggregation == "seq-mean-token-sum-norm" and self.max_length is None:
            raise ValueError("seq-mean-token-sum-norm divides by max_length, which must be set")
        return self


def ppo_clip(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    settings: PPOClip,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The surrogate loss of each token.

    Args:
        new: ln p of the sampled tokens now, shape (N, L), with gradient.
        old: ln p when they were sampled, shape (N, L).
        advantages: shape (N, L).
        mask: 1 for sampled tokens, shape (N, L).

    Returns:
        losses (N, L), 0 where the mask is 0; and sums over tokens for the metrics:
        ``clipped``, ``dual_clipped``, ``ratio`` and ``old_kl`` (k3 estimate of KL(old, new)).
    """
    mask = mask.bool()
    d = torch.where(mask, new - old, 0.0).clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
    ratio = d.exp()
    unclipped = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - settings.clip_low, 1 + settings.clip_high)
    loss = torch.maximum(unclipped, clipped)
    beyond = torch.zeros_like(mask)
    if settings.dual_clip is not None:
        bound = -advantages * settings.dual_clip
        beyond = (advantages < 0) & (loss > bound)
        loss = torch.where(beyond, bound, loss)
    sums = {
        "clipped": ((clipped > unclipped) & mask).sum(),
        "dual_clipped": (beyond & mask).sum(),
        "ratio": torch.where(mask, ratio, 0.0).sum(),
        "old_kl": torch.where(mask, ratio - 1 - d, 0.0).sum(),
    }
    return torch.where(mask, loss, 0.0), {name: x.detach() for name, x in sums.items()}


def kl(new: Tensor, reference: Tensor, form: KLForm) -> Tensor:
    """Estimate KL(new || reference) at each sampled token (Schulman 2020, "Approximating KL").

    k1 = new - ref;  k2 = (new - ref)^2 / 2;  k3 = exp(ref - new) - (ref - new) - 1.
    As a loss, k1 has an expected gradient of zero; k3 is clamped to 10 and has none beyond.
    """
    d = new - reference
    match form:
        case "k1":
            return d
        case "abs":
            return d.abs()
        case "k2":
            return 0.5 * d**2
        case "k3":
            back = (-d).clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
            return (back.exp() - back - 1).clamp(max=LARGEST_KL)


def token_weights(
    mask: Tensor,
    aggregation: Aggregation,
    *,
    sequence: Tensor | None = None,
    max_length: int | None = None,
) -> Tensor:
    """Weights w with which sum(w * losses) is the aggregate, shape (N, L), 0 outside the mask.

    ``token-mean``               sum over all tokens / number of tokens
    ``seq-mean-token-sum``       mean over sequences of their sums
    ``seq-mean-token-mean``      mean over sequences of their means
    ``seq-mean-token-sum-norm``  sum over all tokens / max_length (not divided by sequences)

    Computed once over a whole minibatch, so that micro-batches add up to the same update.

    Args:
        mask: 1 for sampled tokens, shape (N, L). Sequences without any do not count.
        sequence: the sequence each row belongs to, shape (N,); default: each row is one. A
            trajectory in several segments is one sequence, so it weighs no more than another.
        max_length: default L.
    """
    weight = mask.double()
    if aggregation == "token-mean":
        return weight / weight.sum().clamp(min=1)
    if aggregation == "seq-mean-token-sum-norm":
        return weight / (max_length or mask.shape[1])
    rows = torch.arange(len(mask), device=mask.device)
    _, number = torch.unique(rows if sequence is None else sequence, return_inverse=True)
    tokens = torch.zeros(len(mask), dtype=torch.float64, device=mask.device)
    tokens.index_add_(0, number, weight.sum(1))
    sequences = (tokens > 0).sum().clamp(min=1)
    if aggregation == "seq-mean-token-mean":
        weight = weight / tokens[number].clamp(min=1)[:, None]
    return weight / sequences


def aggregate(
    losses: Tensor,
    mask: Tensor,
    aggregation: Aggregation,
    *,
    sequence: Tensor | None = None,
    max_length: int | None = None,
) -> Tensor:
    """One number from token losses (N, L); see :func:`token_weights`. No tokens at all give 0."""
    weight = token_weights(mask, aggregation, sequence=sequence, max_length=max_length)
    return (torch.where(mask.bool(), losses, 0.0) * weight.to(losses.dtype)).sum()
