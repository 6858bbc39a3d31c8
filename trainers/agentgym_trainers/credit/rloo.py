"""RLOO: REINFORCE with a leave-one-out baseline (Ahmadian et al. 2024, arXiv 2402.14740).

    A_i = R_i - mean of R_j over j != i  =  n / (n - 1) * (R_i - mean(R))

over the n trajectories of one group. The others' mean does not depend on what trajectory i did, so
the gradient is unbiased; nothing is divided by a deviation.

``statistics = "steps"`` lets every step count, as in GRPO: n is then the number of steps, and the
others are the other steps, those of the same episode included. A penalty is subtracted from R_i for
the invalid step alone; n / (n - 1) multiplies it too, as in the published code of GiGPO.
"""

from collections.abc import Hashable, Sequence
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from agentgym.credit import Credit, Floats, Steps
from agentgym_trainers.credit.columns import codes
from agentgym_trainers.credit.groups import first_steps
from agentgym_trainers.credit.grpo import Statistics, grpo


def rloo(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    valid: ArrayLike | None = None,
    *,
    statistics: Statistics = "trajectories",
    invalid_penalty: float = 0.0,
) -> Floats:
    """Leave-one-out advantages from plain columns of N steps.

    >>> rloo(["g", "g", "g"], ["a", "b", "c"], [1.0, 0.0, 0.0]).tolist()
    [1.0, -0.5, -0.5]

    Args:
        group, trajectory, reward, valid, statistics, invalid_penalty: as in :func:`grpo`.

    Returns:
        shape (N,), float64. A constant group is exactly 0; the only episode of a group keeps its
        return, as nothing was left to compare with (verl's loop form; its vectorised form has 0).
    """
    centred = grpo(
        group,
        trajectory,
        reward,
        valid,
        normalise="mean",
        statistics=statistics,
        invalid_penalty=invalid_penalty,
    )
    episode, of = codes(group, trajectory), codes(group)
    counted = first_steps(episode) if statistics == "trajectories" else None
    n = np.bincount(of, counted)[of]
    advantages: Floats = centred * n / np.maximum(n - 1, 1)
    return advantages


class RLOO(Credit):
    """REINFORCE leave-one-out: the return of an episode against the mean of the others'."""

    name: str = "rloo"
    statistics: Statistics = "trajectories"
    """trajectories: each episode counts once in the group's mean; steps: each step counts."""
    invalid_penalty: Annotated[float, Field(ge=0)] = 0.0
    """Subtracted from the score of a step whose action was invalid."""

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`rloo`."""
        return rloo(
            steps.group,
            steps.trajectory,
            steps.reward,
            steps.valid,
            statistics=self.statistics,
            invalid_penalty=self.invalid_penalty,
        )
