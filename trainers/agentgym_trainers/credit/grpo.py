"""GRPO: group relative policy optimisation (Shao et al. 2024, arXiv 2402.03300, section 4.1).

    A_i = (R_i - mean(R)) / (std(R) + 1e-6)        over the trajectories i of one group

R_i is the undiscounted return of an episode, and every step of the episode gets A_i. Dr. GRPO
(Liu et al. 2025, arXiv 2503.20783) is ``normalise = "mean"`` with the objective's aggregation
``seq-mean-token-sum-norm``.

A penalty p for an invalid action is subtracted from the score of that step alone, as in the
published code of GiGPO. Where it leaves the score below all that mean and std were taken of (a
later step, under ``statistics = "trajectories"``), what lies beyond the lowest of them, e <= p, is
divided by max(std, e) and not by a deviation that may be a millionth of it; see
:func:`~agentgym_trainers.credit.groups.centre`.
"""

from collections.abc import Hashable, Sequence
from typing import Annotated, Literal

from numpy.typing import ArrayLike
from pydantic import Field

from agentgym.credit import Credit, Floats, Steps
from agentgym.errors import option
from agentgym_trainers.credit.columns import codes, flags, measured
from agentgym_trainers.credit.groups import Normalise, centre, episode_sums, first_steps

Statistics = Literal["trajectories", "steps"]


def grpo(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    valid: ArrayLike | None = None,
    *,
    normalise: Normalise = "mean_std",
    statistics: Statistics = "trajectories",
    invalid_penalty: float = 0.0,
) -> Floats:
    """Episode-relative advantages from plain columns of N steps.

    >>> grpo(["g", "g", "g"], ["a", "b", "c"], [1.0, 0.0, 0.0]).round(3).tolist()
    [1.155, -0.577, -0.577]

    Args:
        group: steps of one group share the task and the initial state.
        trajectory: the episode of each step.
        reward: reward of each step.
        valid: False where the action was malformed; default: all valid.
        normalise: ``mean_std`` divides by the sample standard deviation, ``mean`` does not.
        statistics: ``trajectories`` counts each episode once in mean and deviation (by its first
            step's score); ``steps`` counts every step, so long episodes weigh more, as in the
            published code of GiGPO (``compute_mean_std_cross_steps=True``).
        invalid_penalty: subtracted from the score of an invalid step, for that step alone; under
            ``trajectories`` that of a later step adds at most -1.

    Returns:
        shape (N,), float64. A constant group is exactly 0, where "constant" means within the
        precision of the rewards' type; the only episode of a group keeps its raw score (mean 0,
        deviation 1), as in the published code.
    """
    option("statistics", statistics, Statistics)
    episode = codes(group, trajectory)
    score, error = (episode_sums(episode, x) for x in measured("reward", reward, len(episode)))
    if valid is not None:
        score = score - invalid_penalty * ~flags("valid", valid, len(episode))
    counted = first_steps(episode) if statistics == "trajectories" else None
    return centre(
        score, codes(group), normalise, counted=counted, singleton_is_zero=False, error=error
    )


class GRPO(Credit):
    """Group relative policy optimisation: the return of an episode relative to its group."""

    name: str = "grpo"
    normalise: Normalise = "mean_std"
    """mean_std divides by the group's standard deviation; mean only centres."""
    statistics: Statistics = "trajectories"
    """trajectories: each episode counts once in the group's mean; steps: each step counts."""
    invalid_penalty: Annotated[float, Field(ge=0)] = 0.0
    """Subtracted from the score of a step whose action was invalid."""

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`grpo`."""
        return grpo(
            steps.group,
            steps.trajectory,
            steps.reward,
            steps.valid,
            normalise=self.normalise,
            statistics=self.statistics,
            invalid_penalty=self.invalid_penalty,
        )
