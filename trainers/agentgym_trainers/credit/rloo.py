"""RLOO: REINFORCE with a leave-one-out baseline (Ahmadian et al. 2024, arXiv 2402.14740).

    A_i = R_i - mean of R_j over j != i  =  n / (n - 1) * (R_i - mean(R))

over the n trajectories of one group. The others' mean does not depend on what trajectory i did, so
the gradient is unbiased; nothing is divided by a deviation.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from agentgym.credit import Credit, Floats, Steps
from agentgym_trainers.credit.columns import codes
from agentgym_trainers.credit.groups import first_steps
from agentgym_trainers.credit.grpo import grpo


def rloo(group: Sequence[Hashable], trajectory: Sequence[Hashable], reward: ArrayLike) -> Floats:
    """Leave-one-out advantages from plain columns of N steps.

    >>> rloo(["g", "g", "g"], ["a", "b", "c"], [1.0, 0.0, 0.0]).tolist()
    [1.0, -0.5, -0.5]

    Args:
        group, trajectory, reward: as in :func:`grpo`; each trajectory counts once.

    Returns:
        shape (N,), float64. A constant group is exactly 0; the only episode of a group keeps its
        return, as nothing was left to compare with (verl's loop form; its vectorised form has 0).
    """
    of = codes(group)
    n = np.bincount(of, first_steps(codes(group, trajectory)))[of]
    centred = grpo(group, trajectory, reward, normalise="mean")
    advantages: Floats = centred * n / np.maximum(n - 1, 1)
    return advantages


class RLOO(Credit):
    """REINFORCE leave-one-out: the return of an episode against the mean of the others'."""

    name: str = "rloo"

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`rloo`."""
        return rloo(steps.group, steps.trajectory, steps.reward)
