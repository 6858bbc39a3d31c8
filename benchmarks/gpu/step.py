"""One update of all weights of a model of Qwen2.5-1.5B's shape (a tiny one without CUDA).

    python benchmarks/gpu/step.py float32
    python benchmarks/gpu/step.py bfloat16

Weights and tokens are random: time and memory depend on their number only.
"""

from __future__ import annotations

import json
import random
import sys
import time
from typing import Any

import numpy as np
import torch
from machine import matmul_rate
from transformers import Qwen2Config, Qwen2ForCausalLM

from agentgym.env.text_env import Task
from agentgym.trajectory import Step, StopReason, Trajectory
from agentgym_trainers.config import OptimizerConfig
from agentgym_trainers.learner.learner import Learner
from agentgym_trainers.learner.rows import rows_of
from agentgym_trainers.objectives.ppo_clip import PPOClip

CUDA = torch.cuda.is_available()
EPISODES, TURNS, OBSERVED, SAMPLED = (64, 4, 192, 64) if CUDA else (4, 2, 12, 8)
SHAPE = (
    {
        "vocab_size": 151936,
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    }
    if CUDA
    else {
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
    }
)


def episodes(vocabulary: int) -> list[Trajectory]:
    """Episodes of random tokens whose turns extend each other."""
    drawn = random.Random(0)

    def step() -> Step:
        return Step(
            observation="",
            action="",
            reward=0.0,
            anchor="",
            segment=0,
            prompt_ids=[drawn.randrange(vocabulary) for _ in range(OBSERVED)],
            ids=[drawn.randrange(vocabulary) for _ in range(SAMPLED)],
            logprobs=[-5.0] * SAMPLED,
        )

    return [
        Trajectory(
            id=f"e{number}",
            group="g",
            task=Task(id="t", split="train"),
            stop_reason=StopReason.TERMINATED,
            steps=[step() for _ in range(TURNS)],
        )
        for number in range(EPISODES)
    ]


def main(precision: str) -> dict[str, Any]:
    """Seconds, tokens/s, memory and the share of the machine's matmul rate."""
    device = "cuda" if CUDA else "cpu"
    with torch.device(device):
        model = Qwen2ForCausalLM(Qwen2Config(**SHAPE)).eval()
    size = sum(p.numel() for p in model.parameters())
    learner = Learner(model, OptimizerConfig(precision=precision, micro_tokens=8192))
    played = episodes(SHAPE["vocab_size"])
    rows = rows_of(played, np.random.default_rng(0).normal(size=EPISODES * TURNS))
    tokens = sum(map(len, rows))
    seconds = []
    for seed in range(3):
        started = time.perf_counter()
        learner.reinforce(rows, PPOClip(), temperature=1.0, lr=1e-6, seed=seed)
        if CUDA:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    best = min(seconds)
    share = 6 * size * tokens / best / 1e12 / matmul_rate(getattr(torch, precision))
    figures = {
        "parameters": f"{size / 1e9:.2f}B",
        "tokens": tokens,
        "seconds": round(best, 2),
        "tokens/s": round(tokens / best),
        "share of the matmul rate": round(share, 2),
    }
    if CUDA:
        figures["peak GiB"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
    return figures


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
