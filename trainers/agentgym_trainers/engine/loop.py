"""The training loop: gather, give credit, update, record, and again.

One training step plays ``rollout.groups`` groups with the current weights, lets the algorithm give
each step its advantage, and makes the updates of one batch. Everything random is a function of the
run's seed and the step, so a run that was killed goes on as if nothing had happened.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio.to_thread
import numpy as np

from agentgym.algorithm import Steps
from agentgym.env import Task
from agentgym.errors import AgentGymError, BadInput, UnknownName
from agentgym.evaluation import Report
from agentgym.registry import make
from agentgym.seeding import derive_seed
from agentgym.tooling import Tool
from agentgym.trajectory import write_jsonl
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.engine import checkpoint
from agentgym_trainers.engine.ahead import sampling_ahead
from agentgym_trainers.engine.experience import Experience, TaskOrder, gather
from agentgym_trainers.engine.held_out import Episodes, forget_after, held_out, saved
from agentgym_trainers.engine.learner import Learner
from agentgym_trainers.engine.metrics import Metrics
from agentgym_trainers.engine.plot import learning_curve
from agentgym_trainers.engine.progress import Display
from agentgym_trainers.engine.rows import rows_of
from agentgym_trainers.engine.run_folder import locked, record, require_same
from agentgym_trainers.engine.sampler import Sampler, sampler
from agentgym_trainers.engine.start import load, start

LARGEST_MISMATCH = 1e-3


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


async def train(config: TrainConfig, display: Display | None = None) -> tuple[Episodes, Episodes]:
    """Train, or go on training, in ``config.run_dir``.

    Returns:
        The held-out episodes played before the first and after the last training step.

    Raises:
        AgentGymError: input that cannot be used, too many failed episodes, a full disk; what was
            saved stays, and the same command goes on from it.
    """
    try:
        with locked(config.run_dir):
            return await _train(config, display or Display())
    except OSError as error:
        raise AgentGymError(
            f"the run in {config.run_dir} stopped: {error}. What was saved is whole; when the "
            "cause is mended, the same command goes on from the last checkpoint"
        ) from error


async def _train(config: TrainConfig, display: Display) -> tuple[Episodes, Episodes]:
    async with _opened(config, display) as run:
        return await _until_done(run)


async def _until_done(run: Run) -> tuple[Episodes, Episodes]:
    config, display = run.config, run.display
    before = await _evaluate(run) if run.state.step == 0 else {}
    label = config.algorithm.name
    batches = sampling_ahead(
        lambda step, drawn: gather(config, run.sampler.policy, run.order, start=drawn, step=step),
        step=run.state.step,
        tasks_drawn=run.state.tasks_drawn,
        staleness=config.rollout.max_staleness,
    )
    with display.stage(label, config.steps, done=run.state.step) as stage:
        async with batches as ahead:
            while _unfinished(run):
                numbers = await _train_step(run, await ahead.next())
                stage.advance(
                    f"success {numbers['train/success']:.2f} [{numbers['train/success_low']:.2f}, "
                    f"{numbers['train/success_high']:.2f}]  reward {numbers['train/reward']:.2f}  "
                    f"{numbers['train/tokens_per_second']:.0f} tok/s"
                )
                every = config.evaluation.every
                if every and run.state.step % every == 0 and _unfinished(run):
                    await _evaluate(run)
    after = await _evaluate(run)
    before = before or saved(run.folder, 0)
    picture = learning_curve(run.folder, f"{config.env.id} {config.env.kwargs}, {label}")
    display.say(f"learning curve: {picture}")
    return before, after


def _unfinished(run: Run) -> bool:
    budget = run.config.sampled_tokens
    spent = budget is not None and run.state.sampled_tokens >= budget
    return run.state.step < run.config.steps and not spent


@asynccontextmanager
async def _opened(config: TrainConfig, display: Display) -> AsyncIterator[Run]:
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
                _save(run)
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
    if not config.algorithm.objective.kl_coef:
        return None
    warm = config.warm_start
    if config.model.lora and not (warm.demonstrations or warm.trajectories):
        return model  # with its adapters off
    reference, _ = load(config.run_dir / "start", config.model)
    return reference


async def _train_step(run: Run, experience: Experience) -> dict[str, float]:
    config, step = run.config, run.state.step + 1
    started = time.perf_counter()
    write_jsonl(run.folder / "trajectories" / f"step-{step:06d}.jsonl", experience.played)
    numbers = _describe(experience, step)
    if not any(t.steps for t in experience.played):
        raise AgentGymError(
            f"no episode of training step {step} has a single step; they ended by "
            f"{Counter(str(t.stop_reason) for t in experience.played).most_common()}. `context` "
            "means that the first prompt does not fit into the model's "
            f"{run.sampler.policy.max_context} tokens"
        )
    if experience.learnt_from:
        steps = Steps.of(experience.learnt_from)
        advantages = config.algorithm.advantages(steps)
        rows = rows_of(experience.learnt_from, advantages)
        credited = time.perf_counter()
        learnt = await anyio.to_thread.run_sync(
            lambda: run.learner.reinforce(
                rows,
                config.algorithm.objective,
                config.correction,
                temperature=config.rollout.sampling.temperature,
                lr=_learning_rate(config, step),
                seed=derive_seed(config.seed, "minibatches", step),
            )
        )
        if config.policy.engine == "local":
            _require_agreement(learnt["mismatch"])
        numbers |= {f"update/{name}": value for name, value in learnt.items()}
        numbers["update/advantage_abs"] = float(np.abs(advantages).mean())
        numbers["seconds/credit"] = credited - started
        numbers["seconds/update"] = time.perf_counter() - credited
    numbers |= await run.sampler.updated(step)
    run.state.step = step
    run.state.tasks_drawn += experience.tasks_drawn
    run.state.sampled_tokens += sum(t.tokens for t in experience.played)
    numbers["seconds/rollout"] = experience.seconds
    numbers["seconds/step"] = time.perf_counter() - run.step_ended
    run.step_ended = time.perf_counter()
    numbers["train/tokens_per_second"] = numbers["train/tokens"] / numbers["seconds/step"]
    numbers["train/sampled_tokens_so_far"] = run.state.sampled_tokens
    numbers["update/lr"] = _learning_rate(config, step)
    run.metrics.write(step, numbers)
    if step % config.checkpoint.every == 0 or not _unfinished(run):
        _save(run)
    return numbers


def _require_agreement(mismatch: float) -> None:
    """Policy and learner must give the sampled tokens the same logprobs."""
    if not mismatch <= LARGEST_MISMATCH:  # a NaN too
        raise AgentGymError(
            f"policy and learner disagree about the sampled tokens: mean |difference| of their "
            f"logprobs is {mismatch:.2g}. This model transforms its logits in a way that "
            "engine/learner.py does not know, and cannot be trained here"
        )


def _describe(experience: Experience, step: int) -> dict[str, float]:
    report = Report.of(experience.played)
    used = len(experience.learnt_from)
    steps = [s for t in experience.played for s in t.steps]
    versions = [version for s in steps for version in s.weight_versions]
    return {
        "train/success": report.success.mean,
        "train/success_low": report.success.low,
        "train/success_high": report.success.high,
        "train/reward": report.reward.mean,
        "train/steps": report.steps,
        "train/invalid": report.invalid,
        "train/tokens": float(sum(t.tokens for t in experience.played)),
        "train/failed": float(sum(t.failure is not None for t in experience.played)),
        "train/episodes": float(len(experience.played)),
        "train/staleness": step - 1 - float(np.mean(versions)) if versions else 0.0,
        "train/realigned": _share([s.drift == "realigned" for s in steps]),
        "train/forked": _share([s.drift == "forked" for s in steps]),
        "train/left_out": float(len(experience.played) - used),
    }


def _share(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if values else 0.0


def _learning_rate(config: TrainConfig, step: int) -> float:
    settings = config.optimizer
    warm = min(1.0, step / settings.warmup_steps) if settings.warmup_steps else 1.0
    left = 1.0 - (step - 1) / config.steps if settings.schedule == "linear" else 1.0
    return settings.lr * warm * left


def _save(run: Run) -> None:
    checkpoint.save(
        run.folder / "checkpoints",
        run.learner.model,
        run.tokenizer,
        run.learner.optimizer,
        run.state,
        run.config.checkpoint.keep,
    )


async def _evaluate(run: Run) -> Episodes:
    return await held_out(
        run.config,
        run.sampler.policy,
        run.held_out,
        step=run.state.step,
        metrics=run.metrics,
        display=run.display,
    )
