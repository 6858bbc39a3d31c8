"""The quickstart with several seeds: does the agent learn every time?

    python benchmarks/quickstart_seeds.py --seeds 5 --jobs 2

Runs that are there already are not made again. Prints a line a seed and the means.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agentgym.evaluation.evaluation import Report
from agentgym.evaluation.statistics import mean_interval
from agentgym_trainers.run.held_out import KINDS, saved
from agentgym_trainers.run.metrics import read

ROOT = Path(__file__).parent.parent


def folder(seed: int) -> Path:
    """Where the run of a seed is."""
    return ROOT / f"runs/quick-{seed}"


def train(seed: int) -> None:
    """One run on one core."""
    if (folder(seed) / "curve.png").exists():
        return
    started = time.perf_counter()
    subprocess.run(
        [
            *(sys.executable, "-m", "agentgym", "train", ROOT / "examples/quickstart.toml"),
            *(f"--seed={seed}", f"--run_dir={folder(seed)}"),
        ],
        check=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    print(f"seed {seed} took {time.perf_counter() - started:.0f} s on one core", flush=True)


def main() -> None:
    """Run what is missing, then show everything."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to N-1")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side, a core each")
    arguments = parser.parse_args()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(train, range(arguments.seeds)))
    ends: dict[str, list[list[float]]] = {}
    for seed in range(arguments.seeds):
        last = max(int(record["step"]) for record in read(folder(seed) / "metrics.jsonl"))
        line = f"seed {seed}:"
        for kind in KINDS:
            before, after = (Report.of(saved(folder(seed), step)[kind]) for step in (0, last))
            line += f"  {kind} {before.success} -> {after.success}"
            for when, report in (("start", before), ("end", after)):
                ends.setdefault(f"{kind}, {when}", []).append([report.success.mean])
        print(line)
    for name, values in ends.items():
        print(f"{name}: mean over seeds {mean_interval(values)}")


if __name__ == "__main__":
    main()
