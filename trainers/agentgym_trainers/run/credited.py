"""From trajectories to rows with advantages: values, shaping, credit, in this order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from agentgym.credit import ActorCritic, Floats, Steps
from agentgym.trajectory import Trajectory
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.learner.critic import Critic
from agentgym_trainers.learner.rows import Row, rows_of


@dataclass(frozen=True)
class Credited:
    """What the learner gets, and what is known about it."""

    rows: list[Row]
    advantages: Floats
    measured: dict[str, float] = field(default_factory=dict)
    replayed: int = 0
    """Trajectories of earlier training steps, which older weights sampled."""


def credited(
    config: TrainConfig,
    trajectories: Sequence[Trajectory],
    *,
    greedy: Mapping[str, float],
    critic: Critic | None,
) -> Credited:
    """Give credit; a critic is asked first, and then learns from the same batch.

    Args:
        config: of the run.
        trajectories: whole groups, in order.
        greedy: group -> return of its greedy episode.
        critic: where the rule of credit needs one.
    """
    steps = Steps.of(trajectories, greedy=greedy)
    tokens = steps.tokens.tolist()
    if critic is not None:
        blank = rows_of(trajectories, np.zeros(len(steps)))
        values = critic.values(blank, tokens)
        steps = Steps.of(trajectories, values=values, greedy=greedy)
    for shaping in config.shaping:
        steps = shaping.shape(steps)
    advantages = config.credit.advantages(steps)
    rows = rows_of(trajectories, advantages)
    if critic is None or not isinstance(config.credit, ActorCritic):
        return Credited(rows, advantages)
    loss = critic.learn(rows, config.credit.returns(steps), tokens)
    return Credited(rows, advantages, {"critic/loss": loss, "critic/value": float(values.mean())})
