"""Which tokens a template controls the model with, marked as special or not.

DeepSeek's role markers are ordinary added tokens, and so are <think> and <tool_call> of most
models. What a template writes is found in what it makes of short conversations and in the strings
of its source, for it writes some only in answer to others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from jinja2 import Environment

from agentgym.context.context import Message
from agentgym.errors import BadInput
from agentgym.rendering.guard import HOLE
from agentgym.rendering.template import Template
from agentgym.rendering.turn import CHANNEL
from agentgym.tools.parse import MARKERS

PARAMETERS = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
TOOL = {
    "type": "function",
    "function": {"name": HOLE, "description": HOLE, "parameters": PARAMETERS},
}
PLAIN = (("user",), ("user", "assistant", "user"), ("system", "user", "assistant", "user"))
WITH_RESULTS = (("user", "assistant", "tool"), ("user", "assistant", "tool", "user"))


class ControlTokens(NamedTuple):
    """The control tokens of a tokenizer and its template, for each of those who may spell one."""

    heard: frozenset[str]
    """All of them: nothing that a user, a tool or an environment says becomes one."""
    told: frozenset[str]
    """Special tokens, roles and ends of turn: no system prompt or list of tools has them. It may
    show how to write <think> and <tool_call>, and these stay the tokens that the model writes."""
    said: frozenset[str]
    """... without those that calls are written with: an assistant's words have them as tokens."""
    roles: frozenset[str]
    """What plain conversations are written with: roles and ends of turn."""


def control_tokens(tokenizer: Any, template: Template, ends: Iterable[str]) -> ControlTokens:
    """Find them; ``ends`` are the tokens that end a turn."""
    added = tokenizer.added_tokens_decoder.values()
    special = {token.content for token in added if token.special}
    special |= set(tokenizer.all_special_tokens)
    tokens = {token.content for token in added if token.content.strip()} | special
    plain = "".join(_filled(template, PLAIN))
    harmony = CHANNEL in plain
    roles = {token for token in tokens if token in plain} - (set() if harmony else MARKERS)
    roles |= set(ends)
    results = _filled(template, WITH_RESULTS), _filled(template, PLAIN, [TOOL])
    texts = "\0".join([plain, *results[0], *results[1], *_strings(template)])
    written = {token for token in tokens if token in texts}
    return ControlTokens(
        heard=frozenset(special | roles | written | tokens & MARKERS),
        told=frozenset(special | roles),
        said=frozenset((special - MARKERS) | roles),
        roles=frozenset(roles),
    )


def _filled(
    template: Template, conversations: Iterable[tuple[Any, ...]], tools: Iterable[Any] = ()
) -> list[str]:
    """What the template makes of those conversations that it accepts."""
    texts = []
    for roles in conversations:
        messages = [Message(role=role, content=HOLE) for role in roles]
        try:
            texts.append(template.fill(messages, list(tools)))
        except BadInput:
            continue
    return texts


def _strings(template: Template) -> list[str]:
    """The text and the strings in the template's source."""
    environment = Environment()
    return [
        text
        for source in template.sources.values()
        for _, kind, text in environment.lex(source)
        if kind in {"data", "string"}
    ]
