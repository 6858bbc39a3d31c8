"""Dr. MAS: agent-wise normalisation for several agents (Feng et al. 2026, arXiv 2602.08847).

    A = (R - mean_{g,a}(R)) / (std_{g,a}(R) + 1e-6)     over the steps of agent a in group g

R is the return of the episode that all its agents share. Agents that act at different times see
different distributions of it; one baseline for all of them is wrong for each and lets the gradient
of a rarely used one explode.

In the published code an agent that acted once in a whole group gets the raw return as advantage,
the rule of GRPO for a group of one. There a group of one is an accident, here it is what happens
to the rarely used agent; so it gets 0, unless ``raw_singletons``.
"""

from collections.abc import Hashable, Sequence
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from agentgym.credit import Credit, Floats, Steps
from agentgym.errors import option
from agentgym_trainers.credit.columns import codes, flags, measured
from agentgym_trainers.credit.groups import (
    Normalise,
    centre,
    episode_sums,
    first_steps,
)
from agentgym_trainers.credit.grpo import Statistics


def dr_mas(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    role: Sequence[Hashable],
    reward: ArrayLike,
    valid: ArrayLike | None = None,
    *,
    normalise: Normalise = "mean_std",
    statistics: Statistics = "steps",
    invalid_penalty: float = 0.1,
    raw_singletons: bool = False,
) -> Floats:
    """Agent-wise advantages from plain columns of N steps.

    >>> dr_mas("gggg", "aabb", ["plan", "act"] * 2, [0.0, 1.0, 0.0, 0.0],
    ...        normalise="mean").tolist()
    [0.5, 0.5, -0.5, -0.5]

    Args:
        group, trajectory, reward, valid, normalise, invalid_penalty: as in :func:`grpo`.
        role: which agent took each step.
        statistics: ``steps`` counts each step of an agent, as published; ``trajectories`` gives
            all steps of an agent in an episode the mean of their scores, which counts once.
        raw_singletons: what counts once for its agent and group keeps its score, as published.

    Returns:
        shape (N,), float64; exactly 0 for an agent whose scores in the group are all the same.
    """
    option("statistics", statistics, Statistics)
    episode, agent = codes(group, trajectory), codes(group, role)
    score, error = (episode_sums(episode, x) for x in measured("reward", reward, len(episode)))
    if valid is not None:
        score = score - invalid_penalty * ~flags("valid", valid, len(episode))
    counted = None
    if statistics == "trajectories":
        part = codes(group, trajectory, role)
        score = episode_sums(part, score) / np.bincount(part)[part]
        counted = first_steps(part)
    return centre(
        score,
        agent,
        normalise,
        counted=counted,
        singleton_is_zero=not raw_singletons,
        error=error,
    )


class DrMAS(Credit):
    """GRPO for several agents: each agent is normalised over its own steps."""

    name: str = "dr_mas"
    normalise: Normalise = "mean_std"
    """mean_std divides by the agent's standard deviation in the group; mean only centres."""
    statistics: Statistics = "steps"
    """steps: each step counts in the agent's mean; trajectories: each episode counts once."""
    invalid_penalty: Annotated[float, Field(ge=0)] = 0.1
    """Subtracted from the score of a step whose action was invalid."""
    raw_singletons: bool = False
    """What the only step of an agent in a group gets. true: its score, as published; false: 0."""

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`dr_mas`."""
        return dr_mas(
            steps.group,
            steps.trajectory,
            steps.role,
            steps.reward,
            steps.valid,
            normalise=self.normalise,
            statistics=self.statistics,
            invalid_penalty=self.invalid_penalty,
            raw_singletons=self.raw_singletons,
        )
