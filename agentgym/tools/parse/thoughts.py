"""What a model says, without what it thinks."""

from __future__ import annotations

import re

from agentgym.tools.parse.harmony import harmony
from agentgym.tools.parse.scanner import pieces
from agentgym.tools.parse.source import Source


def without_thoughts(text: str, command: re.Pattern[str] | None = None) -> str:
    """``text`` without its thoughts, by the rules that :func:`parse_tool_calls` has.

    Args:
        text: what a model wrote; its calls stay as they are.
        command: matches the commands of an environment that has a form of its own; a tag inside
            one is data, as in a call.
    """
    text = harmony(text)
    kept, place = list[str](), 0
    for piece in pieces(Source(text, own=command)):
        if piece.reading is None:
            kept.append(text[place : piece.start])
            place = piece.end
    return "".join([*kept, text[place:]])
