"""The same with vLLM: as it loads the folder, and as it takes weights that are sent."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import torch
from peft.tuners import lora

from agentgym.errors import ServerError
from agentgym.policy import Sampling
from agentgym.policy.agreement import LIMITS, mean_difference
from agentgym.policy.folder import base_folder
from agentgym.policy.vllm import EngineConfig
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym.policy.vllm.process import adapter_arguments, serving
from agentgym.policy.vllm.tokens import SampleRequest, SampleResponse
from agentgym.runtime.sync import run
from agentgym_trainers.learner.lora import adapted, plain
from agentgym_trainers.model_check.adapters import with_adapters
from agentgym_trainers.model_check.subject import Broken, Subject, learner_logprobs
from agentgym_trainers.weights.adapter import AdapterSync
from agentgym_trainers.weights.folder import FolderSync

PROMPT, ANSWER = 24, 16  # tokens
UNCHANGED = 1e-4  # nats; the most that sending the same weights may change
ERROR = re.compile(r" ERROR .*\] (\w+(?:Error|Exception): .+)")
SETTINGS = EngineConfig(dtype="float32", max_model_len=256, cpu_cache=1, max_num_seqs=4)


def weights(subject: Subject) -> str:
    """vLLM samples as the learner computes: loaded, sent the same weights again, and new ones."""
    return run(_weights, subject)


async def _weights(subject: Subject) -> str:
    model = subject.fresh()
    async with _policy(subject) as policy:
        loaded = await _agreeing(policy, model, subject.plain_ids)
        sync = FolderSync(policy, model, "keep", None)
        try:
            change = await _resent(policy, sync, subject.plain_ids)
            _disturb(model)
            await sync.send(1)
            new = await _agreeing(policy, model, subject.plain_ids)
        finally:
            sync.close()
    return f"loaded {loaded}, changed by {change:.1e}, new ones {new}"


async def _resent(policy: VLLMPolicy, sync: FolderSync, ids: Sequence[int]) -> float:
    before = await _sampled(policy, ids)
    await sync.send(0)
    after = await _sampled(policy, ids)
    change = mean_difference(before.logprobs, after.logprobs)
    if before.ids != after.ids or not change <= UNCHANGED:
        raise Broken(
            f"sent as they are, its weights change logprobs by {change:.1e} nats: vLLM has other "
            "names for some of them. Send adapters (policy.weights = 'adapter')"
        )
    return change


def adapter(subject: Subject) -> str:
    """vLLM loads an adapter, and samples with it as the learner computes."""
    return run(_adapter, subject)


async def _adapter(subject: Subject) -> str:
    everything = with_adapters(subject)
    head = everything.get_output_embeddings()
    targets = {
        plain(name).split(".")[-1]
        for name, layer in adapted(everything)
        if type(layer) is lora.Linear and layer is not head
    }
    model = with_adapters(subject, sorted(targets))
    rank = max(layer.r["default"] for _, layer in adapted(model))
    async with _policy(subject, adapter_arguments(rank)) as policy:
        sync = AdapterSync(policy, model, "keep")
        try:
            await sync.send(1)
            agreed = await _agreeing(policy, model, subject.plain_ids)
        finally:
            sync.close()
    return f"{agreed}, of {', '.join(sorted(targets))}"


@asynccontextmanager
async def _policy(subject: Subject, arguments: Sequence[str] = ()) -> AsyncIterator[VLLMPolicy]:
    base = base_folder(subject.folder)
    with tempfile.TemporaryDirectory() as top:
        log = Path(top) / "vllm.log"
        try:
            async with serving(
                base, SETTINGS, log=log, say=lambda _: None, arguments=arguments
            ) as server:
                yield await VLLMPolicy.connect([server], SETTINGS, tokenizer=subject.folder)
        except ServerError as error:
            raise Broken(f"vLLM fails with it: {_reason(log) or error}") from error


def _reason(log: Path) -> str:
    """The first error that vLLM wrote down; those behind it are its consequences."""
    lines = log.read_text(errors="replace").splitlines()
    errors = [found[1] for line in lines if (found := ERROR.search(line))]
    return errors[0] if errors else ""


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
    (own,) = learner_logprobs(model, [[*ids[:PROMPT], *got.ids]], PROMPT)
    difference = mean_difference(got.logprobs, own.tolist())
    if not difference <= LIMITS[SETTINGS.dtype]:
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
