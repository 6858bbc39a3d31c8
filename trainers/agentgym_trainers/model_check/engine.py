"""The same with vLLM: as it loads the folder, and as it takes weights that are sent."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import torch

from agentgym.policy import Sampling
from agentgym.policy.agreement import mean_difference
from agentgym.policy.folder import base_folder
from agentgym.policy.vllm import EngineConfig
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym.policy.vllm.process import adapter_arguments, serving
from agentgym.policy.vllm.tokens import SampleRequest, SampleResponse
from agentgym.runtime.sync import run
from agentgym_trainers.config import LoRA
from agentgym_trainers.learner.lora import add_adapters
from agentgym_trainers.model_check.adapters import fill
from agentgym_trainers.model_check.subject import Broken, Subject, learner_logprobs
from agentgym_trainers.run.agreement import ENGINE
from agentgym_trainers.weights.adapter import AdapterSync
from agentgym_trainers.weights.folder import FolderSync

PROMPT, ANSWER = 24, 16  # tokens
UNCHANGED = 1e-4  # nats; the most that sending the same weights may change
RANK = 4
SETTINGS = EngineConfig(dtype="float32", max_model_len=256, cpu_cache=1, max_num_seqs=4)


def served(subject: Subject) -> str:
    """vLLM loads the folder, and samples as the learner computes."""
    return run(_served, subject)


async def _served(subject: Subject) -> str:
    async with _policy(subject) as policy:
        return await _agreeing(policy, subject.model, subject.plain_ids)


def sent(subject: Subject) -> str:
    """The same weights sent again change nothing, and new ones arrive."""
    return run(_sent, subject)


async def _sent(subject: Subject) -> str:
    model = subject.fresh()
    async with _policy(subject) as policy:
        sync = FolderSync(policy, model, "keep", None)
        try:
            before = await _sampled(policy, subject.plain_ids)
            await sync.send(0)
            after = await _sampled(policy, subject.plain_ids)
            change = mean_difference(before.logprobs, after.logprobs)
            if before.ids != after.ids or not change <= UNCHANGED:
                raise Broken(
                    f"sent as they are, its weights change logprobs by {change:.1e} nats: vLLM "
                    "has other names for some of them. Send adapters (policy.weights = 'adapter')"
                )
            _disturb(model)
            await sync.send(1)
            agreed = await _agreeing(policy, model, subject.plain_ids)
        finally:
            sync.close()
    return f"no change by more than {change:.1e} nats; new ones: {agreed}"


def adapter(subject: Subject) -> str:
    """vLLM loads an adapter, and samples with it as the learner computes."""
    return run(_adapter, subject)


async def _adapter(subject: Subject) -> str:
    model = subject.fresh()
    add_adapters(model, LoRA(rank=RANK), seed=0)
    fill(model)
    async with _policy(subject, adapter_arguments(RANK)) as policy:
        sync = AdapterSync(policy, model, "keep")
        try:
            await sync.send(1)
            return await _agreeing(policy, model, subject.plain_ids)
        finally:
            sync.close()


@asynccontextmanager
async def _policy(subject: Subject, arguments: Sequence[str] = ()) -> AsyncIterator[VLLMPolicy]:
    base = base_folder(subject.folder)
    with tempfile.TemporaryDirectory() as top:
        opening = serving(
            base, SETTINGS, log=Path(top) / "vllm.log", say=lambda _: None, arguments=arguments
        )
        async with opening as server:
            yield await VLLMPolicy.connect([server], SETTINGS, tokenizer=subject.folder)


async def _sampled(policy: VLLMPolicy, ids: Sequence[int]) -> SampleResponse:
    (server,) = policy.servers
    async with server.open():
        return await server.sample(
            SampleRequest(
                ids=ids[:PROMPT],
                sampling=Sampling(max_tokens=ANSWER),
                seed=5,
                model=policy.model,
                salt=f"weights {policy.weight_version}",
            )
        )


async def _agreeing(policy: VLLMPolicy, model: Any, ids: Sequence[int]) -> str:
    got = await _sampled(policy, ids)
    own = learner_logprobs(model, ids[:PROMPT], got.ids)
    difference = mean_difference(got.logprobs, own)
    if not difference <= ENGINE:
        raise Broken(
            f"vLLM and the learner differ by {difference:.1e} nats in the mean: vLLM computes "
            "another model, and training with it is refused; the local policy may do"
        )
    return f"{difference:.1e} nats in the mean"


@torch.no_grad()
def _disturb(model: Any) -> None:
    draw = torch.Generator().manual_seed(1)
    for weight in model.parameters():
        weight.mul_(1 + 0.1 * torch.randn(weight.shape, generator=draw).to(weight))
