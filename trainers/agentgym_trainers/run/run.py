"""A run in progress, and how it is opened: from its newest whole checkpoint, or from the start."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from agentgym.credit import ActorCritic
from agentgym.env.text_env import Task
from agentgym.trajectory import read_jsonl
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.display import Display
from agentgym_trainers.learner.critic import Critic
from agentgym_trainers.learner.learner import Learner
from agentgym_trainers.rollouts.success_replay import Successes
from agentgym_trainers.run import checkpoint
from agentgym_trainers.run.adapter_folder import adapter
from agentgym_trainers.run.held_out import forget_after
from agentgym_trainers.run.metrics import Metrics
from agentgym_trainers.run.run_folder import record, require_same
from agentgym_trainers.run.start import load, start
from agentgym_trainers.run.stopping import Stop
from agentgym_trainers.run.tasks import require_forks, tasks_and_tools
from agentgym_trainers.run.whole import save_model, whole_folder
from agentgym_trainers.sampling.agreement import Agreement
from agentgym_trainers.sampling.experience import TaskOrder
from agentgym_trainers.sampling.sampler import Sampler, sampler


@dataclass
class Run:
    """A run in progress."""

    config: TrainConfig
    folder: Path
    display: Display
    order: TaskOrder
    held_out: list[Task]
    learner: Learner
    agreement: Agreement
    tokenizer: Any
    sampler: Sampler
    state: checkpoint.State
    metrics: Metrics
    critic: Critic | None
    successes: Successes | None
    stop: Stop
    saved: int | None
    """The training step of the newest checkpoint."""
    step_ended: float = field(default_factory=time.perf_counter)

    def save(self) -> None:
        """Write a checkpoint, unless there is one of this training step."""
        if self.saved == self.state.step:
            return
        checkpoint.save(
            self.folder / "checkpoints",
            self.learner.model,
            self.tokenizer,
            self.learner.optimizer,
            self.critic,
            self.state,
            self.config.checkpoint.keep,
        )
        self.saved = self.state.step


@asynccontextmanager
async def opened(config: TrainConfig, display: Display, stop: Stop) -> AsyncIterator[Run]:
    """A run that goes on from its newest whole checkpoint, or begins."""
    tasks, tools = tasks_and_tools(config)
    if config.rollouts.branches:
        require_forks(config, tasks[config.env.train_split][0])
    folder = config.run_dir
    require_same(config)
    newest = checkpoint.newest(folder / "checkpoints")
    if newest is None:
        model, tokenizer = await start(config, tasks[config.env.train_split], tools, display)
        with whole_folder(folder / "start") as partial:
            save_model(model, tokenizer, partial)
        state = checkpoint.State()
    else:
        model, tokenizer = load(newest / "model", config.model)
        state = checkpoint.read_state(newest)
        display.say(f"going on from {newest}")
    learner = Learner(model, config.optimizer, _reference(config, model))
    if newest is not None:
        checkpoint.read_optimizer(newest, learner.optimizer)
    critic = None
    if isinstance(config.credit, ActorCritic):
        critic = Critic(model, config.critic, config.optimizer.micro_tokens)
        if newest is not None:
            checkpoint.read_critic(newest, critic)
    record(config)
    forget_after(folder, state.step)
    metrics = Metrics(folder, state.step)
    try:
        async with sampler(_as_trained(config), model, tokenizer, display) as plays:
            await plays.updated(state.step)
            run = Run(
                config=config,
                folder=folder,
                display=display,
                order=TaskOrder(tasks[config.env.train_split], config.seed),
                held_out=tasks[config.env.test_split][: config.evaluation.tasks],
                learner=learner,
                agreement=Agreement(config, learner, display.say),
                tokenizer=tokenizer,
                sampler=plays,
                state=state,
                metrics=metrics,
                critic=critic,
                successes=_successes(config, state.step),
                stop=stop,
                saved=None if newest is None else state.step,
            )
            run.save()
            yield run
    finally:
        metrics.close()


def _successes(config: TrainConfig, steps: int) -> Successes | None:
    """What may be replayed, from the records of the training steps that are done."""
    if config.replay is None:
        return None
    successes = Successes(config.replay)
    for step in range(1, steps + 1):
        successes.remember(read_jsonl(config.run_dir / f"trajectories/step-{step:06d}.jsonl"))
    return successes


def _reference(config: TrainConfig, model: Any) -> Any:
    """What the KL term compares with: the weights at the start of reinforcement."""
    if not config.objective.kl_coef:
        return None
    start = config.run_dir / "start"
    if adapter(start) and not _changes_anything(start):
        return model  # with its adapters off
    reference, _ = load(start, config.model)
    return reference


def _changes_anything(folder: Path) -> bool:
    """Whether an adapter does: B of a new one is zero, as long as no warm start trains it."""
    weights = load_file(folder / "adapter_model.safetensors")
    return any(bool(value.any()) for name, value in weights.items() if ".lora_B." in name)


def _as_trained(config: TrainConfig) -> TrainConfig:
    """The config with [model.lora] as the adapter has it that training began with, if it did."""
    made = {"lora": adapter(config.run_dir / "start")}
    return config.model_copy(update={"model": config.model.model_copy(update=made)})
