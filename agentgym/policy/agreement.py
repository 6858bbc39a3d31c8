"""How far the logprobs of sampled tokens may be from those of the same tokens computed again."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from agentgym.errors import Disagreement

LIMITS = {"float32": 1e-4, "float16": 0.1, "bfloat16": 0.1}
"""Mean |difference| in nats, by the lowest precision on either side. Right models give 1e-6 and up
to 0.08 (docs/models.md), wrong ones 0.3 to 5."""


def mean_difference(sampled: Sequence[float], computed: Sequence[float]) -> float:
    """Mean |ln p - ln p| of tokens, in nats; NaN counts as infinite, no tokens as 0."""
    if not len(sampled):
        return 0.0
    mean = float(np.abs(np.asarray(sampled) - np.asarray(computed)).mean())
    return math.inf if math.isnan(mean) else mean


def require_same(
    sampled: Sequence[float], computed: Sequence[float], precision: str, how: str
) -> None:
    """Check that a policy samples what its model computes.

    Args:
        sampled: ln p as they were sampled.
        computed: ln p of the same tokens from a plain forward pass.
        precision: ``float32``, ``float16`` or ``bfloat16``.
        how: they were sampled, for the message.

    Raises:
        Disagreement: the mean difference passes the limit of the precision.
    """
    difference = mean_difference(sampled, computed)
    if difference > LIMITS[precision]:
        raise Disagreement(
            f"sampled {how}, tokens have other logprobs than in the model's plain forward pass: "
            f"they differ by {difference:.2g} nats in the mean, and {LIMITS[precision]:g} is the "
            f"limit in {precision}. This model is not sampled from exactly here; `agentgym check "
            "--model FOLDER` finds out where it differs, and vLLM may serve it "
            "(--policy vllm:FOLDER, policy.engine = 'vllm')"
        )
