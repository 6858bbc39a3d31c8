"""What credit is: a rule that gives each sampled step, or token, of a batch its advantage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from agentgym.numbers import number
from agentgym.parts import Part
from agentgym.trajectory import Step, Trajectory

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Need = Literal["values", "greedy", "entropies"]


@dataclass(frozen=True)
class Steps:
    """The steps of a batch as columns of length N; each trajectory's steps are in time order.

    Where trajectories share a prefix, as branches do, its steps stand here once for each of them.
    """

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
    role: Sequence[str]
    """Which of several agents acted, as ``info["role"]`` says; ``""`` where there is but one."""
    success: NDArray[np.bool_]
    """Whether the episode of the step succeeded."""
    stop: Sequence[str]
    """Why the episode of the step ended, a :class:`StopReason`."""
    calls: Integers
    """Tool calls of the step; 1 where the environment does not count them."""
    parts: Mapping[str, Floats]
    """Parts of the reward by name, as ``info["parts"]`` says; 0 where a step has none."""
    tokens: Integers
    """How many ids the step sampled; they sum to T."""
    entropy: Floats
    """Entropy in nats of each sampled token, shape (T,); 0 where the policy does not tell."""
    values: Floats
    """What a critic expects before each sampled token, shape (T,); empty without a critic."""
    greedy: Floats
    """Return of a greedy episode of the step's group; NaN where none was played."""

    def __len__(self) -> int:
        return len(self.reward)

    @classmethod
    def of(
        cls,
        trajectories: Sequence[Trajectory],
        *,
        values: Floats | None = None,
        greedy: Mapping[str, float] | None = None,
    ) -> Steps:
        """The steps of ``trajectories``, one after the other.

        Args:
            values: of a critic, shape (T,), in the same order.
            greedy: group -> return of its greedy episode.
        """
        pairs = [(t, step) for t in trajectories for step in t.steps]
        parts = [_parts(step) for _, step in pairs]
        tokens = np.array([len(step.ids) for _, step in pairs], dtype=np.int64)
        entropies = [step.entropies or [0.0] * len(step.ids) for _, step in pairs]
        return cls(
            group=[t.group for t, _ in pairs],
            trajectory=[t.id for t, _ in pairs],
            anchor=[step.anchor for _, step in pairs],
            reward=np.array([number(step.reward, "reward") for _, step in pairs]),
            valid=np.array([step.valid for _, step in pairs], dtype=np.bool_),
            role=[str(step.info.get("role", "")) for _, step in pairs],
            success=np.array([t.success for t, _ in pairs], dtype=np.bool_),
            stop=[t.stop_reason for t, _ in pairs],
            calls=np.array([n for t in trajectories for n in _calls(t)], dtype=np.int64),
            parts={
                name: np.array([told.get(name, 0.0) for told in parts])
                for name in sorted(set().union(*parts))
            },
            tokens=tokens,
            entropy=np.array([h for step in entropies for h in step], dtype=np.float64),
            values=np.zeros(0) if values is None else values,
            greedy=np.array([(greedy or {}).get(t.group, np.nan) for t, _ in pairs]),
        )


def _parts(step: Step) -> dict[str, float]:
    """A part that does not apply is None or NaN in the environment, and text in a record."""
    found = step.info.get("parts", {})
    if not isinstance(found, dict):
        return {}
    return {
        name: np.nan if value in (None, "NaN") else number(value, f"part {name!r} of the reward")
        for name, value in found.items()
    }


def _calls(trajectory: Trajectory) -> list[int]:
    """``info["tool_calls"]`` counts by outcome from the episode's start."""
    counts, so_far = [], 0
    for step in trajectory.steps:
        counted = step.info.get("tool_calls")
        if not isinstance(counted, dict):
            counts.append(1)
            continue
        total = sum(cast(dict[str, int], counted).values())
        counts.append(total - so_far)
        so_far = total
    return counts


class Credit(Part, ABC):
    """Base of all rules of credit."""

    needs: ClassVar[frozenset[Need]] = frozenset()
    """What it cannot do without: ``values`` of a critic, a ``greedy`` episode of each group, the
    ``entropies`` of sampled tokens."""
    shaped: ClassVar[bool] = True
    """Whether it reads the reward, which is what a shaping changes."""

    @abstractmethod
    def advantages(self, steps: Steps) -> Floats:
        """Advantages in float64: one for each step, shape (N,), which all of its tokens share; or
        one for each sampled token, shape (T,)."""


class ActorCritic(Credit, ABC):
    """Base of the rules that ask a critic, and say what it learns."""

    needs: ClassVar[frozenset[Need]] = frozenset({"values"})

    @abstractmethod
    def returns(self, steps: Steps) -> Floats:
        """What the critic is trained towards at each sampled token, shape (T,); NaN: nothing."""
