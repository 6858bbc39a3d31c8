"""What a chat-completions server answers, and the action, tokens and cost that are in it."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, Field

from agentgym.tools.parse import write_tool_call, write_unreadable_call
from agentgym.tools.tool import ToolCall
from agentgym.trajectory import Usage

MILLION = 1_000_000


class _Function(BaseModel):
    name: str
    arguments: Any = None
    """A JSON text, as the API has it, or what such a text would say."""


class _ToolCall(BaseModel):
    function: _Function


class _Message(BaseModel):
    content: str | list[Any] | None = None
    """A text, or parts of which some are text; thoughts, in parts or beside it, are left out."""
    tool_calls: list[_ToolCall] | None = None

    @property
    def text(self) -> str:
        parts = [self.content] if isinstance(self.content, str) else self.content or ()
        return "".join(map(_text, parts))


class _Choice(BaseModel):
    message: _Message
    finish_reason: Any = None


class _Tokens(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class ChatCompletion(BaseModel):
    """The parts of the response that are used."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Tokens | None = None

    @property
    def text(self) -> str:
        """What the model said, then its tool calls in the canonical form."""
        message = self.choices[0].message
        calls = [_written(call.function) for call in message.tool_calls or ()]
        return "\n".join(part for part in (message.text, *calls) if part)

    @property
    def finish_reason(self) -> Literal["stop", "length"]:
        """``length`` at the token limit; a tool call, a filter or no reason is a ``stop``."""
        return "length" if self.choices[0].finish_reason in ("length", "max_tokens") else "stop"

    def metered(self, input_price: float, output_price: float) -> Usage | None:
        """Tokens and cost at prices per million tokens; None from a server that does not count."""
        if self.usage is None:
            return None
        prompt, completion = self.usage.prompt_tokens, self.usage.completion_tokens
        if prompt is None or completion is None:
            return None
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost=(prompt * input_price + completion * output_price) / MILLION,
        )


def _text(part: Any) -> str:
    """The text of a part of a message; empty where it has none."""
    if isinstance(part, dict) and part.get("type", "text") in {"text", "output_text"}:
        part = part.get("text")
    return part if isinstance(part, str) else ""


def _written(function: _Function) -> str:
    """A call as a model writes it; the environment says what is wrong with its arguments."""
    given = function.arguments or "{}"
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    try:
        return write_tool_call(ToolCall(name=function.name, arguments=json.loads(text)))
    except (ValueError, RecursionError):
        return write_unreadable_call(function.name, text)
