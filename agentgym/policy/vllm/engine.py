"""What a policy and a weight update need of vLLM, be it a server or in this process."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from agentgym.policy.vllm import InFlight
from agentgym.policy.vllm.server import Capabilities
from agentgym.policy.vllm.tokens import SampleRequest, SampleResponse


class Engine(Protocol):
    """Samples from one model, whose weights can be replaced. All of it raises ServerError."""

    @property
    def url(self) -> str:
        """What messages call it: a server's address."""
        ...

    @property
    def active(self) -> int:
        """Completions in the making."""
        ...

    def open(self) -> AbstractAsyncContextManager[None]:
        """Held around requests; it may be entered many times."""
        ...

    async def probe(self) -> Capabilities:
        """Find out what it can do."""
        ...

    async def sample(self, request: SampleRequest) -> SampleResponse:
        """Sample once; cancelling it ends the work on it."""
        ...

    async def pause(self, in_flight: InFlight) -> None:
        """Stop sampling and forget every cached prefix."""
        ...

    async def resume(self) -> None:
        """Go on sampling."""
        ...

    async def reload(self, folder: Path) -> None:
        """Read all weights anew from a folder's safetensors, ``lm_head.weight`` among them."""
        ...

    async def load_adapter(self, name: str, folder: Path) -> None:
        """Serve a LoRA adapter as ``name``, in the place of one that had the name."""
        ...

    async def label(self, version: int) -> None:
        """Mark what is sampled from now on."""
        ...
