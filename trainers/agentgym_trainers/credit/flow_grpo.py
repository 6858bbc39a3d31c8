"""Flow-GRPO: flow-based group refined policy optimisation (Li et al. 2025, arXiv 2510.05592).

    A_{i,t} = (R_i - mean(R)) / (std(R) + 1e-6)      for every turn t of trajectory i

Every turn of AgentFlow's planner gets the reward of the final outcome, and each turn, with the
memory it was shown, is a separate prompt and response. So the advantage is GRPO's; the method
is that broadcast, a context that is rebuilt every turn, and an environment whose other modules
(executor, verifier, generator) are not trained.

In the paper mean and std are over the group's trajectories. The published code takes them over
turns, so that long trajectories weigh more: ``statistics = "steps"``. (It also rounds rewards to
bfloat16, which is exact for 0 and 1 only.)
"""

from collections.abc import Hashable, Sequence

from numpy.typing import ArrayLike

from agentgym.credit import Credit, Floats, Steps
from agentgym_trainers.credit.grpo import Statistics, grpo


def flow_grpo(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    *,
    statistics: Statistics = "trajectories",
) -> Floats:
    """The outcome of an episode against its group's, for every turn; plain columns of N steps.

    >>> flow_grpo("ggg", "aab", [0, 1, 0]).round(4).tolist()
    [0.7071, 0.7071, -0.7071]
    >>> flow_grpo("ggg", "aab", [0, 1, 0], statistics="steps").round(4).tolist()
    [0.5773, 0.5773, -1.1547]

    Args:
        group, trajectory, reward: as in :func:`grpo`; the verdict is the reward of the last turn.
        statistics: ``trajectories`` as in the paper, ``steps`` as in the published code.

    Returns:
        shape (N,), float64. A constant group is exactly 0; the only episode of a group keeps its
        score, as in :func:`grpo`.
    """
    return grpo(group, trajectory, reward, statistics=statistics)


class FlowGRPO(Credit):
    """GRPO's advantage of the episode, given to every turn."""

    name: str = "flow_grpo"
    statistics: Statistics = "trajectories"
    """trajectories: each episode counts once in the group's mean; steps: each turn counts."""

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`flow_grpo`."""
        return flow_grpo(steps.group, steps.trajectory, steps.reward, statistics=self.statistics)
