"""What an MCP server offers and answers, as :class:`Tool` and :class:`ToolResult`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Protocol

import mcp_types
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from pydantic import BaseModel
from referencing import Registry
from referencing.exceptions import Unresolvable

from agentgym.tools.tool import Tool, ToolResult

LONGEST = 200  # characters of what is wrong with one argument


class Given(BaseModel):
    """The arguments of a call, checked by the server's schema and not by a signature of ours."""

    given: dict[str, Any]


class Asked(Protocol):
    """Passes calls on to a server."""

    async def ask(self, name: str, given: dict[str, Any]) -> ToolResult:
        """Call a tool of the server, on any event loop."""
        ...


@dataclass(frozen=True)
class ServerTool(Tool):
    """A tool whose schema is the server's."""

    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """JSON schema of the arguments, as the server wrote it."""

    @cached_property
    def schema(self) -> dict[str, Any]:
        """See :class:`Tool`."""
        function = {
            "name": self.name,
            "description": self.description,
            "parameters": {
                key: value for key, value in self.parameters.items() if key != "$schema"
            },
        }
        return {"type": "function", "function": function}

    def check(self, arguments: Mapping[str, Any]) -> BaseModel | ToolResult:
        """See :class:`Tool`; what a broken schema cannot tell is left to the server."""
        given = dict(arguments)
        try:
            errors = list(self._validator.iter_errors(given))
        except Unresolvable:
            errors = []
        if not errors:
            return Given(given=given)
        wrong = "; ".join(map(_wrong, errors))
        return ToolResult(content=f"Bad arguments for {self.name}: {wrong}", error="arguments")

    @cached_property
    def _validator(self) -> Validator:
        kind = validator_for(self.parameters, default=Draft202012Validator)
        try:
            kind.check_schema(self.parameters)
        except SchemaError:
            return kind({})
        return kind(self.parameters, registry=Registry())  # which fetches nothing


def server_tools(
    listing: Sequence[mcp_types.Tool], asked: Asked, owner: object | None = None
) -> tuple[Tool, ...]:
    """Tools of a server's listing, which ``asked`` runs; the owner is who has its state."""
    return tuple(_tool(offered, asked, owner) for offered in listing)


def _tool(offered: mcp_types.Tool, asked: Asked, owner: object | None) -> Tool:
    hints = offered.annotations
    return ServerTool(
        name=offered.name,
        description=offered.description or offered.title or offered.name,
        function=partial(asked.ask, offered.name),
        arguments=Given,
        repeatable=bool(hints and (hints.read_only_hint or hints.idempotent_hint)),
        owner=owner,
        parameters=offered.input_schema,
    )


def result(answer: mcp_types.CallToolResult) -> ToolResult:
    """The text of an answer, with a note for all that is not text.

    Structured content is shown only where there is no text: with it the text says the same.
    """
    shown = [_block(block) for block in answer.content]
    if answer.structured_content is not None and not any(
        isinstance(block, mcp_types.TextContent) for block in answer.content
    ):
        shown.append(json.dumps(answer.structured_content, ensure_ascii=False))
    return ToolResult(content="\n".join(shown), error="exception" if answer.is_error else None)


def _block(block: mcp_types.ContentBlock) -> str:
    match block:
        case mcp_types.TextContent():
            return block.text
        case mcp_types.ImageContent() | mcp_types.AudioContent():
            size = len(block.data) * 3 // 4 - block.data[-2:].count("=")
            return f"[{block.type}, {block.mime_type}, {size} bytes, not shown]"
        case mcp_types.ResourceLink():
            about = f": {block.description}" if block.description else ""
            return f"[resource {block.name} at {block.uri}{about}]"
        case mcp_types.EmbeddedResource(resource=mcp_types.TextResourceContents() as resource):
            return f"[resource {resource.uri}]\n{resource.text}"
        case mcp_types.EmbeddedResource(resource=resource):
            return f"[resource {resource.uri}, {resource.mime_type or 'binary'}, not shown]"


def _wrong(error: ValidationError) -> str:
    place = ".".join(map(str, error.path))
    said = error.message[:LONGEST]
    return f"{place}: {said}" if place else said
