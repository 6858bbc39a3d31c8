"""How far engine and trainer differ about sampled tokens, and whether a seed decides them.

python benchmarks/gpu/agreement.py smollm2 float32      the exact engine
python benchmarks/gpu/agreement.py smollm2 tf32         float32 with Triton's own products
python benchmarks/gpu/agreement.py smollm2 bfloat16     against float32 and bf16 autocast
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from sampling import completions

import agentgym
from agentgym.policy import Completion
from agentgym.policy.folder import named_folder
from agentgym.policy.loading import load_folder
from agentgym.policy.vllm import EngineConfig

COUNT, TOKENS = 48, 48
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@torch.no_grad()
def differences(
    model: Any, prompts: Sequence[list[int]], answers: Sequence[Completion], autocast: bool
) -> torch.Tensor:
    """|ln p| of engine and transformers for every sampled token."""
    found = []
    for prompt, answer in zip(prompts, answers, strict=True):
        ids = torch.tensor([[*prompt, *answer.ids]], device=model.device)
        with torch.autocast(DEVICE, torch.bfloat16, enabled=autocast):
            logits = model(ids, logits_to_keep=len(answer.ids) + 1).logits[0, :-1].float()
        sampled = torch.log_softmax(logits, -1).gather(1, ids[0, len(prompt) :, None])[:, 0]
        found.append((sampled.cpu() - torch.tensor(answer.logprobs)).abs())
    return torch.cat(found)


def main(name: str, precision: str) -> dict[str, Any]:
    """The figures of one precision."""
    folder = named_folder(name)
    config = EngineConfig(
        dtype="bfloat16" if precision == "bfloat16" else "float32",
        gpu_memory=0.05,
        arguments=["--kv-cache-memory-bytes", "4000000000"] if DEVICE == "cuda" else [],
        max_model_len=1024,
        cpu_cache=1,
        variables={"TRITON_F32_DEFAULT": "tf32"} if precision == "tf32" else {},
    )
    with tempfile.TemporaryDirectory() as log:
        prompts, (first, second), _ = agentgym.run(
            completions,
            folder,
            config,
            count=COUNT,
            tokens=TOKENS,
            log=Path(log, "vllm.log"),
            rounds=2,
        )
    model, _ = load_folder(folder, device=DEVICE, dtype=torch.float32)
    same = [list(a.ids) == list(b.ids) for a, b in zip(first, second, strict=True)]
    figures: dict[str, Any] = {"tokens": sum(len(a.ids) for a in first)}
    for against in ("float32", "autocast") if precision == "bfloat16" else ("float32",):
        off = differences(model, prompts, first, against == "autocast")
        figures[f"mean, against {against}"] = f"{off.mean():.1e}"
        figures[f"p99, against {against}"] = f"{off.quantile(0.99):.1e}"
        figures[f"max, against {against}"] = f"{off.max():.1e}"
    return figures | {"same seed in another batch, same tokens": f"{sum(same)} of {COUNT}"}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
