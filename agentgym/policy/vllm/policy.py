"""Servers as a policy: an episode stays with its server, a new one goes where the least is done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

from agentgym.errors import BadInput, ServerError
from agentgym.policy import Completion, Prompt, Sampling
from agentgym.policy.folder import chat_template
from agentgym.policy.vllm import EngineConfig
from agentgym.policy.vllm.engine import Engine
from agentgym.policy.vllm.server import Capabilities
from agentgym.policy.vllm.tokens import SampleRequest, SampleResponse
from agentgym.rendering.renderer import ChatTemplate

INTERRUPTIONS = 20  # of one completion; each is a weight update


class VLLMPolicy:
    """Samples from one or more servers that serve the same model."""

    def __init__(
        self,
        servers: Sequence[Engine],
        capabilities: Capabilities,
        renderer: ChatTemplate,
        *,
        entropy_top: int = 0,
    ) -> None:
        """Take probed servers; :meth:`connect` probes them.

        Args:
            servers: at least one.
            capabilities: what all of them can do.
            renderer: of their model.
            entropy_top: most likely tokens from which entropies are estimated.
        """
        self.servers, self.capabilities, self.renderer = servers, capabilities, renderer
        self.max_context: int | None = capabilities.max_model_len
        self.entropy_top = entropy_top
        self.model = capabilities.model
        """The served name that is asked: the model's or, once there is one, an adapter's."""
        self.weight_version = 0
        self._homes: dict[str, tuple[str, Engine]] = {}  # session -> its episode, its server

    @classmethod
    async def connect(
        cls,
        servers: Sequence[Engine],
        config: EngineConfig,
        *,
        tokenizer: str | Path | None = None,
        template: Mapping[str, Any] | None = None,
    ) -> Self:
        """Probe servers and make a policy of them.

        Args:
            servers: running.
            config: how they are asked.
            tokenizer: a folder with the model's tokenizer; default: where the server read the
                model, if that is a folder here.
            template: further arguments of :class:`agentgym.rendering.renderer.ChatTemplate`.

        Raises:
            ServerError: one cannot be reached or is no vLLM server.
            BadInput: they serve different models, or there is no such tokenizer.
        """
        found = [await server.probe() for server in servers]
        if len({(one.model, one.max_model_len) for one in found}) > 1:
            served = "; ".join(
                f"{server.url}: {one.model}, {one.max_model_len} tokens"
                for server, one in zip(servers, found, strict=True)
            )
            raise BadInput(
                f"the servers of one policy must serve the same model at the same length: {served}"
            )
        weakest = found[0]._replace(
            token_route=all(one.token_route for one in found),
            dev_routes=all(one.dev_routes for one in found),
            tempered=all(one.tempered for one in found),
        )
        renderer = chat_template(Path(tokenizer or weakest.root), **template or {})
        return cls(servers, weakest, renderer, entropy_top=config.entropy_top)

    @asynccontextmanager
    async def session(self, name: str) -> AsyncIterator[None]:
        """See :class:`agentgym.policy.Policy`."""
        if name in self._homes:
            raise BadInput(f"session {name!r} is open already; sessions need names of their own")
        self._homes[name] = ("", self.servers[0])
        async with AsyncExitStack() as connections:
            for server in self.servers:
                await connections.enter_async_context(server.open())
            try:
                yield
            finally:
                self._homes.pop(name)

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """See :class:`agentgym.policy.Policy`.

        Raises:
            ServerError: the server refused the prompt, fell silent or could not be brought back.
        """
        server = self._home(prompt)
        sampled = SampleResponse()
        for interruption in range(INTERRUPTIONS):
            rest = sampling.max_tokens - len(sampled.ids)
            sampled += await server.sample(
                SampleRequest(
                    ids=[*prompt.ids, *sampled.ids],
                    sampling=sampling.model_copy(update={"max_tokens": rest}),
                    seed=prompt.seed + interruption,
                    stop_ids=self.renderer.stop_ids,
                    model=self.model,
                    salt=f"weights {self.weight_version}",
                    top=self.entropy_top,
                )
            )
            if sampled.finish_reason in ("stop", "length"):
                return self._completion(sampled)
            if sampled.finish_reason != "abort":  # an interruption by new weights
                break
        raise ServerError(f"{server.url} ended a completion with {sampled.finish_reason!r}")

    def _home(self, prompt: Prompt) -> Engine:
        episode, server = self._homes.get(prompt.session, ("", self.servers[0]))
        if episode != prompt.episode:
            server = min(self.servers, key=lambda one: one.active)
            self._homes[prompt.session] = (prompt.episode, server)
        return server

    def _completion(self, sampled: SampleResponse) -> Completion:
        return Completion(
            text=self.renderer.decode(sampled.ids),
            ids=sampled.ids,
            logprobs=sampled.logprobs,
            entropies=sampled.entropies,
            finish_reason="stop" if sampled.finish_reason == "stop" else "length",
            weight_versions=[
                int(label) if label and label.isdecimal() else self.weight_version
                for label in sampled.labels
            ],
        )
