"""Who plays the episodes of a run, and how new weights get there."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Protocol

import torch

from agentgym.errors import BadInput
from agentgym.policy import Policy
from agentgym.policy.folder import base_folder
from agentgym.policy.local import LocalPolicy
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym.policy.vllm.process import OwnServer, adapter_arguments, serving
from agentgym.policy.vllm.server import Abilities, Server
from agentgym.registry import make
from agentgym.renderer import Renderer
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.engine.progress import Display
from agentgym_trainers.weights import adapter, folder
from agentgym_trainers.weights.update import Probe, WeightSync

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Sampler(Protocol):
    """A policy that follows the learner."""

    @property
    def policy(self) -> Policy:
        """Plays."""
        ...

    async def updated(self, version: int) -> dict[str, float]:
        """The learner's weights have changed; returns metrics of getting them to the policy."""
        ...


@asynccontextmanager
async def sampler(
    config: TrainConfig, model: Any, tokenizer: Any, display: Display
) -> AsyncIterator[Sampler]:
    """The sampler that ``config.policy`` names.

    Args:
        config: of the run.
        model: the learner's.
        tokenizer: its tokenizer.
        display: for people.
    """
    if config.policy.engine == "local":
        yield InPlace(config, model, tokenizer)
        return
    async with AsyncExitStack() as stack:
        yield await _served(config, model, display, stack)


class InPlace:
    """The local policy samples from the learner's own model."""

    def __init__(self, config: TrainConfig, model: Any, tokenizer: Any) -> None:
        self.policy = LocalPolicy(
            model,
            tokenizer,
            max_batch=config.rollout.concurrency,
            patience=config.rollout.patience,
        )

    async def updated(self, version: int) -> dict[str, float]:
        """See :class:`Sampler`."""
        self.policy.updated(version)
        return {}


class Served:
    """vLLM samples; the weights are sent to it."""

    def __init__(self, policy: VLLMPolicy, sync: WeightSync, probe: Probe) -> None:
        self.policy, self.sync, self.probe = policy, sync, probe

    async def updated(self, version: int) -> dict[str, float]:
        """See :class:`Sampler`."""
        started = time.perf_counter()
        await self.sync.send(version)
        sent = time.perf_counter()
        difference = await self.probe.difference(version)
        return {"seconds/send_weights": sent - started, "update/probe": difference}


async def _served(
    config: TrainConfig, model: Any, display: Display, stack: AsyncExitStack
) -> Served:
    settings = config.policy.vllm
    start = config.run_dir / "start"
    servers: list[Server] = [Server(url, settings) for url in settings.urls]
    if not servers:
        arguments, variables = _server_needs(config)
        with display.stage("starting vLLM", 1) as stage:
            own = await stack.enter_async_context(
                serving(
                    base_folder(start),
                    settings,
                    log=config.run_dir / "vllm.log",
                    say=display.say,
                    arguments=arguments,
                    variables=variables,
                )
            )
            stage.advance()
        servers = [own]
    policy = await VLLMPolicy.connect(servers, settings, tokenizer=start)
    _require(policy.abilities, config)
    sync = _weight_sync(config, policy, model)
    stack.callback(sync.close)
    for server in servers:
        if isinstance(server, OwnServer):
            server.on_restart = partial(sync.restore, server)
    prompt = _first_prompt(config, policy.renderer)
    return Served(policy, sync, Probe(policy, model, prompt, config.rollout.sampling.temperature))


def _first_prompt(config: TrainConfig, renderer: Renderer) -> list[int]:
    """The ids of a prompt as the run will have it."""
    env = make(config.env.id, **config.env.kwargs)
    (task, *_) = env.tasks(config.env.train_split)
    observation, _ = env.reset(seed=config.seed, options={"task": task.model_dump()})
    messages = config.context.messages(env.system_prompt, [], observation)
    env.close()
    return renderer.render(messages, env.tools).ids


def _server_needs(config: TrainConfig) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment variables of a server for the run's kind of weight update."""
    match config.policy.weights:
        case "adapter":
            assert config.model.lora  # the config sees to it
            return adapter_arguments(config.model.lora.rank), {}
        case "nccl" | "ipc" as backend:
            from agentgym_trainers.weights import native  # noqa: PLC0415  imports vLLM

            return native.server_arguments(backend), native.server_variables(backend)
        case _:
            return [], {}


def _weight_sync(config: TrainConfig, policy: VLLMPolicy, model: Any) -> WeightSync:
    settings = config.policy
    dtype = DTYPES.get(settings.vllm.dtype)
    match settings.weights:
        case "adapter":
            return adapter.AdapterSync(policy, model, settings.in_flight)
        case "folder":
            return folder.FolderSync(policy, model, settings.in_flight, dtype)
        case backend:
            from agentgym_trainers.weights.native import NativeSync  # noqa: PLC0415

            return NativeSync(policy, model, settings.in_flight, backend, dtype)


def _require(abilities: Abilities, config: TrainConfig) -> None:
    """Check that a server can be trained with.

    Raises:
        BadInput: it lacks something; the message says how to start it.
    """
    lacks = []
    if not abilities.token_route:
        lacks.append("--enable-scale-out (tokens in and out, with their weight versions)")
    if not abilities.dev_routes:
        lacks.append("VLLM_SERVER_DEV_MODE=1 in its environment (weight updates)")
    if not abilities.tempered and config.rollout.sampling.temperature != 1:
        lacks.append("--logprobs-mode processed_logprobs (logprobs after temperature)")
    if lacks:
        raise BadInput(
            f"the vLLM server that serves {abilities.model} cannot be trained with; it lacks\n  "
            + "\n  ".join(lacks)
            + "\n`agentgym serve MODEL` starts one that has it all"
        )
