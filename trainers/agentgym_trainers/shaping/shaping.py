"""What every shaping is: a change of the reward column before credit is given.

The reward of an episode changes on its last step, so what the environment said of the others
stays, and discounted returns carry the change back as they carry any outcome.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from agentgym.credit import Floats, Steps
from agentgym.parts import Part
from agentgym_trainers.credit.groups import codes, finite, first_steps


class Shaping(Part, ABC):
    """Base of all shapings."""

    @abstractmethod
    def shape(self, steps: Steps) -> Steps:
        """The same steps with another reward column; ``steps`` stays as it is."""


def episode_sum(
    group: Sequence[Hashable], trajectory: Sequence[Hashable], values: ArrayLike
) -> Floats:
    """The sum of ``values`` over the episode of each step, shape (N,).

    >>> episode_sum("gggg", "aabb", [1, 2, 3, 4]).tolist()
    [3.0, 3.0, 7.0, 7.0]
    """
    numbers = finite("values", values)
    episode = codes(group, trajectory)
    total: Floats = np.bincount(episode, numbers)[episode].astype(np.float64)
    return total


def on_last_step(
    group: Sequence[Hashable], trajectory: Sequence[Hashable], change: ArrayLike
) -> Floats:
    """``change`` where the step is the last of its episode, else 0; shape (N,).

    >>> on_last_step("gggg", "abab", [1, 2, 3, 4]).tolist()
    [0.0, 0.0, 3.0, 4.0]
    """
    last = first_steps(codes(group, trajectory)[::-1])[::-1]
    return np.where(last, finite("change", change), 0.0)
