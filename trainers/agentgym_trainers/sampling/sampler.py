"""Who plays the episodes of a run, and how new weights get there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any, Protocol

from agentgym.policy import Policy
from agentgym.policy.local import LocalPolicy
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.display import Display
from agentgym_trainers.sampling.vllm_sampler import in_process_sampler, server_sampler


class Sampler(Protocol):
    """A policy that follows the learner."""

    @property
    def policy(self) -> Policy:
        """Plays."""
        ...

    def updating(self) -> AbstractAsyncContextManager[None]:
        """Held while the learner works on its weights; the policy rests where it must."""
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
    async with AsyncExitStack() as stack:
        match config.policy.engine:
            case "local":
                yield LocalSampler(config, model, tokenizer)
            case "vllm":
                yield await server_sampler(config, model, display, stack)
            case "vllm-in-process":
                yield await in_process_sampler(config, model, display, stack)


class LocalSampler:
    """The local policy samples from the learner's own model."""

    def __init__(self, config: TrainConfig, model: Any, tokenizer: Any) -> None:
        self.policy = LocalPolicy(
            model,
            tokenizer,
            max_batch=config.rollouts.concurrency,
            patience=config.rollouts.patience,
            template=config.policy.template.model_dump(),
        )

    def updating(self) -> AbstractAsyncContextManager[None]:
        """See :class:`Sampler`."""
        return nullcontext()

    async def updated(self, version: int) -> dict[str, float]:
        """See :class:`Sampler`."""
        self.policy.updated(version)
        return {}
