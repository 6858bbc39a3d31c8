"""Success replay: a task that nobody solves is shown one of its former solutions.

Of ARPO for GUI agents (Lu et al. 2025, arXiv 2505.16282; not the ARPO that branches). Where all
episodes of a group fail, GRPO has nothing to learn. If the task was solved in an earlier training
step, one of those episodes takes the place of the group's first.

The published code recomputes the replayed logprobs, so that the old episode passes for a new one.
Here its ratio is against the weights that sampled it, and clipping bounds what it may do;
``correction.old = "recomputed"`` is the published way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from agentgym.config import SETTINGS
from agentgym.seeding import derive_seed
from agentgym.trajectory import Trajectory


class SuccessReplay(BaseModel):
    """When a group has failed, and how many successes to store."""

    model_config = SETTINGS

    kept: Annotated[int, Field(ge=1)] = 8
    """Successes stored per task; the oldest is dropped first."""
    success: float = 0.1
    """An episode is a success if its return is above this."""
    failed_mean: float = 0.2
    """A group has failed if the mean of its returns is below this ..."""
    failed_spread: float = 0.05
    """... and their (population) standard deviation below this."""


class Successes:
    """The successes of earlier training steps, by task."""

    def __init__(self, settings: SuccessReplay) -> None:
        self.settings = settings
        self.by_task: dict[str, list[Trajectory]] = {}

    def remember(self, played: Iterable[Trajectory]) -> None:
        """Keep what was played in a training step; call it after that step's :meth:`shown`."""
        for trajectory in played:
            if trajectory.failure is None and trajectory.reward > self.settings.success:
                kept = self.by_task.setdefault(trajectory.task.id, [])
                kept.append(trajectory)
                del kept[: -self.settings.kept]

    def shown(self, group: Sequence[Trajectory], seed: int) -> list[Trajectory]:
        """The group, in which a former success is the first if all have failed."""
        returns = np.array([trajectory.reward for trajectory in group])
        failed = returns.std() < self.settings.failed_spread
        kept = self.by_task.get(group[0].task.id)
        if not kept or not failed or returns.mean() >= self.settings.failed_mean:
            return list(group)
        first = group[0]
        drawn = kept[int(np.random.default_rng(derive_seed(seed, first.group)).integers(len(kept)))]
        names = {"id": f"{first.group}/replayed", "group": first.group}
        return [drawn.model_copy(update=names), *group[1:]]
