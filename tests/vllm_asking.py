"""Policies on a real vLLM server, and what transformers says of what they sampled."""

from functools import cache

import torch
from transformers import AutoModelForCausalLM

import agentgym
from agentgym.policy import Prompt, Sampling
from agentgym.policy.vllm import EngineConfig
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym.policy.vllm.server import Server


def with_policy(urls, use, **settings):
    """Connect to servers and do something with the policy, in an event loop of its own."""
    config = EngineConfig(**settings)

    async def connected():
        servers = [Server(url, config) for url in urls]
        return await use(await VLLMPolicy.connect(servers, config))

    return agentgym.run(connected)


async def ask(policy, text="Say hi.", *, seed=0, session="s", **sampling):
    """One completion of a prompt with one user message."""
    ids = policy.renderer.render([{"role": "user", "content": text}]).ids
    prompt = Prompt(session, "e", 0, seed, [], ids, tools=(), env=None)
    return ids, await policy.generate(prompt, Sampling(**{"max_tokens": 12} | sampling))


@cache
def reference(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


@torch.no_grad()
def logprobs(model, prompt, ids, temperature=1.0):
    """ln p of ``ids`` after ``prompt``, from the whole vocabulary, and the whole distribution."""
    logits = model(torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1]
    whole = torch.log_softmax(logits / temperature, dim=-1)
    return whole.gather(1, torch.tensor(ids)[:, None])[:, 0], whole


def differences(model, trajectories, temperature=1.0):
    """|ln p| of engine and transformers for every sampled token of some episodes, one tensor."""
    found = []
    for trajectory in trajectories:
        for index, step in enumerate(trajectory.steps):
            own, _ = logprobs(model, trajectory.prompt_of(index), step.ids, temperature)
            found.append((own - torch.tensor(step.logprobs)).abs())
    return torch.cat(found)
