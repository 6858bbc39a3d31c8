"""A model's text, with what is known about it: its JSON, its tagged text, the tools' schemas."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from agentgym.tools.parse.calls import Reading, unreadable
from agentgym.tools.parse.json_values import PYTHON_TOKEN, Brackets, JsonValues
from agentgym.tools.parse.tagged_text import TaggedText, Tags
from agentgym.tools.tool import Tool


class Source:
    """What the forms read."""

    def __init__(
        self, text: str, tools: Sequence[Tool] = (), own: re.Pattern[str] | None = None
    ) -> None:
        """Take a text.

        Args:
            text: what a model wrote.
            tools: those that it may call.
            own: matches the commands of an environment that has a form of its own.
        """
        self.text = text
        self._own = [found.span() for found in own.finditer(text)] if own else []
        self.json = JsonValues(text)
        self._tools = tools
        self._tagged: dict[Tags, TaggedText] = {}

    def shown(self, start: int, end: int) -> str:
        """A part of the text, shortened."""
        if end - start <= 80:
            return self.text[start:end].strip()
        return f"{self.text[start : start + 60].strip()} ... {self.text[end - 15 : end].strip()}"

    def unreadable(self, start: int, end: int, why: str, *, sure: bool = False) -> Reading:
        """A part of the text that is a broken call."""
        return unreadable(self.shown(start, end), why, end, sure=sure)

    @cached_property
    def python(self) -> Brackets:
        """The brackets as Python reads them."""
        return Brackets(self.text, PYTHON_TOKEN)

    def tagged(self, tags: Tags) -> TaggedText:
        """The values between some tags."""
        if tags not in self._tagged:
            self._tagged[tags] = TaggedText(self.text, tags)
        return self._tagged[tags]

    def own_argument(self, place: int) -> int | None:
        """The end of the environment's own command that a place is in."""
        number = bisect_right(self._own, place, key=lambda span: span[0]) - 1
        return self._own[number][1] if number >= 0 and place < self._own[number][1] else None

    @cached_property
    def _parameters(self) -> Mapping[str, Mapping[str, Any]]:
        return {tool.name: tool.schema["function"]["parameters"] for tool in self._tools}

    def parameters(self, name: str) -> Mapping[str, Any]:
        """The JSON schema of a tool's arguments; empty if nobody knows the tool."""
        return self._parameters.get(name, {})

    def may_be_tool(self, name: str) -> bool:
        """Whether a tool has this name, or nobody knows the tools."""
        return not self._tools or name in self._parameters

    def begins_line(self, place: int) -> bool:
        """Whether a line begins here."""
        return place == 0 or self.text[place - 1] == "\n"

    def ends_line(self, place: int) -> bool:
        """Whether a line ends here, but for spaces."""
        return self.text[place : place + 80].partition("\n")[0].strip() == ""
