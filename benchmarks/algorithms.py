"""The algorithms against each other: same start, same budget of sampled tokens, several seeds.

    python benchmarks/algorithms.py --seeds 5 --jobs 2
    python benchmarks/algorithms.py --only tools --seeds 5

A setting is a file of benchmarks/algorithms; its first comment says what it is for. Each seed
imitates flawed demonstrations once, and all algorithms go on from those weights; under memory as
action a model sees other prompts, so that arm imitates on its own. Runs that are there already are
not made again. Prints a table for each setting and draws docs/algorithms.png.
"""

import argparse
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import tidying
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from agentgym.evaluation.statistics import mean_interval, paired_difference
from agentgym.trajectory import read_jsonl
from agentgym_trainers.config import load
from agentgym_trainers.run.metrics import read

ROOT = Path(__file__).parent.parent
CONFIGS = Path(__file__).parent / "algorithms"
RUNS = ROOT / "runs/algorithms"
NO_PENALTY = "--credit.invalid_penalty=0"  # ARPO and AEPO have none
HISTORY = "--credit.history=4"  # the longest that the paper compares
ALGORITHMS = {
    "GRPO": ["--credit.name=grpo"],
    "GiGPO": ["--credit.name=gigpo", "--credit.statistics=trajectories", NO_PENALTY],
    "HGPO": ["--credit.name=hgpo", HISTORY, NO_PENALTY],
    "ARPO": ["--credit.name=grpo", "--rollouts.name=arpo", "--rollouts.initial=4"],
    "AEPO": ["--credit.name=aepo", "--rollouts.name=aepo", "--objective.name=aepo_clip"],
}
MEMORY = ["--context.name=memory", "--context.instructions=", '--context.offers=["prune"]']
SETTINGS = {
    "states": ["GRPO", "GiGPO", "HGPO", "ARPO", "AEPO", "memory"],
    "tools": ["GRPO", "ARPO", "AEPO"],
    "histories": ["GRPO", "GiGPO", "HGPO"],
    "overflow": ["full history", "memory"],
}
"""Setting -> its arms; the first is what the others are compared with."""
WITHIN = {"states": 12, "histories": 12}
"""Setting -> steps within which success counts, where nearly all get there some time."""
KINDS = ("greedy", "sampled")


def train(setting: str, arm: str, seed: int, *overrides: str) -> None:
    """One run on one core."""
    folder = run_of(setting, arm, seed)
    if (folder / "curve.png").exists():
        return
    subprocess.run(
        [
            *(sys.executable, "-m", "agentgym", "train", CONFIGS / f"{setting}.toml"),
            *(f"--seed={seed}", f"--run_dir={folder}", *overrides),
        ],
        check=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    print(f"{folder.relative_to(RUNS)} is there", flush=True)


def run_of(setting: str, arm: str, seed: int) -> Path:
    """The folder of a run."""
    return RUNS / setting / f"{arm.replace(' ', '-')}-{seed}"


def compare(setting: str, seed: int) -> None:
    """The arms of a setting, one after the other."""
    if setting == "overflow":
        # No episode fits, so none is rewarded and nothing can be learnt: a few steps show that.
        train(setting, "full history", seed, "--steps=5", "--warm_start.demonstrations=100")
        train(setting, "memory", seed, *MEMORY, *tidied(seed))
        return
    train(setting, "start", seed, "--steps=0", "--evaluation.tasks=2")
    begin = f"--model.path={run_of(setting, 'start', seed) / 'start'}"
    for arm in SETTINGS[setting]:
        if arm == "memory":
            train(setting, arm, seed, *MEMORY)
        else:
            train(setting, arm, seed, begin, "--warm_start.demonstrations=0", *ALGORITHMS[arm])


def tidied(seed: int) -> list[str]:
    """Demonstrations in which the context is pruned, in a file."""
    file = RUNS / f"overflow/demonstrations-{seed}.jsonl"
    if not file.exists():
        tidying.write(file, load(CONFIGS / "overflow.toml", [f"--seed={seed}"]))
    return [f'--warm_start.trajectories=["{file}"]', "--warm_start.demonstrations=0"]


def won(file: Path, setting: str) -> float:
    """Share of the episodes of a file that succeeded, where it counts early enough."""
    within = WITHIN.get(setting, math.inf)
    return float(np.mean([t.success and len(t.steps) <= within for t in read_jsonl(file)]))


def success(setting: str, arm: str, seed: int, kind: str) -> list[float]:
    """Held-out success, first and last."""
    files = sorted((run_of(setting, arm, seed) / "evaluations").glob(f"*-{kind}.jsonl"))
    return [won(file, setting) for file in (files[0], files[-1])]


def curve(setting: str, arm: str, seed: int) -> tuple[list[float], list[float]]:
    """Tokens sampled so far, and success on training tasks, of each training step."""
    run = run_of(setting, arm, seed)
    files = sorted((run / "trajectories").glob("step-*.jsonl"))
    name = "train/sampled_tokens_so_far"
    tokens = [record[name] for record in read(run / "metrics.jsonl") if name in record]
    return tokens, [won(file, setting) for file in files]


def credit_share(setting: str, arm: str, seeds: range) -> float:
    """Seconds that credit took, of all seconds of training steps."""
    every = [
        record for seed in seeds for record in read(run_of(setting, arm, seed) / "metrics.jsonl")
    ]
    steps = [record for record in every if "seconds/credit" in record]
    return sum(r["seconds/credit"] for r in steps) / sum(r["seconds/step"] for r in steps)


def show(setting: str, seeds: range) -> None:
    """Means over seeds with 95% intervals, and differences from the first arm, paired by seed."""
    arms = SETTINGS[setting]
    columns = (f"{kind}, {what}" for kind in KINDS for what in ("start", "end", f"- {arms[0]}"))
    table = Table("", *columns, "credit's time", title=setting)
    for arm in arms:
        cells = []
        for kind in KINDS:
            ends = {str(seed): success(setting, arm, seed, kind) for seed in seeds}
            other = {str(seed): success(setting, arms[0], seed, kind) for seed in seeds}
            cells += [
                str(mean_interval([[end[place]] for end in ends.values()])) for place in (0, 1)
            ]
            difference = paired_difference(
                {seed: end[1:] for seed, end in other.items()},
                {seed: end[1:] for seed, end in ends.items()},
            )
            cells.append("" if arm == arms[0] else str(difference))
        table.add_row(arm, *cells, f"{credit_share(setting, arm, seeds):.2%}")
    Console(width=160).print(table)


def draw(axes: Axes, setting: str, seeds: range) -> None:
    """Success on training tasks against sampled tokens; thin lines are seeds."""
    for place, arm in enumerate(SETTINGS[setting]):
        curves = [curve(setting, arm, seed) for seed in seeds]
        for line in curves:
            axes.plot(*line, color=f"C{place}", alpha=0.15, linewidth=1)
        grid = np.linspace(max(t[0] for t, _ in curves), min(t[-1] for t, _ in curves), 50)
        mean = np.mean([np.interp(grid, *line) for line in curves], axis=0)
        axes.plot(grid, mean, color=f"C{place}", linewidth=2, label=arm)
    axes.set(xlabel="sampled tokens", ylabel="success on training tasks", title=setting)
    axes.legend(loc="upper left")


def main() -> None:
    """Run what is missing, then show everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to N-1")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side, a core each")
    parser.add_argument("--only", nargs="*", choices=list(SETTINGS), help="these settings")
    arguments = parser.parse_args()
    chosen, seeds = arguments.only or list(SETTINGS), range(arguments.seeds)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda job: compare(job[1], job[0]), product(seeds, chosen)))
    for setting in chosen:
        show(setting, seeds)
    figure = Figure(figsize=(5 * len(chosen), 4), layout="constrained")
    for axes, setting in zip(
        figure.subplots(1, len(chosen), squeeze=False)[0], chosen, strict=True
    ):
        draw(axes, setting, seeds)
    figure.savefig(ROOT / "docs/algorithms.png", dpi=110)


if __name__ == "__main__":
    main()
