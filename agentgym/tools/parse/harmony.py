"""Harmony, the form of gpt-oss: messages on channels, and calls that are sent to a recipient.

<|channel|>analysis<|message|>I should look.<|end|>
<|start|>assistant<|channel|>commentary to=functions.look <|constrain|>json<|message|>{...}<|call|>
<|start|>assistant<|channel|>final<|message|>It is in the hall.<|return|>

See https://cookbook.openai.com/articles/openai-harmony. The recipient may also stand before the
channel. The prompt ends with ``<|start|>assistant``, so a text in this form begins with a channel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentgym.tools.parse.json_values import Broken, JsonValues, Value
from agentgym.tools.parse.writing import write_tool_call, write_unreadable_call
from agentgym.tools.tool import ToolCall

_BEGINS = re.compile(r"\s*+(?:<\|start\|>\s*+assistant)?\s*+(?:to=[^\s<]++\s*+)?<\|channel\|>")
_MESSAGE = re.compile(r"<\|message\|>")
_OVER = re.compile(r"(?:<\|(?:end|call|return)\|>)+|(?=<\|(?:start|channel)\|>)|\Z")
_ROLE = re.compile(r"<\|start\|>\s*([^\s<]+)")
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")
_RECIPIENT = re.compile(r"\bto=(?:functions\.)?([^\s<]+)")
_OBJECT = re.compile(r"\s*(?=\{)")


def harmony(text: str) -> str:
    """Raw Harmony as thoughts in ``<think>``, words, and calls in the form of Hermes.

    A text that does not begin with a channel is returned unchanged.
    """
    return "".join(_messages(text)) if _BEGINS.match(text) else text


def _messages(text: str) -> Iterator[str]:
    values, place, between = JsonValues(text), 0, ""
    while message := _MESSAGE.search(text, place):
        header, content = text[place : message.start()], message.end()
        role, channel, recipient = (_of(header, part) for part in (_ROLE, _CHANNEL, _RECIPIENT))
        found = values.read(json_at.end()) if (json_at := _OBJECT.match(text, content)) else None
        inside = content
        if recipient and found:
            inside = found.end or (found.sound if isinstance(found, Broken) else content)
        over = _OVER.search(text, inside)
        assert over, "every text ends"
        written, place = text[content : over.start()], over.end()
        if role not in {"", "assistant"}:
            continue  # a result or a user that the model made up
        if recipient:
            junk = found is not None and text[found.end : over.start()].strip()
            yield between + _call(recipient, written.rstrip(), None if junk else found)
        elif channel == "analysis":
            yield f"<think>{written.replace('</think>', '</ think>')}</think>"
        else:
            yield written
        between = "\n"


def _of(header: str, part: re.Pattern[str]) -> str:
    found = part.search(header)
    return found[1] if found else ""


def _call(name: str, written: str, found: Value | Broken | None) -> str:
    if isinstance(found, Value):
        try:
            return write_tool_call(ToolCall(name=name, arguments=found.value))
        except (ValueError, RecursionError):  # a list, or nested too deeply
            pass
    return write_unreadable_call(name, written)
