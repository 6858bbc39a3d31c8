"""What a chat-completions server answers, and the action, tokens and cost that are in it."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, Field

from agentgym.tools.parse import write_tool_call, write_unreadable_call
from agentgym.tools.tool import ToolCall
from agentgym.trajectory import Usage

MILLION = 1_000_000


class _Function(BaseModel):
    name: str
    arguments: str = ""


class _ToolCall(BaseModel):
    function: _Function


class _Message(BaseModel):
    content: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Tokens(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class ChatCompletion(BaseModel):
    """The parts of the response that are used."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Tokens | None = None

    @property
    def text(self) -> str:
        """What the model said, then its tool calls in the canonical form."""
        message = self.choices[0].message
        calls = [_written(call.function) for call in message.tool_calls or ()]
        return "\n".join(part for part in (message.content, *calls) if part)

    @property
    def finish_reason(self) -> Literal["stop", "length"]:
        """``length`` at the token limit; a tool call or a filter is a ``stop``."""
        return "length" if self.choices[0].finish_reason == "length" else "stop"

    def metered(self, input_price: float, output_price: float) -> Usage | None:
        """Tokens and cost at prices per million tokens; None from a server that does not count."""
        if self.usage is None:
            return None
        prompt, completion = self.usage.prompt_tokens, self.usage.completion_tokens
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost=(prompt * input_price + completion * output_price) / MILLION,
        )


def _written(function: _Function) -> str:
    """A call as a model writes it; the environment says what is wrong with its arguments."""
    try:
        arguments = json.loads(function.arguments or "{}")
        return write_tool_call(ToolCall(name=function.name, arguments=arguments))
    except (ValueError, RecursionError):
        return write_unreadable_call(function.name, function.arguments)
