"""A LoRA adapter: a few megabytes that each server loads in place of the adapter before."""

from __future__ import annotations

import shutil
from typing import Any

import anyio.to_thread
from peft.tuners import lora

from agentgym.errors import BadInput
from agentgym.policy.vllm import InFlight
from agentgym.policy.vllm.engine import Engine
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym_trainers.learner.lora import adapted, plain
from agentgym_trainers.weights.folder import memory_folder
from agentgym_trainers.weights.update import update

NAME = "policy"


class AdapterSync:
    """Writes the adapter, then lets the servers load it; the base model stays as it is."""

    def __init__(self, policy: VLLMPolicy, model: Any, in_flight: InFlight) -> None:
        """Sample from the adapter as soon as one has been sent.

        Raises:
            BadInput: it adapts something that vLLM cannot adapt.
        """
        for name, layer in adapted(model):
            if type(layer) is not lora.Linear or layer is model.get_output_embeddings():
                raise BadInput(
                    f"policy.weights = 'adapter': vLLM loads adapters of linear layers inside the "
                    f"model, and {plain(name)} is none; leave it out of model.lora.targets, or "
                    "send the merged weights: policy.weights = 'folder'"
                )
        self.policy, self.model, self.in_flight = policy, model, in_flight
        self.folder = memory_folder()
        self.version = 0

    async def send(self, version: int) -> None:
        """See :class:`WeightSync`."""
        await anyio.to_thread.run_sync(self.model.save_pretrained, self.folder)
        await update(
            self.policy.servers,
            version,
            self.in_flight,
            lambda server: server.load_adapter(NAME, self.folder),
        )
        self.policy.model = NAME
        self.version = self.policy.weight_version = version

    async def restore(self, server: Engine) -> None:
        """See :class:`WeightSync`."""
        await server.load_adapter(NAME, self.folder)
        await server.label(self.version)

    def close(self) -> None:
        """Give the memory back."""
        shutil.rmtree(self.folder, ignore_errors=True)
