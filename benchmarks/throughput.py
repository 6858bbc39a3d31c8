"""How fast rollouts are: against vLLM's own offline generation, a lock-step loop, the ideal.

    python benchmarks/throughput.py            about 8 minutes on two cores
    python benchmarks/throughput.py --help

Instant tools: SmolLM2-135M, 32 episodes at a time, against vLLM's `LLM.generate` with the very
prompts and lengths of those episodes, all known beforehand. Slow tools: an environment whose steps
take 50 ms (median) and, one in a hundred, 5 s; our loop against one that steps all environments
together, and against the ideal schedule: the same episodes with the same seconds of policy and
environment, each slot taking the next one the moment it is free. The policy there is a tiny model
with random weights on vLLM, because on two cores SmolLM2 is slower than the tools.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import numpy as np

import agentgym
from agentgym.context.context import Message
from agentgym.policy import Prompt, Sampling
from agentgym.policy.smollm2 import smollm2
from agentgym.policy.vllm import EngineConfig
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym.policy.vllm.process import environment, serving
from agentgym.seeding import derive_seed
from agentgym_trainers.learner.tiny_model import tiny_model, tiny_tokenizer

CONFIG = EngineConfig(dtype="float32", max_model_len=1024, max_num_seqs=32, cpu_cache=2)
TURNS, PARALLEL, MEDIAN, STALL, RARE = 5, 32, 0.05, 5.0, 0.01
PAGE = "You see a list of things: " + ", ".join(f"thing {i} for {7 * i} coins" for i in range(6))


class Tool(agentgym.TextEnv):
    """Says the same page at each turn; with ``slow``, each step takes a heavy-tailed while."""

    system_prompt = "Tell what you see."

    def __init__(self, slow: bool) -> None:
        self.slow = slow

    def reset(
        self,
        *,
        seed: int | None = None,
        options: Any = None,  # noqa: ARG002
    ) -> tuple[str, dict[str, Any]]:
        self.seed, self.turn = int(seed or 0), 0
        return PAGE, {}

    def seconds(self) -> float:
        random = np.random.default_rng(derive_seed(self.seed, self.turn))
        return STALL if random.random() < RARE else MEDIAN * float(random.lognormal(0, 0.3))

    async def astep(self, action: str) -> agentgym.StepResult:
        if self.slow:
            await anyio.sleep(self.seconds())
        return self.step(action)

    def step(self, action: str) -> agentgym.StepResult:  # noqa: ARG002
        self.turn += 1
        return PAGE, 0.0, self.turn == TURNS, False, {}


async def ours(policy: VLLMPolicy, episodes: int, tokens: int, slow: bool) -> tuple[Any, float]:
    """Episodes by our loop, and the seconds they took."""
    tasks = [agentgym.Task(id=str(i), split="train") for i in range(episodes)]
    started = time.perf_counter()
    groups = await agentgym.collect(
        lambda: Tool(slow), policy, tasks, sampling=Sampling(max_tokens=tokens),
        concurrency=PARALLEL, max_failures=0.0,
    )  # fmt: skip
    return [t for g in groups for t in g.trajectories], time.perf_counter() - started


async def lock_step(policy: VLLMPolicy, episodes: int, tokens: int) -> float:
    """Seconds of a loop that samples for all environments, then steps all of them, and again."""
    started = time.perf_counter()
    for first in range(0, episodes, PARALLEL):
        envs = [Tool(slow=True) for _ in range(first, min(episodes, first + PARALLEL))]
        chats: list[list[Message]] = []
        for number, env in enumerate(envs, start=first):
            page, _ = env.reset(seed=derive_seed(0, "env", number))
            start = {"role": "system", "content": env.system_prompt}
            chats.append([cast(Message, start), {"role": "user", "content": page}])
        for turn in range(TURNS):
            await _all_turn(policy, envs, chats, turn, tokens)
    return time.perf_counter() - started


async def _all_turn(
    policy: VLLMPolicy, envs: list[Tool], chats: list[list[Message]], turn: int, tokens: int
) -> None:
    actions = [""] * len(envs)

    async def sample(i: int) -> None:
        ids = policy.renderer.render(chats[i]).ids
        prompt = Prompt(str(i), str(i), turn, i, chats[i], ids, (), envs[i])
        actions[i] = (await policy.generate(prompt, Sampling(max_tokens=tokens))).text

    async def step(i: int) -> None:
        await envs[i].astep(actions[i])

    for phase in (sample, step):
        async with anyio.create_task_group() as everyone:
            for i in range(len(envs)):
                everyone.start_soon(phase, i)
    for chat, action in zip(chats, actions, strict=True):
        chat.append({"role": "assistant", "content": action})
        chat.append({"role": "user", "content": PAGE})


def ideal(trajectories: Sequence[agentgym.Trajectory]) -> float:
    """Seconds of the same episodes when each slot takes the next one at once."""
    slots = [0.0] * PARALLEL
    for trajectory in trajectories:
        seconds = sum(sum(step.seconds.values()) for step in trajectory.steps)
        heapq.heapreplace(slots, slots[0] + seconds)
    return max(slots)


def offline(prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> float:
    """Seconds of vLLM's own generation of the same, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="agentgym-") as folder:
        file = Path(folder) / "work.json"
        work = {"model": str(smollm2()), "prompts": prompts, "lengths": lengths}
        file.write_text(json.dumps(work))
        command = [sys.executable, __file__, "--offline", str(file)]
        subprocess.run(command, env=os.environ | environment(CONFIG), check=True)
        return float(file.read_text())


def generate_offline(file: Path) -> None:
    """What the process of :func:`offline` does; its seconds take the place of its work."""
    from vllm import LLM, SamplingParams  # noqa: PLC0415

    work = json.loads(file.read_text())
    llm = LLM(
        work["model"], dtype=CONFIG.dtype, max_model_len=CONFIG.max_model_len, enforce_eager=True,
        max_num_seqs=PARALLEL, logprobs_mode="processed_logprobs", enable_chunked_prefill=False,
    )  # fmt: skip
    parameters = [
        SamplingParams(max_tokens=n, min_tokens=n, ignore_eos=True, logprobs=0, seed=i)
        for i, n in enumerate(work["lengths"])
    ]
    prompts = [{"prompt_token_ids": ids} for ids in work["prompts"]]
    llm.generate(prompts[:PARALLEL], parameters[:PARALLEL], use_tqdm=False)  # warm
    llm.reset_prefix_cache()
    started = time.perf_counter()
    llm.generate(prompts, parameters, use_tqdm=False)
    file.write_text(str(time.perf_counter() - started))


async def instant(episodes: int, tokens: int) -> tuple[Any, float]:
    """Episodes of instant tools, and the seconds they took."""
    async with vllm(smollm2()) as policy:
        await ours(policy, PARALLEL, tokens, slow=False)  # warm
        for server in policy.servers:
            await server.post("/reset_prefix_cache")
        return await ours(policy, episodes, tokens, slow=False)


async def heavy_tailed(episodes: int) -> tuple[Any, float, float]:
    """Episodes of slow tools, the seconds they took, and those of a lock-step loop."""
    with tempfile.TemporaryDirectory(prefix="agentgym-") as folder:
        tokenizer = tiny_tokenizer([PAGE, Tool.system_prompt])
        tiny_model(tokenizer, width=64, layers=1, context=1024, seed=0).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        async with vllm(Path(folder)) as policy:
            await ours(policy, PARALLEL, 2, slow=False)  # warm
            found, seconds = await ours(policy, episodes, 2, slow=True)
            batches = min(episodes, 4 * PARALLEL)  # a part of it says enough
            return found, seconds, await lock_step(policy, batches, 2) * episodes / batches


@asynccontextmanager
async def vllm(model: Path) -> AsyncIterator[VLLMPolicy]:
    """A policy on a server of its own."""
    log = Path(tempfile.mkdtemp(prefix="agentgym-")) / "vllm.log"
    async with serving(model, CONFIG, log=log, say=print) as server:
        yield await VLLMPolicy.connect([server], CONFIG)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=64, help="with instant tools")
    parser.add_argument("--tokens", type=int, default=32, help="of an action, with instant tools")
    parser.add_argument("--slow-episodes", type=int, default=640, help="with slow tools")
    parser.add_argument("--offline", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.offline:
        generate_offline(arguments.offline)
        return
    fast, fast_seconds = agentgym.run(instant, arguments.episodes, arguments.tokens)
    steps = [(t.prompt_of(i), len(s.ids)) for t in fast for i, s in enumerate(t.steps)]
    tokens = sum(length for _, length in steps)
    alone = offline([ids for ids, _ in steps], [length for _, length in steps])
    slow, slow_seconds, locked = agentgym.run(heavy_tailed, arguments.slow_episodes)
    best = ideal(slow)
    print(
        f"instant tools, {len(fast)} episodes of {TURNS} turns, {PARALLEL} at a time, "
        f"{tokens} tokens\n"
        f"  our loop                {tokens / fast_seconds:7.0f} tokens/s\n"
        f"  vLLM alone, offline     {tokens / alone:7.0f} tokens/s   ours: "
        f"{alone / fast_seconds:.0%} of it\n"
        f"slow tools, {len(slow)} episodes of {TURNS} turns, {PARALLEL} at a time\n"
        f"  our loop                {slow_seconds:7.1f} s\n"
        f"  the ideal schedule      {best:7.1f} s          ours: {best / slow_seconds:.0%} of it\n"
        f"  a lock-step loop        {locked:7.1f} s          ours: {locked / slow_seconds:.1f} "
        "times faster"
    )


if __name__ == "__main__":
    main()
