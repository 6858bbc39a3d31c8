"""A trajectory as one causal row against one row for each step: time, memory, gradient.

    python benchmarks/training_pass.py
    python benchmarks/training_pass.py --trajectories 8 --checkpointing

Steps that extend each other can be trained as one sequence (each token computed once) or as a
sequence for each step, which computes the whole history again. Each way has a process of its own;
they take turns, on the same trajectories of random tokens and with micro-batches of the same size:
forward and backward pass of every row, float32, all cores. The first pass of each warms up. The
losses are the clipped surrogate's at ratio 1, and the optimiser is plain SGD of rate 0: its moments
would be the same for both. Tokens are random: time depends on their number only.
"""

import argparse
import random
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import numpy as np
import torch

from agentgym.env.text_env import Task
from agentgym.policy.loading import load_folder
from agentgym.policy.smollm2 import smollm2
from agentgym.trajectory import Step, StopReason, Trajectory
from agentgym_trainers.config import OptimizerConfig
from agentgym_trainers.learner.learner import Learner
from agentgym_trainers.learner.rows import Row, rows_of
from agentgym_trainers.objectives.ppo_clip import PPOClip

FIRST_PROMPT, SAMPLED, OBSERVED = 100, 30, 30
WAYS = ("one row a step", "one row")


@dataclass(frozen=True)
class Job:
    """What a process is to run."""

    way: str
    model: Path
    trajectories: int
    turns: int
    optimizer: OptimizerConfig
    gradient: Path
    """Where to write the gradient of the last pass."""


@dataclass(frozen=True)
class Size:
    """What a process found, beside the seconds of each pass."""

    rows: int
    tokens: int
    peak: float
    """Most memory of the process, in GB: with the model and its gradient."""


def played(job: Job, vocabulary: int) -> list[Trajectory]:
    """Trajectories of random tokens, the same in every process."""
    rng = random.Random(0)

    def tokens(count: int) -> list[int]:
        return [rng.randrange(vocabulary) for _ in range(count)]

    def step(i: int) -> Step:
        return Step(
            observation="",
            action="",
            reward=0.0,
            anchor="",
            segment=0,
            prompt_ids=tokens(OBSERVED if i else FIRST_PROMPT),
            ids=tokens(SAMPLED),
            logprobs=[0.0] * SAMPLED,
        )

    return [
        Trajectory(
            id=str(number),
            group="",
            task=Task(id="random", split="train"),
            stop_reason=StopReason.TERMINATED,
            steps=[step(i) for i in range(job.turns)],
        )
        for number in range(job.trajectories)
    ]


def step_by_step(trajectory: Trajectory) -> Trajectory:
    """The same, with the whole prompt in every step."""
    steps = [
        step.model_copy(update={"segment": i, "prompt_ids": trajectory.prompt_of(i)})
        for i, step in enumerate(trajectory.steps)
    ]
    return trajectory.model_copy(update={"steps": steps})


def work(job: Job, wire: Connection) -> None:
    """In a process: a pass for each True on the wire, answered by its seconds; then the rest."""
    model, _ = load_folder(job.model)
    learner = Learner(model, job.optimizer)
    learner.optimizer = torch.optim.SGD(learner.trained)
    trajectories = played(job, model.config.vocab_size)
    advantages = np.random.default_rng(0).normal(size=job.trajectories * job.turns)
    if job.way == "one row a step":
        trajectories = [step_by_step(trajectory) for trajectory in trajectories]
    rows = as_sampled(learner, rows_of(trajectories, advantages))
    gradient: list[torch.Tensor] = []
    learner.optimizer.register_step_pre_hook(
        lambda *_: gradient.extend(x.grad for x in learner.trained if x.grad is not None)
    )
    while wire.recv():
        gradient.clear()
        start = time.perf_counter()
        learner.reinforce(rows, PPOClip(), temperature=1.0, lr=0.0, seed=0)
        wire.send(time.perf_counter() - start)
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    torch.save(gradient, job.gradient)
    wire.send(Size(len(rows), sum(map(len, rows)), peak))


def as_sampled(learner: Learner, rows: list[Row]) -> list[Row]:
    """The rows as if the model itself had sampled them."""
    found = learner.logprobs(rows)
    return [replace(row, logprobs=values) for row, values in zip(rows, found, strict=True)]


def difference(one: Path, other: Path) -> tuple[float, float]:
    """Of two gradients: the largest relative to the largest entry, and of the whole vectors."""
    largest = off = squares = squares_off = 0.0
    for a, b in zip(torch.load(one), torch.load(other), strict=True):
        largest, off = max(largest, float(a.abs().max())), max(off, float((a - b).abs().max()))
        squares += float(a.double().square().sum())
        squares_off += float((a - b).double().square().sum())
    return off / largest, (squares_off / squares) ** 0.5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="model folder; default: SmolLM2-135M-Instruct")
    parser.add_argument("--trajectories", type=int, default=2, help="of one update (2)")
    parser.add_argument("--turns", type=int, default=10, help="steps of each (10)")
    parser.add_argument("--micro-tokens", type=int, default=2048, help="of a forward pass (2048)")
    parser.add_argument("--passes", type=int, default=2, help="of each way, after the first (2)")
    parser.add_argument("--checkpointing", action="store_true", help="as optimizer.checkpointing")
    given = parser.parse_args()
    folder = given.model or smollm2()
    optimizer = OptimizerConfig(
        micro_tokens=given.micro_tokens, checkpointing=given.checkpointing, max_grad_norm=1e9
    )
    with tempfile.TemporaryDirectory() as place:
        jobs = [
            Job(way, folder, given.trajectories, given.turns, optimizer, Path(place) / f"{i}.pt")
            for i, way in enumerate(WAYS)
        ]
        seconds, sizes = in_turn(jobs, given.passes)
        largest, whole = difference(*(job.gradient for job in jobs))
    print(
        f"{folder.name}, float32, {torch.get_num_threads()} threads; {given.trajectories} "
        f"trajectories of {given.turns} turns, micro-batches of {given.micro_tokens} tokens"
        f"{', checkpointing' if given.checkpointing else ''}\n"
    )
    print(f"{'':15}{'rows':>6}{'tokens':>8}{'seconds':>9}{'tokens/s':>10}{'peak GB':>9}  each pass")
    for way, times, size in zip(WAYS, seconds, sizes, strict=True):
        each = ", ".join(f"{x:.1f}" for x in times)
        usual = median(times)
        rate = size.tokens / usual
        print(
            f"{way:15}{size.rows:6}{size.tokens:8}{usual:9.1f}{rate:10.0f}{size.peak:9.2f}  {each}"
        )
    ratios = [apart / together for apart, together in zip(*seconds, strict=True)]
    print(
        f"\none row is {median(ratios):.1f} times faster ({min(ratios):.1f} to {max(ratios):.1f}) "
        f"on {sizes[0].tokens / sizes[1].tokens:.1f} times fewer tokens; the gradients differ by "
        f"{largest:.1e} of the largest entry, {whole:.1e} of the norm"
    )


def in_turn(jobs: list[Job], passes: int) -> tuple[list[list[float]], list[Size]]:
    """Seconds of each job's passes, after one that is not counted, and its size."""
    spawn = get_context("spawn")
    wires, processes = [], []
    for job in jobs:
        wire, far = spawn.Pipe()
        processes.append(spawn.Process(target=work, args=(job, far), daemon=True))
        processes[-1].start()
        far.close()  # so that a process that dies is an end of file here, not a silence
        wires.append(wire)
    seconds: list[list[float]] = [[] for _ in jobs]
    for _ in range(1 + passes):
        for wire, times in zip(wires, seconds, strict=True):
            wire.send(True)
            times.append(wire.recv())
    for wire in wires:
        wire.send(False)
    sizes = [wire.recv() for wire in wires]
    for process in processes:
        process.join()
    return [times[1:] for times in seconds], sizes


if __name__ == "__main__":
    main()
