"""A weight update: every server pauses, loads, labels what it samples from then on, and resumes.

Each step has a time limit and an error that names the server, so an update cannot hang. Afterwards
a probe compares logprobs of the engine with those of the learner's own forward pass: an update that
went wrong in silence (a tied head that stayed old, a name that was not matched) shows there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import anyio
import numpy as np
import torch

from agentgym.errors import AgentGymError, Disagreement
from agentgym.policy import Sampling
from agentgym.policy.agreement import LIMITS, mean_difference
from agentgym.policy.vllm import InFlight
from agentgym.policy.vllm.engine import Engine
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym.policy.vllm.tokens import SampleRequest
from agentgym_trainers.learner.batches import micro_batches, weigh
from agentgym_trainers.learner.forward import Precision, logprobs
from agentgym_trainers.learner.rows import Row

PROBE_TOKENS = 16
FEW = 3.0  # how much more than a whole batch so few tokens may differ
GROWTH = 4.0  # how much more than at the start they may differ


class WeightSync(Protocol):
    """A way for weights to reach the servers of a policy."""

    async def send(self, version: int) -> None:
        """Give every server the learner's weights as they are now, and label them."""
        ...

    async def restore(self, server: Engine) -> None:
        """Give a restarted server what was sent last."""
        ...

    def close(self) -> None:
        """Let go of memory and connections."""
        ...


async def update(
    servers: Sequence[Engine],
    version: int,
    in_flight: InFlight,
    load: Callable[[Engine], Awaitable[None]],
) -> None:
    """Let ``load`` change the weights of each server while it pauses.

    Raises:
        ServerError: a server failed or was silent for too long. It may then hold any weights.
    """

    async def one(server: Engine) -> None:
        async with server.open():
            await server.pause(in_flight)
            try:
                await load(server)
                await server.label(version)
            finally:
                with anyio.CancelScope(shield=True):
                    await server.resume()

    try:
        async with anyio.create_task_group() as tasks:
            for server in servers:
                tasks.start_soon(one, server)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


class Probe:
    """Compares each server with the trainer on a completion of one prompt."""

    def __init__(
        self,
        policy: VLLMPolicy,
        model: Any,
        prompt: Sequence[int],
        temperature: float,
        precision: Precision = "float32",
        limit: float = LIMITS["float32"],
    ) -> None:
        """Choose what is sampled: a prompt such as the run's own, at its temperature.

        Args:
            policy: whose servers are compared.
            model: the trainer's.
            prompt: ids.
            temperature: at which the servers sample.
            precision: of the learner's forward pass.
            limit: the mean difference with which a batch of the run may begin, in nats.
        """
        self.policy, self.model, self.precision, self.limit = policy, model, precision, limit
        self.prompt = list(prompt)
        self.sampling = Sampling(max_tokens=PROBE_TOKENS, temperature=temperature)
        self.usual: float | None = None

    async def difference(self, version: int) -> float:
        """Largest over the servers of the mean |ln p_engine - ln p_trainer|, in nats.

        Raises:
            AgentGymError: a server has not the trainer's weights, or labels them otherwise.
        """
        found = [await self._one(server, version) for server in self.policy.servers]
        worst = max(found)
        if self.usual is None and not worst <= FEW * self.limit:
            raise Disagreement(
                f"engine and trainer differ by {worst:.2g} nats a token before any training, and "
                f"{FEW * self.limit:g} is the limit: do the servers serve the model that is "
                f"trained? They have {self.policy.model}. `agentgym check --model FOLDER --engine "
                "vllm` tries each part of it"
            )
        self.usual = worst if self.usual is None else self.usual
        if worst > max(LIMITS["float32"], GROWTH * self.usual):
            raise AgentGymError(
                f"after the update to version {version} engine and trainer differ by {worst:.2g} "
                f"nats a token, at the start by {self.usual:.2g}: the engine has not all of the "
                "new weights. Try policy.weights = 'folder', which sends every weight by name"
            )
        return worst

    async def _one(self, server: Engine, version: int) -> float:
        sampled = await server.sample(
            SampleRequest(
                ids=self.prompt,
                sampling=self.sampling,
                seed=version,
                model=self.policy.model,
                salt=f"probe {version}",
            )
        )
        labels = {label for label in sampled.labels if label is not None}
        if labels - {str(version)}:
            raise AgentGymError(
                f"{server.url} labels its tokens {sorted(labels)} after the update to {version}"
            )
        own = await anyio.to_thread.run_sync(
            _logprobs,
            self.model,
            self.prompt,
            sampled.ids,
            self.sampling.temperature,
            self.precision,
        )
        return mean_difference(sampled.logprobs, own.tolist())


@torch.no_grad()
def _logprobs(
    model: Any,
    prompt: Sequence[int],
    ids: Sequence[int],
    temperature: float,
    precision: Precision = "float32",
) -> torch.Tensor:
    """ln p of ``ids`` behind ``prompt`` by the learner's forward pass, shape (tokens,)."""
    row = Row(0)
    row.add_context(prompt)
    row.add_sampled(ids, [0.0] * len(ids), [0], [0], np.zeros((1, len(ids))))
    (batch,) = micro_batches([row], weigh([row], "token-mean"), len(row), str(model.device))
    found, _ = logprobs(model, batch, temperature, precision)
    return found[0, len(prompt) :].cpu()
