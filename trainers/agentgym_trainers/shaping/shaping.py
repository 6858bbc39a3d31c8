"""The base of all reward shaping: it changes the rewards before advantages are computed.

The reward of an episode changes on its last step; the rewards of other steps stay, and discounted
returns carry the change back like any final reward.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from agentgym.credit import Floats, Steps
from agentgym.parts import Part
from agentgym_trainers.credit.columns import codes, finite
from agentgym_trainers.credit.groups import first_steps


class Shaping(Part, ABC):
    """A change of the rewards."""

    @abstractmethod
    def shape(self, steps: Steps) -> Steps:
        """The same steps with another reward column; ``steps`` stays as it is."""


def on_last_step(
    group: Sequence[Hashable], trajectory: Sequence[Hashable], change: ArrayLike
) -> Floats:
    """``change`` where the step is the last of its episode, else 0; shape (N,).

    >>> on_last_step("gggg", "abab", [1, 2, 3, 4]).tolist()
    [0.0, 0.0, 3.0, 4.0]
    """
    last = first_steps(codes(group, trajectory)[::-1])[::-1]
    return np.where(last, finite("change", change, len(last)), 0.0)
