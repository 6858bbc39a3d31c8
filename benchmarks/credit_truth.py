"""Credit against the truth: does it praise the steps that came nearer to the goal?

    python benchmarks/algorithms.py --only states histories      (plays the episodes)
    python benchmarks/credit_truth.py

In an Errand every step's progress is known: by how many actions of the expert it shortened what is
left. All algorithms give credit to the same episodes, those that GRPO played; printed is the
correlation of their advantages with the progress over each run, with 95% intervals over seeds.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from rich.console import Console
from rich.table import Table

from agentgym.credit import Credit, Floats, Steps
from agentgym.parts import part_of
from agentgym.statistics import mean_interval
from agentgym.trajectory import Trajectory, read_jsonl
from agentgym_envs.errand.env import Errand

RUNS = Path(__file__).parent.parent / "runs/algorithms"
ALGORITHMS = {
    "GRPO": {"name": "grpo"},
    "GiGPO": {"name": "gigpo", "statistics": "trajectories", "invalid_penalty": 0},
    "GiGPO, centred only": {
        **{"name": "gigpo", "statistics": "trajectories", "invalid_penalty": 0},
        "normalise": "mean",
    },
    "HGPO, 2 states back": {"name": "hgpo", "history": 2, "invalid_penalty": 0},
    "HGPO, 4 states back": {"name": "hgpo", "history": 4, "invalid_penalty": 0},
}


def left(env: Errand) -> int:
    """How many actions the expert would take from here."""
    ahead, actions, done = env.fork(), 0, False
    while not done:
        _, _, done, _, _ = ahead.step(ahead.expert())
        actions += 1
    return actions


def progress(trajectories: Sequence[Trajectory]) -> Floats:
    """Of each step, shape (N,): 1 is the best there is, 0 is no change, -1 a step away."""
    made, env = [], Errand("easy")
    for trajectory in trajectories:
        env.reset(options={"task": trajectory.task})
        before = left(env)
        for step in trajectory.steps:
            done = env.step(step.action)[2]
            after = 0 if done else left(env)
            made.append(float(before - after))
            before = after
    return np.array(made)


def correlations(run: Path) -> dict[str, float]:
    """Algorithm -> correlation with the progress, over all training steps of a run."""
    found: dict[str, list[Floats]] = {name: [] for name in ALGORITHMS}
    truth = []
    for file in sorted((run / "trajectories").glob("step-*.jsonl")):
        episodes = [t for t in read_jsonl(file) if t.failure is None and t.steps]
        steps = Steps.of(episodes)
        truth.append(progress(episodes))
        for name, table in ALGORITHMS.items():
            found[name].append(cast(Credit, part_of("credit", table, name)).advantages(steps))
    known = np.concatenate(truth)
    return {
        name: float(np.corrcoef(np.concatenate(each), known)[0, 1]) for name, each in found.items()
    }


def main() -> None:
    """Compare and print."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    table = Table("", "states", "histories", title="correlation of credit and progress")
    seen = {
        setting: [correlations(run) for run in sorted((RUNS / setting).glob("GRPO-*"))]
        for setting in ("states", "histories")
    }
    for name in ALGORITHMS:
        cells = [mean_interval([[each[name]] for each in runs]) for runs in seen.values()]
        table.add_row(name, *map(str, cells))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
