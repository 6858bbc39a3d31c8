"""What every way of gathering a batch has: how much, how fast, within which limits."""

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
    """How experience is gathered."""

    branches: ClassVar[bool] = False
    """Whether trajectories may share a prefix; then policies must tell entropies, and
    environments must ``fork``."""

    attribution: Attribution = "soft"
    """What a shared step learns from: soft, each trajectory's advantage; hard, their mean."""
    groups: Positive = 8
    """Tasks of one training step."""
    group_size: Annotated[int, Field(ge=2)] = 8
    """Episodes of each task; one alone has nothing to be compared with."""
    concurrency: Positive = 64
    """Episodes in flight."""
    patience: Annotated[float, Field(gt=0)] = 1.0
    """Seconds that a batch of the local policy waits for a slow environment."""
    max_failures: Share = 0.2
    """Share of failed episodes that stops the run."""
    sampling: Sampling = Sampling()
    """How actions are drawn."""
    limits: Limits = Limits()
    """Steps and seconds of an episode."""
    max_staleness: Annotated[int, Field(ge=0)] = 0
    """Training steps by which sampling may run ahead of training: 0 takes turns, 1 plays the next
    batch while this one trains. Episodes are never thrown away for it."""
    dynamic: bool = False
    """Dynamic sampling (DAPO): drop groups whose returns are all equal and sample others."""
    dynamic_batches: Positive = 10
    """Most batches to draw before taking what is there."""

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
