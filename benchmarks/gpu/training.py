"""A short run of an example in one way that weights can reach vLLM.

python benchmarks/gpu/training.py smollm2 adapter FOLDER --steps 8
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch

import agentgym
from agentgym.config import read_toml
from agentgym.evaluation.evaluation import Report
from agentgym_trainers.config import load
from agentgym_trainers.run.loop import train

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
ENGINE = {
    "dtype": "bfloat16",
    "gpu_memory": 0.05,
    "max_model_len": 2048,
    "eager": False,
    # Told rather than measured: measuring fails when another process gives memory back.
    "arguments": ["--kv-cache-memory-bytes", "6000000000"],
}
EAGER = ENGINE | {"eager": True}
SERVED: dict[str, Any] = {"policy.engine": "vllm", "policy.vllm": ENGINE}
WAYS: dict[str, dict[str, Any]] = {
    "local": {"policy.engine": "local", "optimizer.precision": "float32"},
    "exact": {"policy.engine": "vllm", "policy.vllm": EAGER | {"dtype": "float32"}},
    "folder": SERVED,
    "adapter": SERVED | {"policy.weights": "adapter", "model.lora": {"rank": 16}},
    "ipc": SERVED | {"policy.weights": "ipc"},
    "sleep": {"policy.engine": "vllm-in-process", "policy.vllm": EAGER},
}
if torch.cuda.device_count() > 1:
    other = ENGINE | {"variables": {"CUDA_VISIBLE_DEVICES": "1"}}
    WAYS["nccl"] = SERVED | {"policy.weights": "nccl", "policy.vllm": other}
if torch.cuda.is_available():
    WAYS = {way: {"model.device": "cuda"} | settings for way, settings in WAYS.items()}
else:
    WAYS = {"cpu": {"rollouts.groups": 2}}


def example(model: str, way: str) -> dict[str, Any]:
    """The settings of a model's example file that a short run changes."""
    if model == "tiny":
        return {"warm_start.demonstrations": 100, "evaluation.tasks": 16}
    if way in ("adapter", "cpu"):
        return {}
    return {"model.lora": None, "optimizer.lr": 1e-5, "warm_start.lr": 2e-5}


def configured(original: Path, settings: dict[str, Any], file: Path) -> Path:
    """A config with ``settings``, as a file; None takes a key away."""
    tables = read_toml(original)
    for key, value in settings.items():
        *path, last = key.split(".")
        table = tables
        for name in path:
            table = table.setdefault(name, {})
        if value is None:
            table.pop(last, None)
        else:
            table[last] = value
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(tomli_w.dumps(tables))
    return file


def main(model: str, way: str, folder: Path, changes: dict[str, Any]) -> dict[str, Any]:
    """Train, and say how it went."""
    name = f"{model}-{way}"
    settings = example(model, way) | WAYS[way] | changes | {"run_dir": str(folder / name)}
    original = EXAMPLES / f"{'quickstart' if model == 'tiny' else model}.toml"
    config = load(configured(original, settings, folder / f"{name}.toml"), [])
    before, after = agentgym.run(train, config)
    lines = (config.run_dir / "metrics.jsonl").read_text().splitlines()
    steps = [line for line in map(json.loads, lines) if "train/tokens" in line]

    def median(name: str) -> float:
        return float(np.median([step[name] for step in steps if name in step] or [np.nan]))

    success = (Report.of(found["sampled"]).success for found in (before, after))
    figures = {
        "rollout tokens/s": round(
            sum(s["train/tokens"] for s in steps) / sum(s["seconds/rollout"] for s in steps)
        ),
        "rollout s": round(median("seconds/rollout"), 2),
        "update s": round(median("seconds/update"), 2),
        "send s": round(median("seconds/send_weights"), 2),
        "mismatch, mean": f"{median('update/mismatch'):.1e}",
        "mismatch, p99": f"{median('update/mismatch_p99'):.1e}",
        "probe": f"{median('update/probe'):.1e}",
        "sampled success": " -> ".join(f"{each.mean:.2f}" for each in success),
    }
    if torch.cuda.is_available():
        figures["trainer's peak GiB"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=("tiny", "smollm2"))
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=8)
    arguments = parser.parse_args()
    print(
        json.dumps(
            main(arguments.model, arguments.way, arguments.folder, {"steps": arguments.steps})
        )
    )
