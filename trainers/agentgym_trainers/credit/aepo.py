"""AEPO's credit: entropy-aware advantages (Dong et al. 2025, arXiv 2510.14545).

    A'_t = A * max(0, 1 + a * z_t),     z_t = (H_t - mean(H)) / std(H)

A is GRPO's advantage of the episode, H_t the policy's entropy at a sampled token, mean and std are
over all sampled tokens of the batch. Tokens at which the policy was uncertain get larger
advantages of either sign, because another choice was likely there.

Where the published code differs: its statistics are over a micro-batch, so that the result depends
on how the batch is cut; it lets a low entropy (z < -1/a) change the sign of an advantage; and its
settings never compute the entropy, so that the term has no effect. Its entropy is the policy's
during the update, here it is that of sampling, the same before the first update.
"""

from collections.abc import Hashable, Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from agentgym.credit import Credit, Floats, Need, Steps
from agentgym_trainers.credit.columns import counts, measured
from agentgym_trainers.credit.groups import Normalise, whiten
from agentgym_trainers.credit.grpo import Statistics, grpo


def entropy_factor(entropy: Floats, weight: float, error: float = 0.0) -> Floats:
    """max(0, 1 + weight * z) of each sampled token; 1 where all entropies are the same.

    Args:
        entropy: in nats, shape (T,).
        weight: a.
        error: how far any entropy may be off.

    Returns:
        shape (T,).
    """
    return np.maximum(0.0, 1 + weight * whiten(entropy, error=error))


def aepo(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    tokens: ArrayLike,
    entropy: ArrayLike,
    *,
    entropy_weight: float = 0.2,
    normalise: Normalise = "mean_std",
    statistics: Statistics = "trajectories",
) -> Floats:
    """Entropy-aware advantages of tokens, from plain columns of N steps that sampled T tokens.

    >>> aepo("gg", "ab", [1.0, 0.0], [2, 1], [0.0, 1.0, 2.0]).round(4).tolist()
    [0.5657, 0.7071, -0.8485]

    Args:
        group, trajectory, reward, normalise, statistics: as in :func:`grpo`.
        tokens: how many tokens each step sampled.
        entropy: of the policy at each sampled token, shape (T,); equal ones leave GRPO.
        entropy_weight: a; 0 leaves GRPO. No token's advantage changes its sign, whatever a is.

    Returns:
        shape (T,), float64.
    """
    advantages = grpo(group, trajectory, reward, normalise=normalise, statistics=statistics)
    sampled = counts("tokens", tokens, len(advantages))
    wavering, error = measured("entropy", entropy, int(sampled.sum()), "sampled token")
    factor = entropy_factor(wavering, entropy_weight, error.max(initial=0))
    return np.repeat(advantages, sampled) * factor


class AEPO(Credit):
    """GRPO with larger advantages at tokens where the policy was uncertain."""

    needs: ClassVar[frozenset[Need]] = frozenset({"entropies"})
    name: str = "aepo"
    entropy_weight: Annotated[float, Field(ge=0)] = 0.2
    """By how much one standard deviation of entropy raises the advantage."""
    normalise: Normalise = "mean_std"
    """mean_std divides by the group's standard deviation; mean only centres."""
    statistics: Statistics = "trajectories"
    """trajectories: each episode counts once in the group's mean; steps: each step counts."""

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`aepo`."""
        return aepo(
            steps.group,
            steps.trajectory,
            steps.reward,
            steps.tokens,
            steps.entropy,
            entropy_weight=self.entropy_weight,
            normalise=self.normalise,
            statistics=self.statistics,
        )
