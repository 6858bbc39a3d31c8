"""Does a short training run raise held-out success in each family of environments?

    python benchmarks/families.py --seeds 3 --jobs 2

A run for each file of benchmarks/families and each seed, on one core each. Runs that are there
already are not made again. Prints a table and draws docs/families.png.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from agentgym.evaluation.evaluation import Report, compare
from agentgym.evaluation.statistics import mean_interval
from agentgym_trainers.run.held_out import KINDS, saved
from agentgym_trainers.run.metrics import read

ROOT = Path(__file__).parent.parent
CONFIGS = Path(__file__).parent / "families"
COLOURS = {"greedy": "#c44e52", "sampled": "#1f4e79"}


def folder(family: str, seed: int) -> Path:
    """Where a run is."""
    return ROOT / f"runs/families/{family}-{seed}"


def train(family: str, seed: int) -> None:
    """One run on one core."""
    if (folder(family, seed) / "curve.png").exists():
        return
    started = time.perf_counter()
    subprocess.run(
        [
            *(sys.executable, "-m", "agentgym", "train", CONFIGS / f"{family}.toml"),
            *(f"--seed={seed}", f"--run_dir={folder(family, seed)}"),
        ],
        check=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    print(f"{family}, seed {seed}: {time.perf_counter() - started:.0f} s on one core", flush=True)


def success(family: str, seed: int, kind: str) -> dict[int, float]:
    """Training step -> held-out success."""
    name = f"eval/{kind}/success"
    records = read(folder(family, seed) / "metrics.jsonl")
    return {int(record["step"]): record[name] for record in records if name in record}


def show(families: list[str], seeds: range) -> None:
    """Each run before and after RL, its gain paired by task; and the means over seeds."""
    console = Console(width=120)
    for kind in KINDS:
        table = Table("family", "seed", "after imitation", "after RL", "gain", title=kind)
        for family in families:
            for seed in seeds:
                steps = success(family, seed, kind)
                before, after = (
                    saved(folder(family, seed), step)[kind] for step in (0, max(steps))
                )
                rates = [str(Report.of(episodes).success) for episodes in (before, after)]
                table.add_row(family, str(seed), *rates, str(compare(before, after)))
            ends = [list(success(family, seed, kind).values()) for seed in seeds]
            means = [mean_interval([[end[place]] for end in ends]) for place in (0, -1)]
            gain = mean_interval([[end[-1] - end[0]] for end in ends])
            table.add_row(family, "mean", *map(str, means), f"{gain}", end_section=True)
        console.print(table)


def draw(families: list[str], seeds: range) -> None:
    """A panel for each family, a line for each seed."""
    figure = Figure(figsize=(3 * len(families), 3), layout="constrained")
    panels = figure.subplots(1, len(families), sharey=True, squeeze=False)[0]
    for panel, family in zip(panels, families, strict=True):
        panel.set(title=family, xlabel="training step", ylim=(-0.02, 1.02))
        for kind, seed in product(KINDS, seeds):
            curve = success(family, seed, kind)
            label = kind if seed == seeds[0] else None
            panel.plot(list(curve), list(curve.values()), color=COLOURS[kind], label=label)
    panels[0].set_ylabel("held-out success")
    panels[-1].legend()
    figure.savefig(ROOT / "docs/families.png", dpi=120)


def main() -> None:
    """Run what is missing, then show everything."""
    families = sorted(file.stem for file in CONFIGS.glob("*.toml"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to N-1")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side, a core each")
    parser.add_argument("--only", nargs="*", choices=families, help="these families")
    arguments = parser.parse_args()
    chosen, seeds = arguments.only or families, range(arguments.seeds)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda run: train(*run), product(chosen, seeds)))
    show(chosen, seeds)
    draw(chosen, seeds)


if __name__ == "__main__":
    main()
