"""Success on held-out tasks during a run, greedy and sampled, kept as trajectory files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agentgym.env.registry import make
from agentgym.env.text_env import Task
from agentgym.evaluation.evaluation import Report, evaluate
from agentgym.policy import Policy
from agentgym.seeding import derive_seed
from agentgym.trajectory import Trajectory, read_jsonl, write_jsonl
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.display import Display
from agentgym_trainers.run.metrics import Metrics

KINDS = ("greedy", "sampled")
Episodes = dict[str, list[Trajectory]]
"""The evaluation's episodes of each kind."""


async def held_out(
    config: TrainConfig,
    policy: Policy,
    tasks: Sequence[Task],
    *,
    step: int,
    metrics: Metrics,
    display: Display,
) -> Episodes:
    """Evaluate ``policy`` at ``step``; what was evaluated before is read from its file."""
    episodes = saved(config.run_dir, step)
    for kind in KINDS:
        if kind not in episodes:
            episodes[kind] = await _play(config, policy, tasks, kind, display)
            write_jsonl(_file(config.run_dir, step, kind), episodes[kind])
        report = Report.of(episodes[kind])
        display.say(f"step {step}, held out, {kind}: success {report.success}")
        metrics.write(
            step,
            {
                f"eval/{kind}/success": report.success.mean,
                f"eval/{kind}/success_low": report.success.low,
                f"eval/{kind}/success_high": report.success.high,
                f"eval/{kind}/reward": report.reward.mean,
                f"eval/{kind}/steps": report.steps,
            }
            | {f"eval/{kind}/pass@{k}": rate.mean for k, rate in report.pass_at_k.items()},
        )
    return episodes


def saved(run_dir: Path, step: int) -> Episodes:
    """What was evaluated at ``step``."""
    files = {kind: _file(run_dir, step, kind) for kind in KINDS}
    return {kind: list(read_jsonl(file)) for kind, file in files.items() if file.exists()}


def forget_after(run_dir: Path, step: int) -> None:
    """Delete what was evaluated after ``step``: those weights are about to be made anew."""
    for file in (run_dir / "evaluations").glob("step-*.jsonl"):
        if int(file.name.split("-")[1]) > step:
            file.unlink()


async def _play(
    config: TrainConfig, policy: Policy, tasks: Sequence[Task], kind: str, display: Display
) -> list[Trajectory]:
    samples = config.evaluation.samples
    sampling = config.evaluation.sampling or config.rollouts.sampling
    if kind == "greedy":
        samples, sampling = 1, sampling.model_copy(update={"temperature": 0.0})
    with display.stage(f"eval {kind}", len(tasks) * samples) as stage:
        return await evaluate(
            lambda: make(config.env.id, **config.env.kwargs),
            policy,
            tasks,
            samples=samples,
            seed=derive_seed(config.seed, "evaluation"),
            context=config.context,
            sampling=sampling,
            limits=config.rollouts.limits,
            concurrency=config.rollouts.concurrency,
            on_trajectory=lambda _: stage.advance(),
        )


def _file(run_dir: Path, step: int, kind: str) -> Path:
    return run_dir / "evaluations" / f"step-{step:06d}-{kind}.jsonl"
