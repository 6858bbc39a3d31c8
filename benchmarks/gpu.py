"""Train a real model on every way that weights can reach vLLM on this machine, and write it down.

    python benchmarks/gpu.py                 on a machine with CUDA and vLLM's CUDA build
    python benchmarks/gpu.py --steps 2 --demonstrations 80   elsewhere: the CPU form, which says so

Each way is a run of examples/smollm2.toml: LoRA through adapters, all weights through CUDA IPC (one
GPU), NCCL (two) and a folder. Prints tokens/s, seconds of updates, the mismatch of engine and
trainer and success before and after, and appends it all to docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch

import agentgym
from agentgym.config import read_toml
from agentgym.evaluation import Report
from agentgym_trainers.config import load
from agentgym_trainers.engine.loop import train

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "docs" / "benchmarks.md"
HEADER = (
    "| weights | rollout tokens/s | update s | send s | mismatch mean / p99 | "
    "sampled success, before -> after |\n| --- | --- | --- | --- | --- | --- |\n"
)


def ways() -> dict[str, dict[str, Any]]:
    """Name of a way -> settings over those of the example."""
    if not torch.cuda.is_available():
        return {"LoRA, merged, folder": {"rollouts.groups": 2, "evaluation.tasks": 16}}
    engine = {"dtype": "bfloat16", "gpu_memory": 0.4, "eager": False}
    cuda: dict[str, Any] = {"model.device": "cuda", "policy.vllm": engine}
    whole = cuda | {"model.lora": None, "optimizer.lr": 1e-5}
    found = {
        "LoRA, adapter": cuda | {"policy.weights": "adapter"},
        "all, folder": whole | {"policy.weights": "folder"},
        "all, IPC": whole | {"policy.weights": "ipc"},
    }
    if torch.cuda.device_count() > 1:
        other = engine | {"gpu_memory": 0.9, "variables": {"CUDA_VISIBLE_DEVICES": "1"}}
        found["all, NCCL"] = whole | {"policy.weights": "nccl", "policy.vllm": other}
    return found


def configured(way: str, settings: dict[str, Any], folder: Path) -> Path:
    """The example's config with ``settings``, as a file."""
    tables = read_toml(ROOT / "examples" / "smollm2.toml")
    changes = settings | {"run_dir": str(folder / way.replace(", ", "-"))}
    for key, value in changes.items():
        *path, last = key.split(".")
        table = tables
        for name in path:
            table = table.setdefault(name, {})
        if value is None:
            table.pop(last, None)
        else:
            table[last] = value
    file = folder / f"{way.replace(', ', '-')}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(tomli_w.dumps(tables))
    return file


def row(way: str, file: Path) -> str:
    """Train, and say how it went in a line of the table."""
    config = load(file, [])
    before, after = agentgym.run(train, config)
    lines = (config.run_dir / "metrics.jsonl").read_text().splitlines()
    steps = [line for line in map(json.loads, lines) if "train/tokens" in line]

    def median(name: str) -> float:
        return float(np.median([step[name] for step in steps if name in step]))

    speed = sum(s["train/tokens"] for s in steps) / sum(s["seconds/rollout"] for s in steps)
    first, last = (Report.of(found["sampled"]).success for found in (before, after))
    return (
        f"| {way} | {speed:.0f} | {median('seconds/update'):.2f} | "
        f"{median('seconds/send_weights'):.2f} | {median('update/mismatch'):.1e} / "
        f"{median('update/mismatch_p99'):.1e} | {first} -> {last} |\n"
    )


def hardware() -> str:
    """What this machine calls itself."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    name = cpu[0].partition(":")[2].strip() if cpu else platform.processor()
    return f"no CUDA device: the CPU form, on {len(cpu)} cores of {name}"


def main() -> None:
    """Run every way, print the table and append it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=20, help="training steps of each way")
    parser.add_argument("--demonstrations", type=int, help="of the warm start; default: 160")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "gpu", help="the runs")
    arguments = parser.parse_args()
    chosen = {"steps": arguments.steps}
    if arguments.demonstrations:
        chosen["warm_start.demonstrations"] = arguments.demonstrations
    title = f"\n### `{' '.join(['python', *sys.argv])}`\n\n"
    title += f"{datetime.now(UTC):%Y-%m-%d}, {hardware()}, torch {torch.__version__}.\n\n{HEADER}"
    rows = [
        row(way, configured(way, settings | chosen, arguments.folder))
        for way, settings in ways().items()
    ]
    print(title + "".join(rows))
    with RECORD.open("a", encoding="utf-8") as record:
        record.write(title + "".join(rows))
    print(f"appended to {RECORD}; learning curves: {arguments.folder}/*/curve.png")


if __name__ == "__main__":
    main()
