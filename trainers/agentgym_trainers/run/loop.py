"""The training loop: sample trajectories, compute advantages, update, record, repeat.

One training step samples ``rollouts.groups`` groups, computes the advantage of each step or token,
and makes the updates of one batch; with ``rollouts.max_staleness`` the next batches are sampled
meanwhile. Everything random is a function of the run's seed and the step, so a run that was killed
resumes as if nothing had happened.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import anyio.to_thread
import numpy as np

from agentgym.errors import AgentGymError
from agentgym.evaluation.evaluation import Report
from agentgym.seeding import derive_seed
from agentgym.trajectory import grouped, write_jsonl
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.display import Display
from agentgym_trainers.run.credited import Credited, credited
from agentgym_trainers.run.held_out import Episodes, held_out, saved
from agentgym_trainers.run.plot import learning_curve
from agentgym_trainers.run.run import Run, opened
from agentgym_trainers.run.run_folder import locked
from agentgym_trainers.run.stopping import GRACE, Stop, Stopped
from agentgym_trainers.sampling.experience import Experience, gather
from agentgym_trainers.sampling.prefetch import prefetching


async def train(
    config: TrainConfig, display: Display | None = None, stop: Stop | None = None
) -> tuple[Episodes, Episodes]:
    """Train in ``config.run_dir``, or resume the run that is there.

    Args:
        config: of the run.
        display: what a person sees of it.
        stop: its ``ask()`` makes the run stop where nothing is lost. Signals are left as they are.

    Returns:
        The held-out episodes played before the first and after the last training step, each a dict
        of lists of trajectories with the keys ``greedy`` and ``sampled``.

    Raises:
        AgentGymError: input that cannot be used, too many failed episodes, a full disk; the
            checkpoints stay, and the same call resumes from the last one.
        Stopped: ``stop`` was asked for; here too the same call resumes.
    """
    stop = stop or Stop()
    try:
        with locked(config.run_dir), stop.cutting(GRACE):
            return await _train(config, display or Display(), stop)
    except OSError as error:
        raise AgentGymError(
            f"the run in {config.run_dir} stopped: {error}. What is saved is complete; fix the "
            "cause, and the same command goes on from it"
        ) from error


async def _train(config: TrainConfig, display: Display, stop: Stop) -> tuple[Episodes, Episodes]:
    async with opened(config, display, stop) as run:
        with stop.finishing():
            return await _until_done(run)


async def _until_done(run: Run) -> tuple[Episodes, Episodes]:
    config, display = run.config, run.display
    before = await _evaluate(run) if run.state.step == 0 else {}
    label, every = config.credit.name, config.evaluation.every
    batches = prefetching(
        lambda step, drawn: gather(config, run.sampler.policy, run.order, start=drawn, step=step),
        step=run.state.step,
        tasks_drawn=run.state.tasks_drawn,
        staleness=config.rollouts.max_staleness,
    )
    with display.stage(label, config.steps, done=run.state.step) as stage:
        async with batches as prefetcher:
            while _unfinished(run):
                if run.stop.asked:
                    run.save()
                    raise Stopped
                if every and run.state.step and run.state.step % every == 0:
                    await _evaluate(run)
                numbers = await _train_step(run, await prefetcher.next())
                stage.advance(
                    f"success {numbers['train/success']:.2f} [{numbers['train/success_low']:.2f}, "
                    f"{numbers['train/success_high']:.2f}]  reward {numbers['train/reward']:.2f}  "
                    f"{numbers['train/tokens_per_second']:.0f} tok/s"
                )
    after = await _evaluate(run)
    before = before or saved(run.folder, 0)
    picture = learning_curve(run.folder, f"{config.env.id} {config.env.kwargs}, {label}")
    display.say(f"learning curve: {picture}")
    return before, after


def _unfinished(run: Run) -> bool:
    budget = run.config.sampled_tokens
    spent = budget is not None and run.state.sampled_tokens >= budget
    return run.state.step < run.config.steps and not spent


async def _train_step(run: Run, experience: Experience) -> dict[str, float]:
    config, step = run.config, run.state.step + 1
    write_jsonl(run.folder / "trajectories" / f"step-{step:06d}.jsonl", experience.played)
    numbers = _describe(experience, step)
    if not any(t.steps for t in experience.played):
        raise AgentGymError(
            f"no episode of training step {step} has a single step; they ended by "
            f"{Counter(str(t.stop_reason) for t in experience.played).most_common()}. `context` "
            "means that the first prompt leaves no room to answer in "
            f"{_context(run)} tokens"
        )
    if experience.trained_on:
        if not run.agreement.checked:
            async with run.sampler.updating():
                await anyio.to_thread.run_sync(run.agreement.require, experience.trained_on)
        started = time.perf_counter()
        batch = await anyio.to_thread.run_sync(_credited, run, experience, step)
        numbers |= batch.measured
        numbers["train/replayed"] = batch.replayed
        ended = time.perf_counter()
        async with run.sampler.updating():
            learnt = await anyio.to_thread.run_sync(
                lambda: run.learner.reinforce(
                    batch.rows,
                    config.objective,
                    config.correction,
                    temperature=config.rollouts.sampling.temperature,
                    lr=_learning_rate(config, step),
                    seed=derive_seed(config.seed, "minibatches", step),
                    attribution=config.rollouts.attribution,
                )
            )
        run.agreement.watch(step, learnt["mismatch"])
        numbers |= {f"update/{name}": value for name, value in learnt.items()}
        numbers["update/advantage_abs"] = float(np.abs(batch.advantages).mean())
        numbers["seconds/credit"] = ended - started
        numbers["seconds/update"] = time.perf_counter() - ended
    numbers |= await run.sampler.updated(step)
    run.state.step = step
    run.state.tasks_drawn += experience.tasks_drawn
    run.state.sampled_tokens += sum(t.tokens for t in experience.played) + experience.greedy_tokens
    numbers["seconds/rollout"] = experience.seconds
    numbers["seconds/step"] = time.perf_counter() - run.step_ended
    run.step_ended = time.perf_counter()
    numbers["train/tokens_per_second"] = numbers["train/tokens"] / numbers["seconds/step"]
    numbers["train/sampled_tokens_so_far"] = run.state.sampled_tokens
    numbers["update/lr"] = _learning_rate(config, step)
    run.metrics.write(step, numbers)
    if step % config.checkpoint.every == 0 or not _unfinished(run):
        run.save()
    return numbers


def _credited(run: Run, experience: Experience, step: int) -> Credited:
    trained_on, config = experience.trained_on, run.config
    if run.successes:
        seed = derive_seed(config.seed, "replay", step)
        groups = [group.trajectories for group in grouped(trained_on)]
        trained_on = [t for group in groups for t in run.successes.shown(group, seed)]
        run.successes.remember(experience.played)
    batch = credited(config, trained_on, greedy=experience.greedy, critic=run.critic)
    new = {t.id for t in experience.trained_on}
    return replace(batch, replayed=sum(t.id not in new for t in trained_on))


def _context(run: Run) -> int:
    """Tokens that prompt and answer may have."""
    limits = (run.config.rollouts.limits.max_context, run.sampler.policy.max_context)
    return min(limit for limit in limits if limit is not None)


def _describe(experience: Experience, step: int) -> dict[str, float]:
    report = Report.of(experience.played)
    used = len(experience.trained_on)
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


async def _evaluate(run: Run) -> Episodes:
    try:
        with run.stop.cutting():
            return await held_out(
                run.config,
                run.sampler.policy,
                run.held_out,
                step=run.state.step,
                metrics=run.metrics,
                display=run.display,
            )
    except Stopped:
        run.save()
        raise
