"""Any policy behind the OpenAI chat-completions API, for frameworks that ask a server.

    with serving(LocalPolicy.from_folder(folder)) as url:      # "http://127.0.0.1:43217/v1"
        ...

For one model that many clients ask, vLLM's own server is the better one (``agentgym serve``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Annotated, Any, Literal

import anyio
from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, ValidationError

from agentgym.context.context import Message
from agentgym.env.text_env import TextEnv
from agentgym.errors import BadInput
from agentgym.policy import Completion, Policy, Prompt, Sampling
from agentgym.runtime import background

LARGEST = 64 * 1024 * 1024
"""Bytes of a request."""


def _joined(content: Any) -> Any:
    """Content that comes in parts, as one text."""
    if isinstance(content, list) and all(part.get("type") == "text" for part in content):
        return "".join(part["text"] for part in content)
    return content or ""


class _Message(BaseModel):
    role: Literal["system", "user", "assistant", "tool"]
    content: Annotated[str, BeforeValidator(_joined)] = ""


class _Request(BaseModel):
    """What is understood of a request; what would change the answer and is not, is refused."""

    messages: list[_Message] = Field(min_length=1)
    model: str = ""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = Field(
        None, validation_alias=AliasChoices("max_tokens", "max_completion_tokens")
    )
    seed: int = 0
    n: Literal[1, None] = 1
    stream: bool | None = False
    """The answer comes as one piece all the same: policies answer whole."""
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    """Refused: say what tools there are in the system message."""

    def prompt(self, policy: Policy, name: str) -> Prompt:
        """The prompt for a policy; there is no environment at this end."""
        messages: list[Message] = [{"role": m.role, "content": m.content} for m in self.messages]
        ids = policy.renderer.render(messages).ids if policy.renderer else []
        answered = sum(message["role"] == "assistant" for message in messages)
        return Prompt(
            session=name,
            episode=name,
            step=answered,
            seed=self.seed,
            messages=messages,
            ids=ids,
            tools=(),
            env=TextEnv(),
        )

    def sampling(self, default: Sampling) -> Sampling:
        """The client's wishes over the server's own."""
        wishes = {"temperature": self.temperature, "top_p": self.top_p}
        wishes["max_tokens"] = self.max_tokens
        given = {name: wish for name, wish in wishes.items() if wish is not None}
        return Sampling.model_validate(default.model_dump() | given)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, policy: Policy, name: str, sampling: Sampling, timeout: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.policy, self.name, self.sampling, self.longest = policy, name, sampling, timeout
        self.number = count()

    async def answer(self, request: _Request) -> tuple[Prompt, Completion]:
        """Ask the policy, in a session of the request's own."""
        session = f"{self.name}-{next(self.number)}"
        prompt = request.prompt(self.policy, session)
        sampling = request.sampling(self.sampling)
        if self.policy.max_context is not None:
            room = min(sampling.max_tokens, self.policy.max_context - len(prompt.ids))
            if room < 1:
                raise BadInput(
                    f"the context length is {self.policy.max_context} tokens, and the messages "
                    f"have {len(prompt.ids)}"
                )
            sampling = sampling.model_copy(update={"max_tokens": room})
        with anyio.fail_after(self.longest):
            async with self.policy.session(session):
                return prompt, await self.policy.generate(prompt, sampling)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave together
    timeout = 600  # seconds that an idle connection is kept

    def do_GET(self) -> None:
        """The list of models: the one."""
        if not self.path.endswith("/models"):
            return self._refuse(HTTPStatus.NOT_FOUND, f"no such route: {self.path}")
        model = {"id": self.server.name, "object": "model", "created": 0, "owned_by": "agentgym"}
        return self._send(HTTPStatus.OK, {"object": "list", "data": [model]})

    def do_POST(self) -> None:
        """A completion."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            self.close_connection = True
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{length} bytes are too many")
        body = self.rfile.read(length)
        if not self.path.endswith("/chat/completions"):
            return self._refuse(HTTPStatus.NOT_FOUND, f"no such route: {self.path}")
        try:
            request = _Request.model_validate_json(body)
            prompt, completion = background.call(self.server.answer, request)
        except (ValidationError, BadInput) as error:
            return self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except Exception as error:  # noqa: BLE001  whatever a policy raises is the client's to read
            what = f"{type(error).__name__}: {error}"
            return self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, what)
        answer = _answer(self.server.name, prompt, completion)
        if request.stream:
            return self._write(HTTPStatus.OK, "text/event-stream", _as_events(answer))
        return self._send(HTTPStatus.OK, answer)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._send(status, {"error": {"message": message, "type": status.phrase, "code": status}})

    def _send(self, status: HTTPStatus, value: dict[str, Any]) -> None:
        self._write(status, "application/json", json.dumps(value))

    def _write(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests are not worth a line each."""


def _answer(name: str, prompt: Prompt, completion: Completion) -> dict[str, Any]:
    asked, written = len(prompt.ids), len(completion.ids)
    if completion.usage is not None:
        asked, written = completion.usage.prompt_tokens, completion.usage.completion_tokens
    return {
        "id": prompt.session,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": name,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": completion.text},
                "finish_reason": completion.finish_reason,
                "logprobs": None,
            }
        ],
        # A policy that speaks text counts no tokens.
        "usage": {
            "prompt_tokens": asked,
            "completion_tokens": written,
            "total_tokens": asked + written,
        },
    }


def _as_events(answer: dict[str, Any]) -> str:
    """A whole answer in the form of a stream: its text, its end, and how much it was."""
    (choice,) = answer["choices"]
    about = {name: answer[name] for name in ("id", "created", "model")}
    about["object"] = "chat.completion.chunk"
    end = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
    text = {"index": 0, "delta": choice["message"], "finish_reason": None}
    pieces = [
        about | {"choices": [text]},
        about | {"choices": [end]},
        about | {"choices": [], "usage": answer["usage"]},
    ]
    return "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces) + "data: [DONE]\n\n"


@contextmanager
def serving(
    policy: Policy,
    *,
    name: str = "agentgym",
    sampling: Sampling | None = None,
    timeout: float = 600.0,
) -> Iterator[str]:
    """Serve a policy on a free port of the loopback address.

    Args:
        policy: asked from an event loop of its own. A scripted one sees the messages; there is no
            environment at this end.
        name: of the model.
        sampling: for what a request leaves open.
        timeout: seconds for one completion.

    Yields:
        The API's address, which ends in ``/v1``.
    """
    server = _Server(policy, name, sampling or Sampling(), timeout)
    thread = Thread(target=server.serve_forever, name="agentgym-endpoint", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
