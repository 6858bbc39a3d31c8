"""The mismatch between the policy that sampled and the one that is trained, and its correction.

An engine gives a sampled token another logprob than the trainer does with the same weights (other
kernels, other precision), or sampled it with older weights. With d = ln p_old - ln p_sampled, where
p_old is the trainer's own probability before the step's first update:

    w = exp(clamp(d, -20, 20))                              of a token
    w = exp(clamp(sum d over the trajectory, -20, 20))      of a sequence
    truncated:  clamp(w, low, high)                         TIS (Yao et al. 2025)
    masked:     w where low <= w <= high, else no loss      MIS (Liu, Li et al. 2025)
    normalise:  w / mean of w                               self-normalised importance sampling

The clipped surrogate is then taken at p_new / p_old and multiplied by w after clipping (decoupled
PPO: Hilton et al. 2021, 2110.00641); w has no gradient. A sequence is every token that the policy
sampled in one trajectory, in however many rows they are trained: what the environment wrote has
the same probability under both policies and drops out of the product.

That mean is over all sampled tokens of the batch, at the level of a sequence over its trajectories,
each of which counts once, as in verl's code. Masked weights are zeros in it, so where losses are
averaged over tokens the result is sum w l / sum w; rejected tokens are in it like the others.

A weight or divergence that is at a bound up to a few roundings of the logprobs, which are float32,
is within it: the exponential of a difference of logarithms is hardly ever exactly 2.

A token without loss still counts where losses are averaged, as in TRL (verl takes it out of the
mean): rejecting some tokens must not make the step of the others larger.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from agentgym.config import SETTINGS
from agentgym_trainers.objectives.divergence import LARGEST_LOG_RATIO, KLForm

if TYPE_CHECKING:
    from torch import Tensor

Reduction = Literal["sum", "mean", "amax"]
ROUNDINGS = 4
"""How many roundings a log-ratio may be off, where it is compared with a bound."""


class Rejection(BaseModel):
    """A bound on the divergence of the two policies; tokens beyond it have no loss."""

    model_config = SETTINGS

    estimator: KLForm = "k3"
    """k1 = -d, abs = |d|, k2 = d^2 / 2, k3 = exp(d) - 1 - d: all of KL(sampling, training)."""
    over: Literal["token", "sum", "mean", "max"] = "token"
    """The value that is compared: each token's own, or the sum, mean or maximum over a trajectory,
    which is then kept or rejected as a whole."""
    low: float | None = None
    """Lower bound in nats, for k1, the only one with a sign: -ln of the largest ratio w."""
    high: float | None = None
    """Upper bound in nats; for k1, -ln of the smallest ratio w."""

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("a rejection needs a bound: high, or low for the estimator k1")
        if self.high is not None and self.high <= 0 and self.estimator != "k1":
            raise ValueError(
                f"high = {self.high} rejects everything: {self.estimator} is never negative"
            )
        if self.low is not None and (self.estimator != "k1" or self.over == "max"):
            raise ValueError(
                f"low has no meaning for {self.estimator} over {self.over}: only k1 of a token, "
                "or its sum or mean, can be too small; use estimator = 'abs' for both sides"
            )
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low = {self.low} is not below high = {self.high}")
        return self


class Correction(BaseModel):
    """The correction of the difference between the sampling and the trained policy."""

    model_config = SETTINGS

    old: Literal["sampled", "recomputed"] = "sampled"
    """The old logprobs in the surrogate's ratio: sampled, as the sampler reported them, or
    recomputed by the trainer in one more forward pass before the first update."""
    weights: Literal["none", "truncated", "masked"] = "none"
    """Importance weights that multiply the losses; they need old = "recomputed"."""
    level: Literal["token", "sequence"] = "token"
    """token: one weight per token; sequence: one for all sampled tokens of a trajectory."""
    low: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The smallest weight. truncated: smaller ones are raised to it; masked: their tokens have no
    loss."""
    high: Annotated[float, Field(ge=1)] = 2.0
    """The largest weight. truncated: larger ones are cut; masked: those tokens have no loss."""
    normalise: bool = False
    """Divide the weights by their mean over the batch (self-normalised importance sampling)."""
    reject: tuple[Rejection, ...] = ()
    """Bounds on the divergence; a token has a loss only within all of them."""

    @model_validator(mode="after")
    def _difference_counts_once(self) -> Self:
        if self.old == "sampled" and self.weights != "none":
            raise ValueError(
                "with old = 'sampled' the ratio of the surrogate is p_new / p_sampled and contains "
                f"the difference of the policies already; weights = {self.weights!r} would count "
                "it twice. Set old = 'recomputed', or weights = 'none'"
            )
        if self.normalise and self.weights == "none":
            raise ValueError("normalise divides weights by their mean; weights = 'none' has none")
        return self

    @property
    def needs_recomputed(self) -> bool:
        """Whether the trainer's own logprobs are needed before the first update."""
        return self.old == "recomputed" or bool(self.reject)


def importance(log_ratio: Tensor, sequence: Tensor, settings: Correction) -> Tensor:
    """What each token's loss is multiplied by.

    Args:
        log_ratio: d = ln p_old - ln p_sampled of the T sampled tokens of a batch, shape (T,).
        sequence: the trajectory of each, shape (T,).

    Returns:
        shape (T,), float64, without gradient; 0 where the token is rejected, else positive.
    """
    import torch  # noqa: PLC0415  the settings are read without it

    d = log_ratio.detach().double()
    rounding = ROUNDINGS * max(torch.finfo(x).eps for x in (log_ratio.dtype, torch.float32))
    weight = d.new_ones(d.shape)
    if settings.weights != "none":
        whole = d if settings.level == "token" else over_sequence(d, sequence, "sum")
        raw = whole.clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO).exp()
        weight = raw.clamp(settings.low, settings.high)
        if settings.weights == "masked":
            size = d.abs() if settings.level == "token" else over_sequence(d.abs(), sequence, "sum")
            slack = (raw * rounding * (1 + size)).where(size.isfinite(), 0.0)
            weight = weight.where((weight - raw).abs() <= slack, 0.0)
        if settings.normalise:
            weight = _over_its_mean(weight, sequence, settings.level)
    for bound in settings.reject:
        value = divergence(d, bound.estimator)
        size = value.abs()
        if bound.over != "token":
            reduction: Reduction = "amax" if bound.over == "max" else bound.over
            value, size = (over_sequence(x, sequence, reduction) for x in (value, size))
        low = -math.inf if bound.low is None else bound.low
        high = math.inf if bound.high is None else bound.high
        slack = (rounding * size).where(size.isfinite(), 0.0)
        weight = weight.where((value >= low - slack) & (value <= high + slack), 0.0)
    return weight


def _over_its_mean(weight: Tensor, sequence: Tensor, level: Literal["token", "sequence"]) -> Tensor:
    """``weight`` divided by its mean over all tokens, or over all trajectories."""
    times = weight.new_ones(weight.shape)
    if level == "sequence":
        times = times / over_sequence(times, sequence, "sum")
    total = (weight * times).sum()
    return weight * times.sum() / total if total > 0 else weight


def divergence(log_ratio: Tensor, estimator: KLForm) -> Tensor:
    """Estimate KL(sampling, training) at each sampled token from d = ln p_old - ln p_sampled.

    Mind the sign: k1 = -d is positive where the sampling policy was the more certain of the two.
    """
    match estimator:
        case "k1":
            return -log_ratio
        case "abs":
            return log_ratio.abs()
        case "k2":
            return 0.5 * log_ratio**2
        case "k3":
            d = log_ratio.clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
            return d.expm1() - d


def over_sequence(values: Tensor, sequence: Tensor, reduction: Reduction) -> Tensor:
    """Give each token the reduction over all tokens of its sequence; shapes (T,) -> (T,)."""
    import torch  # noqa: PLC0415  the settings are read without it

    names, number = torch.unique(sequence, return_inverse=True)
    reduced = values.new_zeros(len(names))
    return reduced.scatter_reduce(0, number, values, reduction, include_self=False)[number]


def mismatch(log_ratio: Tensor) -> dict[str, float]:
    """How far training and sampling policy are apart, from d of the sampled tokens, shape (T,).

    ``mismatch``, ``mismatch_p99`` and ``mismatch_max`` are of |d|; ``mismatch_k1`` and
    ``mismatch_k3`` are means of the estimates of KL(sampling, training). In nats; no tokens give 0.
    """
    d = log_ratio.detach().double()
    if not len(d):
        d = d.new_zeros(1)
    size = d.abs()
    return {
        "mismatch": size.mean().item(),
        "mismatch_p99": size.kthvalue(math.ceil(0.99 * len(size))).values.item(),
        "mismatch_max": size.max().item(),
        "mismatch_k1": divergence(d, "k1").mean().item(),
        "mismatch_k3": divergence(d, "k3").mean().item(),
    }


def effect(weight: Tensor, sequence: Tensor) -> dict[str, float]:
    """What the correction did, from the weights of the sampled tokens, shape (T,).

    ``rejected`` is the share of tokens without loss, ``rejected_trajectories`` that of trajectories
    with none left, ``importance`` the mean weight (0 where rejected), and ``effective_tokens`` the
    effective sample size (sum w)^2 / sum w^2 as a share of the tokens. No tokens give 0.
    """
    import torch  # noqa: PLC0415  the settings are read without it

    tokens, gone = max(1, len(weight)), weight == 0
    trajectories, left = len(torch.unique(sequence)), len(torch.unique(sequence[~gone]))
    total, squares = weight.sum().item(), weight.square().sum().item()
    return {
        "rejected": gone.sum().item() / tokens,
        "rejected_trajectories": 1 - left / trajectories if trajectories else 0.0,
        "importance": total / tokens,
        "effective_tokens": total**2 / squares / tokens if squares else 0.0,
    }
