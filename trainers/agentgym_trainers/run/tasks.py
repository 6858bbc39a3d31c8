"""What a run plays: the tasks of its splits, and the tools that the model is offered."""

from __future__ import annotations

from collections.abc import Sequence

from agentgym.env.registry import make
from agentgym.env.text_env import Task
from agentgym.errors import BadInput, UnknownName
from agentgym.evaluation.selection import chosen
from agentgym.tools.tool import Tool
from agentgym_trainers.config import TrainConfig


def tasks_and_tools(config: TrainConfig) -> tuple[dict[str, list[Task]], Sequence[Tool]]:
    """The tasks of the splits that the run needs, and the tools that the model is offered.

    Raises:
        UnknownName: the environment has no such split, level or the like.
        BadInput: there are no tasks, or two tools of one name.
    """
    env = make(config.env.id, **config.env.kwargs)
    tasks = {}
    try:
        for split in (config.env.train_split, config.env.test_split):
            if split not in env.splits:
                raise UnknownName(f"split of {config.env.id}", split, env.splits)
            tasks[split] = list(env.tasks(split))
            if not tasks[split]:
                raise BadInput(f"{config.env.id} has no tasks in its split {split!r}")
        tools = list(env.tools)
    finally:
        env.close()
    if config.env.tasks:
        tasks[config.env.train_split] = chosen(tasks[config.env.train_split], config.env.tasks)
    if clash := {t.name for t in tools} & {t.name for t in config.context.tools}:
        raise BadInput(
            f"{config.env.id} and context {config.context.name!r} both have a tool named "
            f"{min(clash)!r}, which would never reach the environment"
        )
    return tasks, [*tools, *config.context.tools]


def require_forks(config: TrainConfig, task: Task) -> None:
    """Check that the environment can be forked.

    Raises:
        BadInput: it cannot; the message says why.
    """
    env = make(config.env.id, **config.env.kwargs)
    try:
        env.reset(seed=0, options={"task": task})
        env.fork().close()
    except Exception as error:
        raise BadInput(
            f"rollouts {config.rollouts.name!r} branch, and {config.env.id} cannot be forked: "
            f"{type(error).__name__}: {error}. rollouts.name = 'independent' needs no forks"
        ) from error
    finally:
        env.close()
