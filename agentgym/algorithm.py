"""What an algorithm is: a frozen set of hyper-parameters and a rule that gives credit to steps.

Algorithms are found by name in the entry-point group ``agentgym.algorithms``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from agentgym.errors import UnknownName
from agentgym.trajectory import Trajectory

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Steps:
    """The steps of a batch as columns of length N; each trajectory's steps are in time order."""

    group: Sequence[Hashable]
    """Steps with the same value started from the same initial state."""
    trajectory: Sequence[Hashable]
    """Which episode the step belongs to."""
    anchor: Sequence[Hashable]
    """Identity of the state in which the step was taken."""
    reward: Floats
    """Reward of the step."""
    valid: NDArray[np.bool_]
    """Whether the environment could make an action of it."""

    def __len__(self) -> int:
        return len(self.reward)

    @classmethod
    def of(cls, trajectories: Sequence[Trajectory]) -> Steps:
        """The steps of ``trajectories``, one after the other."""
        pairs = [(t, step) for t in trajectories for step in t.steps]
        return cls(
            group=[t.group for t, _ in pairs],
            trajectory=[t.id for t, _ in pairs],
            anchor=[step.anchor for _, step in pairs],
            reward=np.array([step.reward for _, step in pairs], dtype=np.float64),
            valid=np.array([step.valid for _, step in pairs], dtype=np.bool_),
        )


class Algorithm(BaseModel, ABC):
    """Base of all algorithms; the fields of a subclass are its hyper-parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """What a config file calls it."""

    @abstractmethod
    def advantages(self, steps: Steps) -> Floats:
        """One advantage for each step, shape (N,), float64; all tokens of a step share it."""


def algorithms() -> dict[str, Any]:
    """Every installed algorithm: name -> entry point (``load()`` gives the class)."""
    return {point.name: point for point in entry_points(group="agentgym.algorithms")}


def algorithm_class(name: str) -> type[Algorithm]:
    """The class of an algorithm.

    Raises:
        UnknownName: no installed package offers it.
    """
    known = algorithms()
    if name not in known:
        raise UnknownName("algorithm", name, known)
    found: type[Algorithm] = known[name].load()
    return found
