"""The algorithms against each other: same start, same budget of sampled tokens, several seeds.

    python benchmarks/algorithms.py --seeds 5 --jobs 2
    python benchmarks/algorithms.py --only shopping --seeds 5

A setting is a file of benchmarks/algorithms; its first comment says what it is for. Each seed
imitates flawed demonstrations once, and all arms go on from those weights. Runs that are there
already are not made again. Prints a table for each setting and draws docs/algorithms-SETTING.png.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from agentgym.statistics import mean_interval, paired_difference
from agentgym_trainers.engine.metrics import read

ROOT = Path(__file__).parent.parent
SETTINGS = Path(__file__).parent / "algorithms"
RUNS = ROOT / "runs/algorithms"
NO_PENALTY = "--credit.invalid_penalty=0"  # the others have none
ARMS = {
    "GRPO": ["--credit.name=grpo"],
    "GiGPO": ["--credit.name=gigpo", "--credit.statistics=trajectories", NO_PENALTY],
    "HGPO": ["--credit.name=hgpo", NO_PENALTY],
    "ARPO": ["--credit.name=grpo", "--rollouts.name=arpo", "--rollouts.initial=4"],
    "AEPO": ["--credit.name=aepo", "--rollouts.name=aepo", "--objective.name=aepo_clip"],
}
"""GRPO is what the others are compared with."""
KINDS = ("greedy", "sampled")


def train(setting: str, folder: Path, seed: int, *overrides: str) -> None:
    """One run on one core."""
    if (folder / "curve.png").exists():
        return
    config = SETTINGS / f"{setting}.toml"
    subprocess.run(
        [
            *(sys.executable, "-m", "agentgym", "train", config),
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
    return RUNS / f"{setting}/{arm}-{seed}"


def start(setting: str, seed: int) -> None:
    """The warm start that all arms of a seed share."""
    train(setting, run_of(setting, "start", seed), seed, "--steps=0", "--evaluation.tasks=2")


def play(setting: str, seed: int, arm: str) -> None:
    """One arm, from those weights."""
    weights = run_of(setting, "start", seed) / "start"
    begin = [f"--model.path={weights}", "--warm_start.demonstrations=0"]
    train(setting, run_of(setting, arm, seed), seed, *begin, *ARMS[arm])


def success(setting: str, arm: str, seed: int, kind: str) -> list[float]:
    """Held-out success, first and last."""
    name = f"eval/{kind}/success"
    records = read(run_of(setting, arm, seed) / "metrics.jsonl")
    values = [record[name] for record in records if name in record]
    return [values[0], values[-1]]


def show(setting: str, seeds: range) -> None:
    """Means over seeds with 95% intervals, and differences from GRPO, paired by seed."""
    console = Console()
    table = Table("", *(f"{kind}{what}" for kind in KINDS for what in ("", " - GRPO")))
    table.title = setting
    began = {kind: [success(setting, "GRPO", s, kind)[:1] for s in seeds] for kind in KINDS}
    table.add_row(
        "start", *(cell for kind in KINDS for cell in (str(mean_interval(began[kind])), ""))
    )
    for arm in ARMS:
        cells = []
        for kind in KINDS:
            ends = {str(s): success(setting, arm, s, kind)[1:] for s in seeds}
            other = {str(s): success(setting, "GRPO", s, kind)[1:] for s in seeds}
            cells.append(str(mean_interval(list(ends.values()))))
            cells.append("" if arm == "GRPO" else str(paired_difference(other, ends)))
        table.add_row(arm, *cells)
    console.print(table)


def draw(setting: str, seeds: range) -> None:
    """Success on training tasks against sampled tokens; thin lines are seeds."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for place, arm in enumerate(ARMS):
        curves = []
        for seed in seeds:
            records = read(run_of(setting, arm, seed) / "metrics.jsonl")
            steps = [record for record in records if "train/success" in record]
            tokens = [record["train/sampled_tokens_so_far"] for record in steps]
            won = [record["train/success"] for record in steps]
            axes.plot(tokens, won, color=f"C{place}", alpha=0.15, linewidth=1)
            curves.append((tokens, won))
        grid = np.linspace(max(t[0] for t, _ in curves), min(t[-1] for t, _ in curves), 50)
        mean = np.mean([np.interp(grid, tokens, won) for tokens, won in curves], axis=0)
        axes.plot(grid, mean, color=f"C{place}", linewidth=2, label=arm)
    axes.set(xlabel="sampled tokens", ylabel="success on training tasks", title=setting)
    axes.legend(loc="lower right")
    figure.savefig(ROOT / f"docs/algorithms-{setting}.png", dpi=120)


def main() -> None:
    """Run what is missing, then show everything."""
    settings = sorted(file.stem for file in SETTINGS.glob("*.toml"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to N-1")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side, a core each")
    parser.add_argument("--only", nargs="*", choices=settings, help="these settings")
    arguments = parser.parse_args()
    chosen, seeds = arguments.only or settings, range(arguments.seeds)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda run: start(*run), product(chosen, seeds)))
        list(pool.map(lambda run: play(*run), product(chosen, seeds, ARMS)))
    for setting in chosen:
        show(setting, seeds)
        draw(setting, seeds)


if __name__ == "__main__":
    main()
