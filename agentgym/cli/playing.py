"""Rounds of evaluation with a policy that is opened once, and a bar that says how long it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agentgym.env.text_env import Task, TextEnv
from agentgym.evaluation.evaluation import evaluate
from agentgym.policy import Sampling
from agentgym.policy.spec import Named
from agentgym.rollouts.limits import Limits
from agentgym.runtime.sync import run
from agentgym.trajectory import Trajectory


class Round(NamedTuple):
    """Tasks of one environment."""

    label: str
    make_env: Callable[[], TextEnv]
    tasks: Sequence[Task]


class Manner(NamedTuple):
    """How each of them is played."""

    samples: int
    seed: int
    sampling: Sampling
    limits: Limits
    concurrency: int


def play(named: Named, rounds: Sequence[Round], manner: Manner) -> list[list[Trajectory]]:
    """The episodes of each round."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        total = sum(len(one.tasks) for one in rounds) * manner.samples
        bar = progress.add_task(named.label, total=total)

        async def played() -> list[list[Trajectory]]:
            found = []
            async with named.open() as policy:
                for one in rounds:
                    progress.update(bar, description=f"{named.label}: {one.label}")
                    found.append(
                        await evaluate(
                            one.make_env,
                            policy,
                            one.tasks,
                            context=named.context,
                            on_trajectory=lambda _: progress.advance(bar),
                            **manner._asdict(),
                        )
                    )
            return found

        return run(played)
