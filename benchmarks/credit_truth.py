"""Credit against the truth: does it praise the steps that came nearer to the goal?

    python benchmarks/credit_truth.py

In an Errand every step's progress is known: by how many actions of the expert it shortened what is
left. An expert who does something random every other time plays groups of eight episodes; all
algorithms give credit to the same ones. Printed is the correlation of their advantages with the
progress, and its 95% interval over ten sets of episodes. Takes a minute; trains nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import agentgym
from agentgym.credit import Floats, Steps
from agentgym.evaluation.statistics import mean_interval
from agentgym.policy.scripted import expert_policy
from agentgym.trajectory import Trajectory
from agentgym_envs.errand.env import Errand
from agentgym_trainers.credit.gigpo import GiGPO
from agentgym_trainers.credit.grpo import GRPO
from agentgym_trainers.credit.hgpo import HGPO

GAMMA = 0.95
TASKS, SETS = 40, 10


def discounted(steps: Steps) -> Floats:
    """GRPO, with what an episode earned discounted by how long it took."""
    first = {name: i for i, name in reversed([*enumerate(steps.trajectory)])}
    age = np.array([i - first[name] for i, name in enumerate(steps.trajectory)])
    return GRPO().advantages(replace(steps, reward=steps.reward * GAMMA**age))


ALGORITHMS: dict[str, Callable[[Steps], Floats]] = {
    "GRPO": GRPO().advantages,
    "GRPO, return discounted": discounted,
    "GiGPO": GiGPO(gamma=GAMMA, statistics="trajectories", invalid_penalty=0).advantages,
    "HGPO, no history": HGPO(gamma=GAMMA, history=0, invalid_penalty=0).advantages,
    "HGPO, 2 states back": HGPO(gamma=GAMMA, history=2, invalid_penalty=0).advantages,
    "HGPO, 4 states back": HGPO(gamma=GAMMA, history=4, invalid_penalty=0).advantages,
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


def played(env: Errand, max_steps: int, seed: int) -> list[Trajectory]:
    """Episodes of the expert who strays."""
    groups = agentgym.run(
        agentgym.collect,
        env.fork,
        expert_policy(noise=0.5),
        env.tasks("train")[seed * TASKS : (seed + 1) * TASKS],
        group_size=8,
        seed=seed,
        limits=agentgym.Limits(max_steps=max_steps),
    )
    return [trajectory for group in groups for trajectory in group.trajectories]


def main() -> None:
    """Play, give credit, print."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    columns: dict[str, dict[str, list[list[float]]]] = {}
    solved: dict[str, float] = {}
    for tells in (True, False):
        for max_steps in (14, 30):
            column = f"{'whole state' if tells else 'hidden state'}, {max_steps} steps"
            found = columns[column] = {name: [] for name in ALGORITHMS}
            for seed in track(range(SETS), column, transient=True):
                episodes = played(Errand("easy", tells=tells), max_steps, seed)
                solved[column] = float(np.mean([t.success for t in episodes]))
                steps, truth = Steps.of(episodes), progress(episodes)
                for name, advantages in ALGORITHMS.items():
                    correlation = np.corrcoef(advantages(steps), truth)[0, 1]
                    found[name].append([float(correlation)])
    table = Table("credit", *columns, title="correlation of advantages and progress")
    for name in ALGORITHMS:
        table.add_row(name, *(str(mean_interval(found[name])) for found in columns.values()))
    table.add_section()
    table.add_row("episodes that succeed", *(f"{share:.2f}" for share in solved.values()))
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
