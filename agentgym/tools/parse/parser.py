"""From a model's text to the calls in it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from agentgym.tools.parse.harmony import harmony
from agentgym.tools.parse.scanner import pieces
from agentgym.tools.parse.source import Source
from agentgym.tools.tool import Tool, ToolCall


class Parsed(BaseModel):
    """What a text holds."""

    text: str = ""
    """What is no call, thoughts included."""
    calls: list[ToolCall] = []
    malformed: list[str] = []
    """For each call that cannot be read, what is wrong with it."""


def parse_tool_calls(text: str, tools: Sequence[Tool] = ()) -> Parsed:
    """The calls in a model's answer, in order; what it drafts in a <think> block is not called.

    JSON without marks is a call when it has a name and arguments (or parameters), and only where
    the text has no marked calls.

    Args:
        text: in any form of the table in docs/tools.md.
        tools: those that may be called; their schemas say what an argument stands for that a form
            writes without quotes. Without them, it is the JSON that it spells, or itself.
    """
    text = harmony(text)
    found = [piece for piece in pieces(Source(text, tools)) if piece.reading]
    if any(piece.marked for piece in found):
        found = [piece for piece in found if piece.marked]
    calls, malformed, kept, place = list[ToolCall](), list[str](), list[str](), 0
    for piece in found:
        assert piece.reading
        calls += piece.reading.calls
        malformed += piece.reading.malformed
        kept.append(text[place : piece.start])
        place = piece.end
    left = "".join([*kept, text[place:]]).strip()
    return Parsed(text=left, calls=calls, malformed=malformed)
