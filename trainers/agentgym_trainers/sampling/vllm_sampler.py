"""vLLM plays the episodes of a run: on servers, or in this process; the weights are sent to it."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from functools import partial
from typing import Any

import torch

from agentgym.env.registry import make
from agentgym.errors import BadInput, MissingExtra
from agentgym.policy.folder import base_folder
from agentgym.policy.vllm.engine import Engine
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym.policy.vllm.process import OwnServer, adapter_arguments, serving
from agentgym.policy.vllm.server import Capabilities, Server
from agentgym.rendering.protocol import Renderer
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.display import Display
from agentgym_trainers.sampling.agreement import limit
from agentgym_trainers.weights import adapter, folder, rounding
from agentgym_trainers.weights.update import Probe, WeightSync

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

Asleep = Callable[[], AbstractAsyncContextManager[None]]
"""The time in which an engine holds no GPU memory."""


class VLLMSampler:
    """vLLM samples; the weights are sent to it."""

    def __init__(self, policy: VLLMPolicy, sync: WeightSync, probe: Probe) -> None:
        self.policy, self.sync, self.probe = policy, sync, probe

    def updating(self) -> AbstractAsyncContextManager[None]:
        """See :class:`Sampler`."""
        return nullcontext()

    async def updated(self, version: int) -> dict[str, float]:
        """See :class:`Sampler`."""
        started = time.perf_counter()
        await self.sync.send(version)
        sent = time.perf_counter()
        difference = await self.probe.difference(version)
        return {"seconds/send_weights": sent - started, "update/probe": difference}


class InProcessSampler(VLLMSampler):
    """vLLM samples on the GPU that trains, and lends its memory to an update."""

    def __init__(self, asleep: Asleep, policy: VLLMPolicy, sync: WeightSync, probe: Probe) -> None:
        super().__init__(policy, sync, probe)
        self.asleep = asleep

    @asynccontextmanager
    async def updating(self) -> AsyncIterator[None]:
        """See :class:`Sampler`."""
        async with self.asleep():
            try:
                yield
            finally:
                torch.cuda.empty_cache()  # torch keeps what it needs no more, and vLLM wants it


async def server_sampler(
    config: TrainConfig, model: Any, display: Display, stack: AsyncExitStack
) -> VLLMSampler:
    """vLLM servers as the sampler; one is started if none runs, for as long as ``stack`` is open.

    Raises:
        ServerError: a server cannot be reached or does not start.
        BadInput: it cannot be trained with.
    """
    settings = config.policy.vllm
    servers: list[Server] = [Server(url, settings) for url in settings.urls]
    if not servers:
        arguments, variables = _server_needs(config)
        torch.cuda.empty_cache()  # what the warm start needed; vLLM counts what is free
        with display.stage("starting vLLM", 1) as stage:
            own = await stack.enter_async_context(
                serving(
                    base_folder(config.run_dir / "start"),
                    settings,
                    log=config.run_dir / "vllm.log",
                    say=display.say,
                    arguments=arguments,
                    variables=variables,
                )
            )
            stage.advance()
        servers = [own]
    _warn(config, model, display)
    policy, sync, probe = await _following(config, model, servers, stack)
    for server in servers:
        if isinstance(server, OwnServer):
            server.on_restart = partial(sync.restore, server)
    return VLLMSampler(policy, sync, probe)


async def in_process_sampler(
    config: TrainConfig, model: Any, display: Display, stack: AsyncExitStack
) -> InProcessSampler:
    """vLLM in this process as the sampler, for as long as ``stack`` is open."""
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtra("vLLM in process", "vllm")
    from agentgym.policy.vllm.in_process import in_process  # noqa: PLC0415  imports vLLM

    arguments, _ = _server_needs(config)
    torch.cuda.empty_cache()
    with display.stage("starting vLLM", 1) as stage:
        start = base_folder(config.run_dir / "start")
        opening = in_process(start, config.policy.vllm, arguments=arguments)
        engine = await stack.enter_async_context(opening)
        stage.advance()
    _warn(config, model, display)
    return InProcessSampler(engine.asleep, *await _following(config, model, [engine], stack))


async def _following(
    config: TrainConfig, model: Any, engines: Sequence[Engine], stack: AsyncExitStack
) -> tuple[VLLMPolicy, WeightSync, Probe]:
    """A policy, what sends it the learner's weights, and what sees whether they arrived."""
    start = config.run_dir / "start"
    template = config.policy.template.model_dump()
    policy = await VLLMPolicy.connect(
        engines, config.policy.vllm, tokenizer=start, template=template
    )
    _require(policy.capabilities, config)
    sync = _weight_sync(config, policy, model)
    stack.callback(sync.close)
    prompt = _first_prompt(config, policy.renderer)
    temperature = config.rollouts.sampling.temperature
    precision = config.optimizer.precision
    probe = Probe(policy, model, prompt, temperature, precision, limit(config))
    return policy, sync, probe


def _warn(config: TrainConfig, model: Any, display: Display) -> None:
    """Say if the engine's precision would hide most of each update."""
    dtype = DTYPES.get(config.policy.vllm.dtype, torch.bfloat16)  # auto: what vLLM prefers
    if config.policy.weights == "adapter" or dtype is torch.float32:
        return
    if said := rounding.warning(model, config.optimizer.lr, dtype):
        display.say(said)


def _first_prompt(config: TrainConfig, renderer: Renderer) -> list[int]:
    """The ids of a prompt as the run will have it."""
    env = make(config.env.id, **config.env.kwargs)
    (task, *_) = env.tasks(config.env.train_split)
    observation, _ = env.reset(seed=config.seed, options={"task": task.model_dump()})
    messages = config.context.messages(env.system_prompt, [], observation)
    env.close()
    return renderer.render(messages, [*env.tools, *config.context.tools]).ids


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


def _require(capabilities: Capabilities, config: TrainConfig) -> None:
    """Check that a server can be trained with.

    Raises:
        BadInput: it lacks something; the message says how to start it.
    """
    lacks = []
    if not capabilities.token_route:
        lacks.append("--enable-scale-out (tokens in and out, with their weight versions)")
    if not capabilities.dev_routes:
        lacks.append("VLLM_SERVER_DEV_MODE=1 in its environment (weight updates)")
    if not capabilities.tempered and config.rollouts.sampling.temperature != 1:
        lacks.append("--logprobs-mode processed_logprobs (logprobs after temperature)")
    if lacks:
        raise BadInput(
            f"the vLLM server that serves {capabilities.model} cannot be trained with; it lacks\n  "
            + "\n  ".join(lacks)
            + "\n`agentgym serve MODEL` starts one that has it all"
        )
