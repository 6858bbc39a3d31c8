"""GiGPO against GRPO: same start, same budget of sampled tokens, same penalty, no discount.

    python benchmarks/gigpo_vs_grpo.py --seeds 5 --jobs 2

Each seed imitates flawed demonstrations once; both algorithms go on from those weights. Runs that
are there already are not made again. Prints a table and draws docs/gigpo_vs_grpo.png.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from agentgym.evaluation import Report
from agentgym.statistics import mean_interval, paired_difference
from agentgym_trainers.engine.held_out import saved
from agentgym_trainers.engine.metrics import read

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "runs/gigpo_vs_grpo"
ARMS = {"gigpo": ["--credit.gamma=1.0"], "grpo": ["--credit.name=grpo"]}
COLOURS = {"gigpo": "#1f4e79", "grpo": "#c44e52"}


def train(folder: Path, seed: int, *overrides: str) -> None:
    """One run on one core."""
    subprocess.run(
        [
            *(sys.executable, "-m", "agentgym", "train", ROOT / "benchmarks/gigpo_vs_grpo.toml"),
            *(f"--seed={seed}", f"--run_dir={folder}", *overrides),
        ],
        check=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )


def play(seed: int) -> None:
    """The warm start of a seed and its two runs."""
    start = RUNS / f"start-{seed}"
    if not (start / "start/config.json").exists():
        train(start, seed, "--steps=0", "--evaluation.tasks=2")
    for arm, overrides in ARMS.items():
        if not (RUNS / f"{arm}-{seed}/curve.png").exists():
            weights = f"--model.path={start / 'start'}"
            train(
                RUNS / f"{arm}-{seed}", seed, weights, "--warm_start.demonstrations=0", *overrides
            )
    print(f"seed {seed} is done", flush=True)


def last_step(folder: Path) -> int:
    """The training step at which the budget was spent."""
    return max(int(record["step"]) for record in read(folder / "metrics.jsonl"))


def outcome(arm: str, seed: int, kind: str, step: int | None = None) -> Report:
    """The held-out evaluation of a run, by default the one at its end."""
    folder = RUNS / f"{arm}-{seed}"
    return Report.of(saved(folder, last_step(folder) if step is None else step)[kind])


def show(seeds: range) -> None:
    """The table: means over seeds with 95% intervals, and paired differences."""
    console = Console()
    table = Table("held out", *ARMS, "gigpo - grpo, paired by seed", title="success")
    for kind in ("greedy", "sampled"):
        values = {arm: [[outcome(arm, s, kind).success.mean] for s in seeds] for arm in ARMS}
        start = mean_interval([[outcome("gigpo", s, kind, 0).success.mean] for s in seeds])
        table.add_row(f"{kind}, start", str(start), "the same", "")
        difference = paired_difference(
            {str(s): v for s, v in zip(seeds, values["grpo"], strict=True)},
            {str(s): v for s, v in zip(seeds, values["gigpo"], strict=True)},
        )
        shown = [str(mean_interval(values[arm])) for arm in ARMS]
        table.add_row(f"{kind}, end", *shown, str(difference))
    console.print(table)
    for arm in ARMS:
        for s in seeds:
            tokens = read(RUNS / f"{arm}-{s}/metrics.jsonl")
            spent = max(r.get("train/sampled_tokens_so_far", 0.0) for r in tokens)
            greedy, sampled = (outcome(arm, s, kind) for kind in ("greedy", "sampled"))
            console.print(
                f"{arm} seed {s}: greedy {greedy.success}, sampled {sampled.success}, "
                f"{sampled.steps:.1f} steps, {spent:.0f} tokens in {last_step(RUNS / f'{arm}-{s}')}"
                " training steps",
                highlight=False,
            )


def draw(seeds: range) -> None:
    """Training success against sampled tokens, and held-out success at the end."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    for place, arm in enumerate(ARMS):
        curves = []
        for seed in seeds:
            records = [
                r for r in read(RUNS / f"{arm}-{seed}/metrics.jsonl") if "train/success" in r
            ]
            tokens = [r["train/sampled_tokens_so_far"] for r in records]
            success = [r["train/success"] for r in records]
            left.plot(tokens, success, color=COLOURS[arm], alpha=0.25, linewidth=1)
            curves.append((tokens, success))
        grid = np.linspace(max(t[0] for t, _ in curves), min(t[-1] for t, _ in curves), 50)
        mean = np.mean([np.interp(grid, t, s) for t, s in curves], axis=0)
        left.plot(grid, mean, color=COLOURS[arm], linewidth=2.5, label=f"{arm}, mean of seeds")
        ends = [outcome(arm, seed, "sampled").success.mean for seed in seeds]
        right.scatter([place] * len(ends), ends, color=COLOURS[arm], alpha=0.6)
        right.hlines(np.mean(ends), place - 0.2, place + 0.2, color=COLOURS[arm], linewidth=3)
    left.set(xlabel="sampled tokens", ylabel="success on training tasks", ylim=(0, 1))
    left.legend(loc="lower right")
    right.set(title="held out, sampled, at the end", ylim=(0, 1), xlim=(-0.5, 1.5))
    right.set_xticks(range(len(ARMS)), list(ARMS))
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(ROOT / "docs/gigpo_vs_grpo.png", dpi=150)


def main() -> None:
    """Run what is missing, then show everything."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to N-1")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side, a core each")
    arguments = parser.parse_args()
    seeds = range(arguments.seeds)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(play, seeds))
    show(seeds)
    draw(seeds)


if __name__ == "__main__":
    main()
