"""Many completions at once from a server of our own, for the parts that measure it."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import anyio

from agentgym.policy import Completion, Prompt, Sampling
from agentgym.policy.vllm import EngineConfig
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym.policy.vllm.process import serving

WORDS = ("red", "shoe", "cheap", "box", "door", "key", "north", "river", "table", "cold", "glass")


async def completions(
    model: Path, config: EngineConfig, *, count: int, tokens: int, log: Path, rounds: int = 1
) -> tuple[list[list[int]], list[list[Completion]], list[float]]:
    """Prompts, the completions of each round and its seconds; all prompts are asked at once."""
    async with serving(model, config, log=log, say=lambda _: None) as server:
        policy = await VLLMPolicy.connect([server], config)
        asked = prompts(policy.renderer, count)
        sampling = Sampling(max_tokens=tokens)
        found, seconds = [], []
        for number in range(rounds):
            answers: dict[int, Completion] = {}
            order = list(range(count))
            random.Random(number).shuffle(order)  # so each round makes other batches

            async def one(
                index: int, number: int = number, answers: dict[int, Completion] = answers
            ) -> None:
                name = f"{number}-{index}"
                async with policy.session(name):
                    prompt = Prompt(name, name, 0, index, [], asked[index], tools=(), env=Any)
                    answers[index] = await policy.generate(prompt, sampling)

            started = time.perf_counter()
            async with anyio.create_task_group() as tasks:
                for index in order:
                    tasks.start_soon(one, index)
            seconds.append(time.perf_counter() - started)
            found.append([answers[index] for index in range(count)])
        return asked, found, seconds


def prompts(renderer: Any, count: int) -> list[list[int]]:
    """Ids of prompts of about a hundred tokens, no two alike."""
    drawn = random.Random(0)
    texts = (" ".join(drawn.choices(WORDS, k=80)) for _ in range(count))
    return [renderer.render([{"role": "user", "content": text}]).ids for text in texts]
