"""The clip of AEPO: entropy-balanced policy optimisation (Dong et al. 2025, arXiv 2510.14545).

    clip(r, 1 - low, (1 + high) r / sg(r)),  sg = stop-gradient, with the dual clip of PPO

Only the upper bound keeps its gradient, which is then (1 + high) A for a token with A > 0,
however far it has risen: this is CE-GPPO with beta1 = 0 and beta2 = 1.
It applies to all tokens; it is meant for those of high entropy, where ratios are large. Tokens with
A < 0 below the lower bound have the loss 0 here and 1 - low in PPO, both without a gradient.
"""

from typing import Annotated

from pydantic import Field

from agentgym_trainers.objectives.ce_gppo import CEGPPO


class AEPOClip(CEGPPO):
    """Entropy-balanced clipping: tokens with A > 0 keep their gradient above the upper bound."""

    name: str = "aepo_clip"
    beta1: Annotated[float, Field(ge=0)] = 0.0
    """Share of the gradient that tokens with A < 0 keep below the lower bound."""
    dual_clip: Annotated[float, Field(gt=1)] | None = 3.0
    """Where A < 0, the loss is at most dual_clip * abs(A); None: no bound."""
