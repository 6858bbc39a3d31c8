"""Secrets kept out of what is written down: each of their values becomes ***."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import get_args
from urllib.parse import quote, quote_plus

from pydantic import JsonValue, SecretStr

from agentgym.errors import BadInput
from agentgym.tools.tool import Tool, ToolCall

STARS = "***"
SHORTEST = 4  # characters; less would blank out ordinary text


class Secrets:
    """Values that are hidden from the model, from recordings and from caches.

    Secrets(SecretStr("..."), "...", variables=["SEARCH_API_KEY"])
    """

    def __init__(self, *values: str | SecretStr, variables: Iterable[str] = ()) -> None:
        """Take values, and the current values of environment variables; unset ones are ignored.

        Raises:
            BadInput: a value is so short that ordinary text would be blanked out.
        """
        found = [_plain(value) for value in values]
        found += [value for name in variables if (value := os.environ.get(name))]
        if any(len(value) < SHORTEST for value in found):
            raise BadInput(
                f"a secret has fewer than {SHORTEST} characters, so {STARS} would stand all over "
                "ordinary text; leave it out or use a longer one"
            )
        self._values = found
        written = {form for value in found for form in _forms(value)}
        longest_first = sorted(written, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if written else None

    def hide(self, text: str) -> str:
        """``text`` with stars for secrets, also where JSON or a URL has escaped them."""
        return self._pattern.sub(STARS, text) if self._pattern else text

    def hide_in(self, value: JsonValue) -> JsonValue:
        """The same for every text in a JSON value."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, list):
            return [self.hide_in(inner) for inner in value]
        if isinstance(value, dict):
            return {self.hide(key): self.hide_in(inner) for key, inner in value.items()}
        return value

    def and_those_given(self, tool: Tool, arguments: Mapping[str, JsonValue]) -> Secrets:
        """These, and what a call gives for the arguments that its tool declares ``SecretStr``."""
        given = (arguments.get(name) for name in secret_arguments(tool))
        more = [value for value in given if isinstance(value, str) and len(value) >= SHORTEST]
        return Secrets(*self._values, *more) if more else self


def secret_arguments(tool: Tool) -> list[str]:
    """The names of the arguments that are declared ``SecretStr``."""
    fields = tool.arguments.model_fields.items()
    return [
        name
        for name, field in fields
        if SecretStr in (field.annotation, *get_args(field.annotation))
    ]


def written(call: ToolCall, secrets: Secrets, tool: Tool | None = None) -> ToolCall:
    """A call as it may be written down."""
    arguments = {name: secrets.hide_in(value) for name, value in call.arguments.items()}
    for name in secret_arguments(tool) if tool else ():
        if name in arguments:
            arguments[name] = STARS
    return ToolCall(name=secrets.hide(call.name), arguments=arguments, id=call.id)


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _forms(value: str) -> set[str]:
    """A value as it is and as JSON and URLs write it."""
    escaped = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    return {value, quote(value, safe=""), quote(value), quote_plus(value)} | escaped
