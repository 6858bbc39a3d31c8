"""The penalty of memory as action for a full context (Zhang et al. 2025, arXiv 2510.12635).

    R' = R - penalty     where the episode ended because its next prompt left no room to answer

It teaches the agent to edit its context: without the penalty an episode that filled its context
is as good as one that gave a wrong answer.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from agentgym.credit import Floats, Steps
from agentgym.trajectory import StopReason
from agentgym_trainers.shaping.shaping import Shaping, on_last_step


def context_limit(stop: Sequence[str], *, penalty: float = 0.1) -> Floats:
    """The change of the episode of each step, from why it ended (a :class:`StopReason`).

    >>> context_limit(["terminated", "context"]).tolist()
    [0.0, -0.1]
    """
    return np.array([-penalty if why == StopReason.CONTEXT else 0.0 for why in stop])


class ContextLimit(Shaping):
    """A penalty for episodes that ended because their context was full."""

    name: str = "context_limit"
    penalty: Annotated[float, Field(ge=0)] = 0.1
    """Subtracted from the reward of such an episode."""

    def shape(self, steps: Steps) -> Steps:
        """See :func:`context_limit`."""
        change = context_limit(steps.stop, penalty=self.penalty)
        added = on_last_step(steps.group, steps.trajectory, change)
        return replace(steps, reward=steps.reward + added)
