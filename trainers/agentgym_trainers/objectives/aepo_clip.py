"""The clip of AEPO: entropy-balanced policy optimisation (Dong et al. 2025, arXiv 2510.14545).

    clip(r, 1 - low, (1 + high) r / sg(r)),  sg = stop-gradient, with the dual clip of PPO

Only the upper bound keeps its gradient, which is then (1 + high) A for a praised token, however far
it has risen: that is CE-GPPO with beta1 = 0 and beta2 = 1, of which it is a name and its numbers.
It holds for all tokens; those of high entropy, for which it is meant, are where ratios are large.
The blamed tokens below the lower bound have the loss 0 here and 1 - low in PPO, both without a
gradient.
"""

from typing import Annotated

from pydantic import Field

from agentgym_trainers.objectives.ce_gppo import CEGPPO


class AEPOClip(CEGPPO):
    """Entropy-balanced clipping: praised tokens keep their gradient above the upper bound."""

    name: str = "aepo_clip"
    beta1: Annotated[float, Field(ge=0)] = 0.0
    """Share of the gradient that blamed tokens keep below the lower bound."""
    dual_clip: Annotated[float, Field(gt=1)] | None = 3.0
    """Bound on the loss of a token with negative advantage, in multiples of it; None: no bound."""
