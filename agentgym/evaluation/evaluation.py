"""Evaluation: play tasks with a policy, and report success with intervals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from agentgym.context.context import Context
from agentgym.env.text_env import Task, TextEnv
from agentgym.errors import BadInput
from agentgym.evaluation.statistics import (
    Difference,
    Interval,
    mean_interval,
    paired_difference,
    pass_at_k,
    success_interval,
)
from agentgym.policy import Policy, Sampling
from agentgym.rollouts.collection import collect
from agentgym.rollouts.limits import Limits
from agentgym.trajectory import Trajectory, Usage


class Report(BaseModel):
    """The result of an evaluation; each :class:`Interval` is a mean with a 95% interval."""

    model_config = ConfigDict(ser_json_inf_nan="strings", use_attribute_docstrings=True)

    env: str
    policy: str
    """The policy's label."""
    split: str
    tasks: int
    episodes: int
    success: Interval
    """Share of episodes that succeeded; a failed one (error, timeout) did not."""
    reward: Interval
    """Undiscounted return."""
    pass_at_k: dict[int, Interval]
    """Probability that one of k samples succeeds, k = 1, 2, 4, ...; empty for one per task."""
    steps: float
    """Mean number per episode."""
    tokens: float
    """Sampled tokens, mean per episode."""
    invalid: float
    """Share of steps with an invalid action."""
    usage: Usage | None = None
    """Tokens and cost over all episodes, as endpoints counted them; None without endpoints."""
    stop_reasons: dict[str, int]
    failures: dict[str, int]
    """``boundary: type: message`` -> how often."""

    @classmethod
    def of(cls, trajectories: Sequence[Trajectory], *, policy: str = "", split: str = "") -> Self:
        """The report of some episodes; the split is by default that of the tasks.

        Raises:
            BadInput: there are no episodes.
        """
        if not trajectories:
            raise BadInput("there are no episodes to report on")
        won = by_task(trajectories, succeeded)
        steps = [step for t in trajectories for step in t.steps]
        failed = [t.failure for t in trajectories if t.failure]
        return cls(
            env=", ".join(sorted({t.env for t in trajectories})),
            policy=policy,
            split=split or ", ".join(sorted({t.task.split for t in trajectories})),
            tasks=len(won),
            episodes=len(trajectories),
            success=success_interval(list(won.values())),
            reward=mean_interval(list(by_task(trajectories, lambda t: t.reward).values())),
            pass_at_k=_passes(list(won.values())),
            steps=len(steps) / len(trajectories),
            tokens=float(np.mean([t.tokens for t in trajectories])),
            invalid=sum(not step.valid for step in steps) / max(1, len(steps)),
            usage=_total([step.usage for step in steps if step.usage]),
            stop_reasons=_counted([t.stop_reason.value for t in trajectories]),
            failures=_counted([f"{f.boundary}: {f.type}: {f.message}" for f in failed]),
        )


def succeeded(trajectory: Trajectory) -> bool:
    """Whether an episode counts as a success."""
    return trajectory.success and trajectory.failure is None


def by_task(
    trajectories: Sequence[Trajectory], value: Callable[[Trajectory], float]
) -> dict[str, list[float]]:
    """``value`` of each episode, by task id."""
    values: dict[str, list[float]] = {}
    for trajectory in trajectories:
        values.setdefault(trajectory.task.id, []).append(value(trajectory))
    return values


def compare(before: Sequence[Trajectory], after: Sequence[Trajectory]) -> Difference:
    """The difference of the success rates of two evaluations on the same tasks."""
    return paired_difference(by_task(before, succeeded), by_task(after, succeeded))


async def evaluate(
    make_env: Callable[[], TextEnv],
    policy: Policy,
    tasks: Sequence[Task],
    *,
    samples: int = 1,
    seed: int = 0,
    context: Context | None = None,
    sampling: Sampling | None = None,
    limits: Limits | None = None,
    concurrency: int = 64,
    on_trajectory: Callable[[Trajectory], None] | None = None,
    label: str = "",
) -> list[Trajectory]:
    """Play ``samples`` episodes of every task; :meth:`Report.of` summarises them.

    The arguments are those of :func:`agentgym.collect`. Failed episodes are part of the result; no
    number of them stops the evaluation.

    Returns:
        The episodes in the order of ``tasks``.

    Raises:
        BadInput: no tasks.
    """
    groups = await collect(
        make_env,
        policy,
        tasks,
        group_size=samples,
        seed=seed,
        context=context,
        sampling=sampling,
        limits=limits,
        concurrency=concurrency,
        max_failures=1.0,
        on_trajectory=on_trajectory,
        label=label,
    )
    return [trajectory for group in groups for trajectory in group.trajectories]


def _passes(won: Sequence[Sequence[float]]) -> dict[int, Interval]:
    """pass@k; from k = 2 each task's estimate counts as one episode, which is not too narrow."""
    least = min(map(len, won))
    if least == 1:
        return {}
    passes = {1: success_interval(won)}
    for k in (2**power for power in range(1, least.bit_length())):
        passes[k] = success_interval([[pass_at_k(len(w), int(sum(w)), k)] for w in won])
    return passes


def _total(usages: Sequence[Usage]) -> Usage | None:
    if not usages:
        return None
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cost=math.fsum(usage.cost for usage in usages),
    )


def _counted(what: Sequence[str]) -> dict[str, int]:
    return dict(Counter(what).most_common())
