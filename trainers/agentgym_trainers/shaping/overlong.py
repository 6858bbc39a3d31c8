"""Soft overlong penalty (DAPO: Yu et al. 2025, arXiv 2503.14476, eq. 13).

    R' = R + factor * clip((max_tokens - buffer - length) / buffer, -1, 0)

length is what the policy sampled in the episode; observations do not count. Up to
max_tokens - buffer nothing happens, from there the penalty grows linearly to its full size at
max_tokens. So a response that is only long differs from one that is wrong.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Annotated, Self

from numpy.typing import ArrayLike
from pydantic import Field, model_validator

from agentgym.credit import Floats, Steps
from agentgym_trainers.credit.columns import codes, counts
from agentgym_trainers.credit.groups import episode_sums
from agentgym_trainers.shaping.shaping import Shaping, on_last_step


def overlong(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    tokens: ArrayLike,
    *,
    max_tokens: int = 20480,
    buffer: int = 4096,
    factor: float = 1.0,
) -> Floats:
    """The penalty of the episode of each step, from plain columns of N steps.

    >>> overlong("gggg", "aabc", [40, 40, 90, 150], max_tokens=100, buffer=20).tolist()
    [0.0, 0.0, -0.5, -1.0]

    Args:
        group, trajectory: as in :func:`agentgym_trainers.credit.grpo.grpo`.
        tokens: how many ids each step sampled.
        max_tokens: the length at which the penalty is full.
        buffer: the number of tokens over which it grows.
        factor: the full penalty.

    Returns:
        shape (N,), in [-factor, 0].
    """
    episode = codes(group, trajectory)
    length = episode_sums(episode, counts("tokens", tokens, len(episode)))
    return factor * ((max_tokens - buffer - length) / buffer).clip(-1, 0)


class Overlong(Shaping):
    """A penalty for long episodes that grows linearly."""

    name: str = "overlong"
    max_tokens: Annotated[int, Field(ge=1)] = 20480
    """Sampled tokens of an episode at which the penalty is full."""
    buffer: Annotated[int, Field(ge=1)] = 4096
    """The number of tokens before max_tokens over which the penalty grows."""
    factor: Annotated[float, Field(ge=0)] = 1.0
    """The full penalty."""

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if self.buffer > self.max_tokens:
            raise ValueError(
                f"buffer = {self.buffer} is more than max_tokens = {self.max_tokens}: "
                "an episode of no tokens would get a penalty"
            )
        return self

    def shape(self, steps: Steps) -> Steps:
        """See :func:`overlong`."""
        penalty = overlong(
            steps.group,
            steps.trajectory,
            steps.tokens,
            max_tokens=self.max_tokens,
            buffer=self.buffer,
            factor=self.factor,
        )
        added = on_last_step(steps.group, steps.trajectory, penalty)
        return replace(steps, reward=steps.reward + added)
