"""Estimates of a divergence between two policies from the tokens that one of them sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from agentgym.errors import option

if TYPE_CHECKING:
    from torch import Tensor

KLForm = Literal["k1", "k2", "k3", "abs"]
LARGEST_LOG_RATIO = 20.0
LARGEST_KL = 10.0


def kl(new: Tensor, reference: Tensor, form: KLForm) -> Tensor:
    """Estimate KL(new || reference) at each sampled token (Schulman 2020, "Approximating KL").

    k1 = new - ref;  k2 = (new - ref)^2 / 2;  k3 = exp(ref - new) - (ref - new) - 1.
    As a loss, k1 has an expected gradient of zero; k3 is clamped to 10 and has none beyond.
    """
    option("KL form", form, KLForm)
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
