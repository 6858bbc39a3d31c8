"""A run in progress, and how it is opened: from its newest whole checkpoint, or from the start."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentgym.env import Task
from agentgym.errors import BadInput, UnknownName
from agentgym.registry import make
from agentgym.tooling import Tool
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.engine import checkpoint
from agentgym_trainers.engine.experience import TaskOrder
from agentgym_trainers.engine.held_out import forget_after
from agentgym_trainers.engine.learner import Learner
from agentgym_trainers.engine.metrics import Metrics
from agentgym_trainers.engine.progress import Display
from agentgym_trainers.engine.run_folder import record, require_same
from agentgym_trainers.engine.sampler import Sampler, sampler
from agentgym_trainers.engine.start import load, start


@dataclass
class Run:
    """A run in progress."""

    config: TrainConfig
    folder: Path
    display: Display
    order: TaskOrder
    held_out: list[Task]
    learner: Learner
    tokenizer: Any
    sampler: Sampler
    state: checkpoint.State
    metrics: Metrics
    step_ended: float = field(default_factory=time.perf_counter)

    def save(self) -> None:
        """Write a checkpoint."""
        checkpoint.save(
            self.folder / "checkpoints",
            self.learner.model,
            self.tokenizer,
            self.learner.optimizer,
            self.state,
            self.config.checkpoint.keep,
        )


@asynccontextmanager
async def opened(config: TrainConfig, display: Display) -> AsyncIterator[Run]:
    """A run that goes on from its newest whole checkpoint, or begins."""
    tasks, tools = _tasks(config)
    folder = config.run_dir
    require_same(config)
    newest = checkpoint.newest(folder / "checkpoints")
    if newest is None:
        model, tokenizer = await start(config, tasks[config.env.train_split], tools, display)
        model.save_pretrained(folder / "start")
        tokenizer.save_pretrained(folder / "start")
        state = checkpoint.State()
    else:
        model, tokenizer = load(newest / "model", config.model)
        state = checkpoint.read_state(newest)
        display.say(f"going on from {newest}")
    learner = Learner(model, config.optimizer, _reference(config, model))
    if newest is not None:
        checkpoint.read_optimizer(newest, learner.optimizer)
    record(config)
    forget_after(folder, state.step)
    metrics = Metrics(folder, state.step)
    try:
        async with sampler(config, model, tokenizer, display) as plays:
            await plays.updated(state.step)
            run = Run(
                config=config,
                folder=folder,
                display=display,
                order=TaskOrder(tasks[config.env.train_split], config.seed),
                held_out=tasks[config.env.test_split][: config.evaluation.tasks],
                learner=learner,
                tokenizer=tokenizer,
                sampler=plays,
                state=state,
                metrics=metrics,
            )
            if newest is None:
                run.save()
            yield run
    finally:
        metrics.close()


def _tasks(config: TrainConfig) -> tuple[dict[str, list[Task]], Sequence[Tool]]:
    """The tasks of the splits that the run needs, and the environment's tools."""
    env = make(config.env.id, **config.env.kwargs)
    tasks = {}
    for split in (config.env.train_split, config.env.test_split):
        if split not in env.splits:
            raise UnknownName(f"split of {config.env.id}", split, env.splits)
        tasks[split] = list(env.tasks(split))
        if not tasks[split]:
            raise BadInput(f"{config.env.id} has no tasks in its split {split!r}")
    env.close()
    return tasks, env.tools


def _reference(config: TrainConfig, model: Any) -> Any:
    """What the KL term compares with: the weights at the start of reinforcement."""
    if not config.objective.kl_coef:
        return None
    warm = config.warm_start
    if config.model.lora and not (warm.demonstrations or warm.trajectories):
        return model  # with its adapters off
    reference, _ = load(config.run_dir / "start", config.model)
    return reference
