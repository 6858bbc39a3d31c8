"""Rollouts that branch: a tree of trajectories for each group.

Some episodes start at the task's first observation. After a tool result, before the environment
sees the next action, an episode may branch: the copies share everything up to that observation and
sample new actions. A group ends with exactly ``group_size`` trajectories; when no episode is
running and some are missing, all of these start at once from the beginning.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Annotated, ClassVar, Literal

import anyio
import numpy as np
from pydantic import Field

from agentgym.context.context import Context
from agentgym.env.text_env import Task, TextEnv
from agentgym.errors import BadInput
from agentgym.policy import Policy
from agentgym.rollouts.episode import Episode, rollout
from agentgym.rollouts.workers import Workers
from agentgym.seeding import derive_seed
from agentgym.trajectory import Group, Step, Trajectory
from agentgym_trainers.rollouts.rollouts import Positive, Rollouts, Share


class Branching(Rollouts):
    """What ARPO and AEPO share: they measure uncertainty and grow the trees."""

    branches: ClassVar[bool] = True

    beam: Annotated[int, Field(ge=2)] = 2
    """Paths after a branching, the original included."""
    probability: Share = 0.5
    """Probability to branch where the entropy equals that of the first step."""
    entropy_weight: Annotated[float, Field(ge=0)] = 0.2
    """By how much a rise of the entropy raises that probability."""
    entropy_tokens: Positive = 20
    """Number of first tokens of an action whose entropies are measured."""
    entropy_of: Literal["mean", "sum"] = "mean"
    """The mean over these tokens, or, as in the published code, their sum."""
    measured: Literal["after", "before"] = "after"
    """Which action's entropy decides: the one after the tool result, as in the paper, or the one
    before it, which made the call, as in the published code."""

    @abstractmethod
    def roots(self, tree: Tree) -> int:
        """How many episodes to start from the beginning, now that none is on its way."""

    @abstractmethod
    def chance(self, tree: Tree, path: Trajectory) -> float:
        """Probability of each copy that may branch off before the last decision of a path."""

    def entropy(self, step: Step, vocabulary: int) -> float:
        """Of the first tokens of a decision, 1 for a uniform distribution (with ``mean``)."""
        first = step.entropies[: self.entropy_tokens]
        if not first:
            raise BadInput(
                f"rollouts {self.name!r} branch by entropy, and the policy reports none; with vLLM "
                "set policy.vllm.entropy_top"
            )
        total = math.fsum(first) / math.log(vocabulary)
        return total / len(first) if self.entropy_of == "mean" else total

    def rise(self, steps: Sequence[Step], vocabulary: int) -> float:
        """The entropy after the last tool result less that of the first decision."""
        last = steps[-1] if self.measured == "after" else steps[-2]
        return self.entropy(last, vocabulary) - self.entropy(steps[0], vocabulary)

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
        """See :class:`Rollouts`."""
        prefix = f"{label}/" if label else ""
        workers = Workers(
            make_env,
            policy,
            concurrency=self.concurrency,
            planned=len(tasks) * self.group_size,
            max_failures=self.max_failures,
            label=prefix,
            on_trajectory=on_trajectory,
        )
        trees = [
            Tree(self, workers, Group(id=f"{prefix}{i}/{task.id}", task=task), seed, i, context)
            for i, task in enumerate(tasks)
        ]
        await workers.play([tree.root for tree in trees for _ in range(tree.start())])
        return [tree.finished() for tree in trees]


class Tree:
    """The trajectories of a group, as far as they have come."""

    def __init__(
        self,
        rule: Branching,
        workers: Workers,
        group: Group,
        seed: int,
        place: int,
        context: Context,
    ) -> None:
        self.rule, self.workers, self.group, self.context = rule, workers, group, context
        self.seed, self.place = seed, place
        if workers.policy.renderer is None:
            raise BadInput(f"rollouts {rule.name!r} branch by entropy; this policy has no tokens")
        self.vocabulary = workers.policy.renderer.vocabulary
        self.ended: dict[int, Trajectory] = {}
        self.started = 0
        """Trajectories that have ended or are on their way."""
        self.streak: dict[str, int] = {}
        """Trajectory -> how many decisions in a row, up to its last, branched."""
        self._numbers = count()

    def start(self) -> int:
        """Count in what the rule wants to start now; returns how many."""
        missing = self.rule.group_size - self.started
        fresh = min(self.rule.roots(self), missing)
        self.started += fresh
        return fresh

    def finished(self) -> Group:
        """The group, in the order in which its trajectories began."""
        self.group.trajectories = [self.ended[number] for number in sorted(self.ended)]
        return self.group

    async def root(self, session: str) -> Trajectory:
        """Play an episode from the beginning."""
        number = next(self._numbers)
        env = await self.workers.pool.acquire()
        trajectory = await rollout(
            env,
            self.workers.policy,
            self.group.task,
            seed=derive_seed(self.seed, "env", self.place),
            sampling_seed=derive_seed(self.seed, "policy", self.place, number),
            context=self.context,
            sampling=self.rule.sampling,
            limits=self.rule.limits,
            id=f"{self.group.id}/{number}",
            group=self.group.id,
            session=session,
            on_decision=self._on_decision,
        )
        return await self._end(number, env, trajectory)

    async def _branch(self, number: int, copied: _Copy, session: str) -> Trajectory | None:
        await copied.settled.wait()
        if (episode := copied.episode) is None:
            return None
        return await self._end(number, episode.env, await episode.run(session, self._on_decision))

    async def _on_decision(self, episode: Episode) -> None:
        """After a tool result, let copies branch off as the rule and the budget allow."""
        record, index = episode.record, len(episode.record.steps) - 1
        if index <= record.branch_step:  # the start, or where this path itself branched off
            return
        random = np.random.default_rng(derive_seed(self.seed, "branch", record.id, index))
        wanted = int((random.random(self.rule.beam - 1) < self.rule.chance(self, record)).sum())
        copies = min(wanted, self.rule.group_size - self.started)
        # Before anything is waited for: others ask for the same budget, and for workers.
        self.started += copies
        streak = self.streak[record.id] = self.streak.get(record.id, 0) + 1 if copies else 0
        made = [_Copy(next(self._numbers)) for _ in range(copies)]
        taken = [self.workers.add(partial(self._branch, one.number, one)) for one in made]
        try:
            for one in made:
                name = f"{self.group.id}/{one.number}"
                self.streak[name] = streak
                seed = derive_seed(self.seed, "policy", self.place, one.number)
                one.episode = await episode.fork(name, seed)
        finally:
            for one in made:
                one.settled.set()
            self.started -= sum(one.episode is None for one in made)
        for event in taken:
            await event.wait()

    async def _end(self, number: int, env: TextEnv, trajectory: Trajectory) -> Trajectory:
        self.workers.pool.release(env, trajectory)
        self.ended[number] = trajectory
        if len(self.ended) == self.started:
            for event in [self.workers.add(self.root) for _ in range(self.start())]:
                await event.wait()
        return trajectory


@dataclass
class _Copy:
    """A path to be: its number, and the episode once the environment is forked."""

    number: int
    episode: Episode | None = None
    settled: anyio.Event = field(default_factory=anyio.Event)
    """Set when it is known whether there is an episode."""
