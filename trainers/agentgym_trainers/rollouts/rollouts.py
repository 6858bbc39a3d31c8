"""The base of all rollouts: batch size, concurrency, limits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from agentgym.context.context import Context
from agentgym.env.text_env import Task, TextEnv
from agentgym.parts import Part
from agentgym.policy import Policy, Sampling
from agentgym.rollouts.limits import Limits
from agentgym.trajectory import Group, Trajectory

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Attribution = Literal["soft", "hard"]


class Rollouts(Part, ABC):
    """How the trajectories of a batch are made."""

    branches: ClassVar[bool] = False
    """Whether trajectories may share a prefix; then the policy must report entropies, and the
    environment must ``fork``."""

    attribution: Attribution = "soft"
    """Advantage of a step that trajectories share. soft: each trajectory's; hard: their mean."""
    groups: Positive = 8
    """Groups in one training step: one task each."""
    group_size: Annotated[int, Field(ge=2)] = 8
    """Episodes in a group; credit compares them with each other."""
    concurrency: Positive = 64
    """Episodes played concurrently."""
    patience: Annotated[float, Field(gt=0)] = 1.0
    """Seconds that the local policy waits for slow environments before it runs a batch."""
    max_failures: Share = 0.2
    """The run stops when a larger share of the episodes fails (errors, timeouts)."""
    sampling: Sampling = Sampling()
    """How the policy samples actions."""
    limits: Limits = Limits()
    """Limits of an episode."""
    max_staleness: Annotated[int, Field(ge=0)] = 0
    """Training steps that sampling may run ahead of training. 0: they alternate; 1: the next batch
    is sampled while this one trains. No episode is discarded for its age."""
    dynamic: bool = False
    """Dynamic sampling (DAPO): drop groups whose returns are all equal and sample others."""
    dynamic_batches: Positive = 10
    """With dynamic sampling: use the last batch as it is after this many batches."""

    @field_validator("sampling")
    @classmethod
    def _whole_distribution(cls, sampling: Sampling) -> Sampling:
        if sampling.temperature == 0 or sampling.top_p < 1 or sampling.top_k:
            raise ValueError(
                "training samples from the whole distribution: temperature > 0, top_p = 1, "
                "top_k = 0 (evaluation.sampling is free)"
            )
        return sampling

    @abstractmethod
    async def gather(
        self,
        make_env: Callable[[], TextEnv],
        policy: Policy,
        tasks: Sequence[Task],
        *,
        seed: int,
        context: Context,
        on_trajectory: Callable[[Trajectory], None] | None = None,
        label: str = "",
    ) -> list[Group]:
        """Play a group for each task; the arguments are those of :func:`agentgym.collect`."""
