"""Any server with the OpenAI chat-completions API, as a policy for evaluation.

It speaks text: there is no renderer and nothing to train on, and the server counts the tokens.
A native tool call becomes text too, in the form that environments read in a model's own words.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx
from pydantic import ValidationError

from agentgym.errors import BadInput, ServerError, UnknownName
from agentgym.policy import Completion, Prompt, Sampling
from agentgym.policy.chat_completion import ChatCompletion
from agentgym.policy.chat_parameters import Parameters
from agentgym.policy.connections import Connections
from agentgym.policy.retry import request, said

OPENAI_KEY = "OPENAI_API_KEY"
REFUSALS = {httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY}


class ChatPolicy:
    """Asks ``model`` on a server.

    What the API has no word for is the server's own choice: ``top_k`` is sent when it is set, but
    a server whose model brings a default (vLLM reads ``generation_config.json``) uses that.
    A parameter that the server refuses (reasoning models: ``max_tokens``, ``temperature``) is sent
    under the name that it asks for or left out from then on; a warning and the steps say so.
    """

    renderer = None
    max_context = None  # the server knows; a prompt that is too long is a failed episode

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key_variable: str = "",
        input_price: float = 0.0,
        output_price: float = 0.0,
        tool_choice: Literal["auto", "required", "none"] = "auto",
        concurrency: int = 64,
        timeout: float = 300.0,
        attempts: int = 5,
    ) -> None:
        """Name the server; nothing is asked yet.

        Args:
            url: ``http://HOST:PORT``, or with a path where the API is not under ``/v1``.
            model: as the server's ``/v1/models`` names it.
            key_variable: environment variable with the API key; default: ``OPENAI_API_KEY`` where
                that is set, else no key. Only its name is kept.
            input_price: of a million prompt tokens, in any currency.
            output_price: of a million completion tokens.
            tool_choice: who calls tools, where the environment has any. With ``none`` the model
                is shown the tools and its answer stays as it wrote it; for servers without a
                parser of tool calls.
            concurrency: requests in flight.
            timeout: seconds that the server may be silent over a request.
            attempts: requests sent at most for one completion.

        Raises:
            BadInput: not an address, or the variable you name is not set.
        """
        try:
            self.url = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise BadInput(f"{url!r} is not an address: {error}") from error
        if self.url.scheme not in {"http", "https"} or not self.url.host:
            raise BadInput(f"a server is http://HOST:PORT or https://HOST, not {url!r}")
        if self.url.userinfo:
            raise BadInput("an address goes into records: give the API key by `key_variable`")
        if self.url.path == "/":
            self.url = self.url.copy_with(path="/v1")
        if key_variable and not os.environ.get(key_variable):
            raise BadInput(f"no API key: the environment variable {key_variable} is not set")
        self.model, self.key_variable = model, key_variable or OPENAI_KEY
        self._key()
        self.input_price, self.output_price = input_price, output_price
        self.tool_choice = tool_choice
        self.concurrency, self.timeout, self.attempts = concurrency, timeout, attempts
        self.connections = Connections(self._open)
        self.parameters = Parameters()

    @asynccontextmanager
    async def session(self, name: str) -> AsyncIterator[None]:  # noqa: ARG002
        """Sessions share connections."""
        async with self.connections.held():
            yield

    def _key(self) -> str:
        key = os.environ.get(self.key_variable, "").strip()
        if not (key.isascii() and key.isprintable()):  # else the error would quote the header
            raise BadInput(f"the value of {self.key_variable} is no API key: it has odd characters")
        return key

    def _open(self) -> httpx.AsyncClient:
        key = self._key()
        return httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            limits=httpx.Limits(
                max_connections=self.concurrency, max_keepalive_connections=self.concurrency
            ),
        )

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """See :class:`agentgym.policy.Policy`.

        Raises:
            ServerError: no answer, or an error; the message says what to do next.
            UnknownName: the server has other models.
        """
        client = self.connections.client
        if client is None:
            raise BadInput("ask within a session: `async with policy.session(name)`")
        try:
            response = await self._ask(client, self._body(prompt, sampling))
        except ServerError as error:
            if error.status == httpx.codes.NOT_FOUND:
                await self._check_model(client)
            raise ServerError(f"{error}{self._advice(error)}", status=error.status) from error
        try:
            answer = ChatCompletion.model_validate_json(response.content)
        except ValidationError as error:
            raise ServerError(
                f"{response.url} answered with something else than a chat completion "
                f"({error.errors()[0]['msg']}): {said(response)}; is it the address of such an API?"
            ) from error
        return Completion(
            text=answer.text,
            finish_reason=answer.finish_reason,
            usage=answer.metered(self.input_price, self.output_price),
            refused_parameters=self.parameters.left_out,
        )

    async def _ask(self, client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
        """Send a request, and again without each parameter that the server refuses."""
        learnt: dict[str, str] = {}
        while True:
            sent = self.parameters.taken(body)
            try:
                response = await request(
                    client,
                    "POST",
                    "chat/completions",
                    json=sent,
                    timeout=self.timeout,
                    attempts=self.attempts,
                )
            except ServerError as error:
                known = set(self.parameters.instead)
                name = error.status in REFUSALS and self.parameters.learn(error.said, sent)
                if not name:
                    self.parameters.forget(learnt)  # leaving them out has not helped
                    raise
                if name not in known:
                    learnt[name] = error.said
                continue
            for name, words in learnt.items():
                other = self.parameters.instead.get(name)
                how = f"{other!r} is sent instead" if other else "it is left out, as steps record"
                warnings.warn(
                    f"{self.model} at {self.url} does not take {name!r}; {how}. It said: {words}",
                    stacklevel=2,
                )
            return response

    def _body(self, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": list(prompt.messages),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": prompt.seed % 2**31,  # what every server takes
        }
        if sampling.top_k:
            body["top_k"] = sampling.top_k
        if prompt.tools:
            body["tools"] = [tool.schema for tool in prompt.tools]
            body["tool_choice"] = self.tool_choice
        return body

    async def _check_model(self, client: httpx.AsyncClient) -> None:
        """Raise if the server lists its models and ours is not among them."""
        try:
            listed = (await request(client, "GET", "models", timeout=self.timeout)).json()
            names = [model["id"] for model in listed["data"]]
        except (ServerError, ValueError, KeyError, TypeError):
            return  # it keeps no list, so the 404 itself is all there is to say
        if self.model not in names:
            raise UnknownName("model", self.model, names, hint=f"(the models of {self.url})")

    def _advice(self, error: ServerError) -> str:
        words = str(error).lower()
        match error.status:
            case httpx.codes.UNAUTHORIZED:
                source = f"the environment variable {self.key_variable}"
                return f"; it is read from {source}{'' if self._key() else ', which is not set'}"
            case httpx.codes.BAD_REQUEST if "context" in words and "length" in words:
                return "; the episode has outgrown the model: show less of its past (a window)"
            case httpx.codes.BAD_REQUEST if "tool-call-parser" in words:
                return "; give the server these flags, or this policy tool_choice='none'"
        return ""
