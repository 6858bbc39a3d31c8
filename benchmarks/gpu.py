"""The proof of the GPU path, in parts: each runs for itself, prints a line and leaves a JSON file.

    python benchmarks/gpu.py                     all parts; without CUDA their small CPU form
    python benchmarks/gpu.py agreement step      the parts whose names begin so
    python benchmarks/gpu.py --side-by-side 4 agreement     where only correctness counts

A part that fails or takes too long is a line too, and its log stays in the folder.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent / "gpu"


def parts(folder: Path) -> dict[str, list[str]]:
    """Name of a part -> its script and arguments."""
    runs = str(folder / "runs")
    cuda = torch.cuda.is_available()
    precisions = ("float32", "tf32", "bfloat16") if cuda else ("float32",)
    ways = ("local", "exact", "folder", "adapter", "ipc", "sleep") if cuda else ("cpu",)
    ways += ("nccl",) if torch.cuda.device_count() > 1 else ()
    steps = {"tiny": "3", "smollm2": "8" if cuda else "2"}
    return (
        {"machine": ["machine.py"]}
        | {f"agreement-{p}": ["agreement.py", "smollm2", p] for p in precisions}
        | {"generation": ["generation.py", "smollm2"]}
        | {f"step-{p}": ["step.py", p] for p in ("float32", "bfloat16")}
        | {
            f"{model}-{way}": ["training.py", model, way, runs, "--steps", steps[model]]
            for model in steps
            for way in ways
        }
    )


def measured(name: str, command: list[str], folder: Path, limit: float) -> bool:
    """Run one part, print its line and write its JSON; True when it succeeded."""
    log = folder / f"{name}.log"
    started = time.perf_counter()
    with log.open("w") as errors:
        part = subprocess.Popen(
            [sys.executable, str(HERE / command[0]), *command[1:]],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            output, _ = part.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(part.pid, signal.SIGTERM)  # which a run and its servers understand
            output = part.communicate()[0]
        with log.open("a") as everything:
            everything.write(output)
    seconds = time.perf_counter() - started
    if part.returncode:
        print(f"{name}: FAILED, status {part.returncode}, {seconds:.0f} s; see {log}", flush=True)
        return False
    figures = json.loads(output.splitlines()[-1])
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")
    line = ", ".join(f"{key} {value}" for key, value in figures.items())
    print(f"{name}: {line} ({seconds:.0f} s)", flush=True)
    return True


def main() -> int:
    """Run the chosen parts; the number of those that failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help="beginnings of names; default: all parts")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "gpu")
    parser.add_argument("--limit", type=float, default=1200.0, help="seconds of one part")
    parser.add_argument("--side-by-side", type=int, default=1, help="parts at once")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    known = parts(arguments.folder)
    chosen = [p for p in known if not arguments.parts or p.startswith(tuple(arguments.parts))]
    if not chosen:
        parser.error(f"no part begins so; there are {', '.join(known)}")
    with ThreadPoolExecutor(arguments.side_by_side) as pool:
        ended = pool.map(
            lambda name: measured(name, known[name], arguments.folder, arguments.limit), chosen
        )
        return sum(not good for good in ended)


if __name__ == "__main__":
    raise SystemExit(main())
