"""Tokens/s through our policy and a server, against vLLM alone on the same prompts and seeds.

python benchmarks/gpu/generation.py smollm2
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import torch
from sampling import completions

import agentgym
from agentgym.policy.folder import named_folder
from agentgym.policy.vllm import EngineConfig

CUDA = torch.cuda.is_available()
COUNT, TOKENS = (256, 256) if CUDA else (8, 32)


def alone(
    folder: Path, config: EngineConfig, prompts: list[list[int]], stops: set[int]
) -> list[float]:
    """Tokens/s of vLLM's own batch interface, twice; the first warms up."""
    os.environ |= {"VLLM_LOGGING_LEVEL": "ERROR", "VLLM_CPU_KVCACHE_SPACE": "1"}
    # Imported late: it reads the environment then.
    from vllm import LLM, SamplingParams  # noqa: PLC0415

    engine = LLM(
        str(folder),
        dtype=config.dtype,
        gpu_memory_utilization=config.gpu_memory,
        max_model_len=config.max_model_len,
        max_num_seqs=config.max_num_seqs,
        enforce_eager=config.eager,
        logprobs_mode="processed_logprobs",
        enable_prefix_caching=False,
        **({} if CUDA else {"enable_chunked_prefill": False}),
    )
    sampling = [
        SamplingParams(
            temperature=1.0,
            max_tokens=TOKENS,
            seed=seed,
            logprobs=0,
            stop_token_ids=sorted(stops),
            detokenize=False,
        )
        for seed in range(len(prompts))
    ]
    rates = []
    for _ in range(2):
        started = time.perf_counter()
        answers = engine.generate(
            [{"prompt_token_ids": ids} for ids in prompts], sampling, use_tqdm=False
        )
        sampled = sum(len(answer.outputs[0].token_ids) for answer in answers)
        rates.append(sampled / (time.perf_counter() - started))
    return rates


def main(name: str) -> dict[str, float]:
    """Both figures and their ratio."""
    folder = named_folder(name)
    config = EngineConfig(
        dtype="bfloat16" if CUDA else "float32",
        gpu_memory=0.3,
        max_model_len=1024,
        max_num_seqs=COUNT,
        eager=not CUDA,
        cpu_cache=1,
    )
    with tempfile.TemporaryDirectory() as log:
        prompts, rounds, seconds = agentgym.run(
            completions,
            folder,
            config,
            count=COUNT,
            tokens=TOKENS,
            log=Path(log, "vllm.log"),
            rounds=3,
        )
    tokens = [sum(len(answer.ids) for answer in answers) for answers in rounds]
    ours = max(t / s for t, s in zip(tokens[1:], seconds[1:], strict=True))
    stops = {answer.ids[-1] for answer in rounds[0] if answer.finish_reason == "stop"}
    vllm = max(alone(folder, config, prompts, stops))
    return {
        "ours, tokens/s": round(ours),
        "vLLM alone, tokens/s": round(vllm),
        "ratio": round(ours / vllm, 2),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
