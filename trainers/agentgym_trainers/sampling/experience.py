"""Which tasks a training step takes, and which of their trajectories can be learnt from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from agentgym.env.registry import make
from agentgym.env.text_env import Task
from agentgym.policy import Policy
from agentgym.rollouts.collection import collect
from agentgym.seeding import derive_seed
from agentgym.trajectory import Group, Trajectory
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.credit.groups import constant


@dataclass(frozen=True)
class TaskOrder:
    """All tasks, shuffled anew each epoch; the i-th draw is a function of the seed and i."""

    tasks: Sequence[Task]
    seed: int

    def draw(self, start: int, count: int) -> list[Task]:
        """The tasks of draws ``start`` to ``start + count - 1``."""
        first, last = start // len(self.tasks), (start + count - 1) // len(self.tasks)
        drawn = [task for epoch in range(first, last + 1) for task in self._epoch(epoch)]
        offset = start - first * len(self.tasks)
        return drawn[offset : offset + count]

    def _epoch(self, epoch: int) -> list[Task]:
        random = np.random.default_rng(derive_seed(self.seed, "tasks", epoch))
        return [self.tasks[i] for i in random.permutation(len(self.tasks))]


@dataclass
class Experience:
    """What a training step learns from."""

    trained_on: list[Trajectory] = field(default_factory=list)
    """Whole groups, in order."""
    played: list[Trajectory] = field(default_factory=list)
    """Everything that was played for it, failures and dropped groups included."""
    greedy: dict[str, float] = field(default_factory=dict)
    """Group -> return of its greedy episode, where credit needs one."""
    greedy_tokens: int = 0
    """What these episodes sampled."""
    tasks_drawn: int = 0
    batches: int = 0
    seconds: float = 0.0
    """From the first prompt to the last observation."""


async def gather(
    config: TrainConfig,
    policy: Policy,
    order: TaskOrder,
    *,
    start: int,
    step: int,
    on_trajectory: Callable[[Trajectory], None] | None = None,
) -> Experience:
    """Play the groups of a training step.

    Failed trajectories are left out, and groups in which fewer than two remain, or whose greedy
    episode failed. With dynamic
    sampling (DAPO, arXiv 2503.14476, section 3.2) groups without any difference in return are left
    out too and others are played in their place; the last batch is taken as it is.

    Args:
        config: of the run.
        policy: plays.
        order: where tasks come from.
        start: how many tasks were drawn before.
        step: the training step, for seeds and names.
        on_trajectory: called as each episode ends.
    """
    experience, started = Experience(), time.perf_counter()
    wanted = config.rollouts.groups
    kept: list[Group] = []
    last = config.rollouts.dynamic_batches if config.rollouts.dynamic else 1
    while len(kept) < wanted and experience.batches < last:
        experience.batches += 1
        tasks = order.draw(start + experience.tasks_drawn, wanted)
        seed = derive_seed(config.seed, "rollouts", step, experience.batches)
        groups = await config.rollouts.gather(
            lambda: make(config.env.id, **config.env.kwargs),
            policy,
            tasks,
            seed=seed,
            context=config.context,
            on_trajectory=on_trajectory,
            label=f"{step}.{experience.batches}",
        )
        if "greedy" in config.credit.needs:
            played = await _greedy(config, policy, tasks, seed)
            both = zip(groups, played, strict=True)
            experience.greedy |= {g.id: t.reward for g, t in both if t.failure is None}
            experience.greedy_tokens += sum(t.tokens for t in played)
        experience.tasks_drawn += wanted
        for group in groups:
            experience.played += group.trajectories
            if "greedy" in config.credit.needs and group.id not in experience.greedy:
                continue
            complete = [t for t in group.trajectories if t.failure is None and t.steps]
            taken_as_is = not config.rollouts.dynamic or experience.batches == last
            returns = np.array([t.reward for t in complete])
            if len(complete) > 1 and (taken_as_is or not constant(returns)):
                kept.append(group.model_copy(update={"trajectories": complete}))
    experience.trained_on = [t for group in kept for t in group.trajectories]
    experience.seconds = time.perf_counter() - started
    return experience


async def _greedy(
    config: TrainConfig, policy: Policy, tasks: Sequence[Task], seed: int
) -> list[Trajectory]:
    """A greedy episode of each task, from the initial state of its group."""
    groups = await collect(
        lambda: make(config.env.id, **config.env.kwargs),
        policy,
        tasks,
        seed=seed,
        context=config.context,
        sampling=config.rollouts.sampling.model_copy(update={"temperature": 0.0}),
        limits=config.rollouts.limits,
        concurrency=config.rollouts.concurrency,
        max_failures=config.rollouts.max_failures,
        label="greedy",
    )
    return [group.trajectories[0] for group in groups]
