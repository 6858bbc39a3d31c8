"""One vLLM server over HTTP: what it can do, tokens in and tokens out, its controls.

Written against vLLM 0.32. The routes beside /v1 and /inference exist only on a server started with
VLLM_SERVER_DEV_MODE=1; they are not protected by an API key, so such a server belongs on loopback.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from agentgym.errors import ServerError
from agentgym.policy import Sampling, retry
from agentgym.policy.connections import Connections
from agentgym.policy.vllm import EngineConfig, InFlight
from agentgym.policy.vllm.tokens import COMPLETIONS, GENERATE, SampleRequest, SampleResponse

PROBE_TIMEOUT = 120.0  # the first completion of a server takes long
RECOVERIES = 3
CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=256)


class Capabilities(NamedTuple):
    """What a server said and showed when it was probed."""

    version: str
    model: str
    """The served name of the base model."""
    adapters: tuple[str, ...]
    """The served names of its adapters."""
    root: str
    """Where the server read the model."""
    max_model_len: int
    token_route: bool
    """Tokens in and out with their versions: --enable-scale-out."""
    dev_routes: bool
    """VLLM_SERVER_DEV_MODE=1"""
    tempered: bool
    """Logprobs after temperature, top-p and top-k: --logprobs-mode processed_logprobs."""


class Server:
    """A running server. :meth:`open` is held around requests; it may be entered many times."""

    def __init__(self, url: str, config: EngineConfig) -> None:
        """Name a server, e.g. http://127.0.0.1:8000, and how it is asked."""
        self.url = url.rstrip("/")
        self.config = config
        self.route = GENERATE
        self.active = 0  # completions in the making
        self.recover: Callable[[], Awaitable[None]] = self._wait_until_healthy
        self._connections = Connections(
            lambda: httpx.AsyncClient(base_url=self.url, limits=CONNECTIONS)
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Hold the connections open."""
        async with self._connections.held():
            yield

    async def get(self, path: str, *, seconds: float = PROBE_TIMEOUT, attempts: int = 3) -> Any:
        """The JSON of a page."""
        return await self._ask("GET", path, None, seconds, attempts)

    async def post(
        self, path: str, json: Any = None, *, seconds: float = PROBE_TIMEOUT, attempts: int = 1
    ) -> Any:
        """Send JSON; the answer, when it is JSON."""
        return await self._ask("POST", path, json, seconds, attempts)

    async def _ask(self, method: str, path: str, json: Any, seconds: float, attempts: int) -> Any:
        async with self._connections.held() as client:
            answer = await retry.request(
                client, method, path, json=json, timeout=seconds, attempts=attempts
            )
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.json() if is_json and answer.content else None

    async def sample(self, request: SampleRequest) -> SampleResponse:
        """Sample once; a lost server is brought back and asked again, a few times.

        Cancelling it closes the connection, upon which the server stops its work.

        Raises:
            ServerError: the server refused, fell silent or did not come back.
        """
        self.active += 1
        try:
            for attempt in range(RECOVERIES + 1):
                try:
                    answer = await self.post(
                        self.route.path,
                        self.route.request(request),
                        seconds=self.config.request_timeout,
                        attempts=3,
                    )
                except ServerError as error:
                    lost = error.status is None and error.pause is not None
                    if not lost or attempt == RECOVERIES:
                        raise
                    await self.recover()
                else:
                    return self.route.answer(answer, request.top)
        finally:
            self.active -= 1
        raise AssertionError("unreachable")

    async def _wait_until_healthy(self) -> None:
        await self.get("/health", attempts=6)

    async def pause(self, in_flight: InFlight) -> None:
        """Stop sampling and forget every cached prefix."""
        path = f"/pause?mode={in_flight}&clear_cache=true"
        await self.post(path, seconds=self.config.update_timeout)

    async def resume(self) -> None:
        """Go on sampling."""
        await self.post("/resume", seconds=self.config.update_timeout)

    async def reload(self, folder: Path) -> None:
        """Read all weights anew from a folder's safetensors, ``lm_head.weight`` among them."""
        body = {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}}
        await self.post("/collective_rpc", body, seconds=self.config.update_timeout)

    async def load_adapter(self, name: str, folder: Path) -> None:
        """Serve a LoRA adapter as ``name``, in the place of one that had the name."""
        body = {"lora_name": name, "lora_path": str(folder), "load_inplace": True}
        await self.post("/v1/load_lora_adapter", body, seconds=self.config.update_timeout)

    async def label(self, version: int) -> None:
        """Mark what is sampled from now on."""
        body = {"new_version": str(version)}
        await self.post("/update_weight_version", body, seconds=self.config.update_timeout)

    async def probe(self) -> Capabilities:
        """Find out what the server can do, and take the best token route it has.

        Raises:
            ServerError: it cannot be reached, or it is not a vLLM server.
        """
        try:
            version = (await self.get("/version"))["version"]
            models = (await self.get("/v1/models"))["data"]
        except (ServerError, KeyError, TypeError) as error:
            if isinstance(error, ServerError) and error.status is None:
                raise
            raise ServerError(f"{self.url} does not answer as a vLLM server: {error}") from error
        base = next(model for model in models if not model.get("parent"))
        cold = SampleRequest([0], Sampling(max_tokens=1), seed=0, model=base["id"], top=1)
        self.route = GENERATE if await self._has(cold) else COMPLETIONS
        hot = cold._replace(sampling=Sampling(max_tokens=1, temperature=2.0))
        entropies = [(await self.sample(request)).entropies[0] for request in (cold, hot)]
        return Capabilities(
            version=str(version),
            model=base["id"],
            adapters=tuple(model["id"] for model in models if model is not base),
            root=str(base.get("root") or base["id"]),
            max_model_len=int(base["max_model_len"]),
            token_route=self.route is GENERATE,
            dev_routes=await self._answers("/weight_info"),
            tempered=not math.isclose(*entropies, rel_tol=1e-3),
        )

    async def _has(self, request: SampleRequest) -> bool:
        try:
            await self.post(GENERATE.path, GENERATE.request(request))
        except ServerError as error:
            if error.status not in {403, 404}:
                raise
            return False
        return True

    async def _answers(self, path: str) -> bool:
        try:
            await self.get(path, attempts=1)
        except ServerError as error:
            if error.status is None:
                raise
            return False
        return True
