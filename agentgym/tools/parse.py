"""Tool calls in a model's text: every form it may have been trained on is read, one is written.

Hermes, Qwen   <tool_call>{"name": "search", "arguments": {"query": "lamp"}}</tool_call>
Llama 3        <|python_tag|>{"name": "search", "parameters": {"query": "lamp"}}; {...}
               <function=search>{"query": "lamp"}</function>
plain JSON     such an object or a list of them, in a ```json fence or without

A call that cannot be read is data, like a failed tool: the message says what to write instead.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError

from agentgym.tools.tool import ToolCall

MARKERS = frozenset(
    {
        *("<tool_call>", "</tool_call>", "<think>", "</think>", "[THINK]", "[/THINK]"),
        *("<|python_tag|>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"),
        *("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
        *("<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"),
        *("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁sep｜>"),
        *("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>"),
        *("<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", "<|call|>"),
    }
)
"""The tokens that calls and thoughts are written with; they are read before others are dropped."""

_OPEN = r"<tool_call>|<function="
_TAGGED = re.compile(
    rf"(?:<tool_call>|<function=(?P<name>[^<>\n]*)>)(?P<body>.*?)"
    rf"(?:(?P<close></tool_call>|</function>)|(?={_OPEN})|\Z)",
    re.DOTALL,
)
_THOUGHT = re.compile(  # the opening tag may stand in the prompt; the closing one may be cut off
    r"(<think>.*?(?:</think>|\Z)|\A(?:(?!<think>).)*?</think>)", re.DOTALL
)
_BEFORE = re.compile(  # an object with a key, or a list that begins with one
    r'(?:<\|python_tag\|>\s*|```(?:json)?\s*|;\s*)?(?=(?:\[\s*)?\{\s*"(?:[^"\\]|\\.)*"\s*:)',
    re.DOTALL,
)
_BRACKET = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|\Z)|(?P<open>[\[{])|(?P<close>[\]}])', re.DOTALL)
_AFTER = re.compile(r"(?:\s*```)?")
_BROKEN = re.compile(r'\{\s*"name"\s*:.*?(?=;\s*\{|```|\Z)', re.DOTALL)
_TAG_IN_JSON = re.compile(r"<(?=/?(?:tool_call|function|think)\b)")
_EXAMPLE = '<tool_call>{"name": "...", "arguments": {...}}</tool_call>'


class Parsed(BaseModel):
    """What a text holds."""

    text: str = ""
    """What is no call, thoughts included."""
    calls: list[ToolCall] = []
    malformed: list[str] = []
    """For each call that cannot be read, what is wrong with it."""


def parse_tool_calls(text: str) -> Parsed:
    """The calls in a model's answer, in order; what it drafts in a <think> block is not called.

    JSON without tags is a call when it has a name and arguments (or parameters), and only where
    the text has no tagged calls.
    """
    found = Parsed()
    text = _CALL.sub(
        lambda m: (
            f'<tool_call>{{"name": "{m["m"] or m["k"]}", "arguments": {m["body"]}}}</tool_call>'
        ),
        text,
    )
    parts = _THOUGHT.split(text)  # said, thought, said, thought, ..., said
    read = _tagged if any(map(_TAGGED.search, parts[::2])) else _plain
    parts[::2] = [read(found, said) for said in parts[::2]]
    found.text = "".join(parts).strip()
    return found


def harmony(text: str) -> str:
    """What a Harmony model (gpt-oss) says in its channels, as thoughts, text and Hermes calls."""
    told = []
    for header, body in _MESSAGE.findall(text):
        if "analysis" in header and "to=" not in header:
            told.append(f"<think>{body}</think>")
        elif name := re.search(r"to=functions\.([\w.-]+)", header):
            told.append(f'<tool_call>{{"name": "{name[1]}", "arguments": {body}}}</tool_call>')
        else:
            told.append(body)
    return "".join(told)


_MESSAGE = re.compile(
    r"<\|channel\|>(.*?)<\|message\|>(.*?)(?=<\|(?:end|return|call|start|channel)\|>|\Z)",
    re.DOTALL,
)
_CALL = re.compile(  # Mistral v11, Kimi
    r"(?:\[TOOL_CALLS\](?P<m>\w+)\[ARGS\]|<\|tool_call_begin\|>functions\.(?P<k>\w+):\d+"
    r"<\|tool_call_argument_begin\|>)(?P<body>\{.*?\})(?:<\|tool_call_end\|>|\Z)",
    re.DOTALL,
)


def write_tool_call(call: ToolCall) -> str:
    """A call as Hermes and Qwen models write it; :func:`parse_tool_calls` reads it back."""
    written = json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
    # A tag in a string of the arguments would end the call.
    return "<tool_call>\n" + _TAG_IN_JSON.sub(r"\\u003c", written) + "\n</tool_call>"


def _tagged(found: Parsed, said: str) -> str:
    """Read calls in tags; returns the text that they leave."""
    return _TAGGED.sub(partial(_take, found), said)


def _take(found: Parsed, tag: re.Match[str]) -> str:
    body = tag["body"].strip()
    try:
        value, end = _decoder.raw_decode(body)
        after = body[end:]
        if tag["close"] and after:
            raise ValueError(f"{after[:20]!r} follows the JSON")
        if tag["name"] is not None:
            value = {"name": tag["name"], "arguments": value}
        found.calls += [_call(one) for one in (value if isinstance(value, list) else [value])]
    except (ValueError, RecursionError) as error:
        found.malformed.append(_message(tag[0], error))
        return ""
    return after


def _plain(found: Parsed, said: str) -> str:
    """Read calls in JSON without tags; returns the text that they leave."""
    kept, place = "", 0
    doomed = dict[int, ValueError]()  # where an object or list begins -> the error inside it
    while before := _BEFORE.search(said, place):
        start = before.end()
        rest = said[start:]  # an error takes time that grows with the text before it
        try:
            if start in doomed:
                raise doomed[start]
            value, length = _decoder.raw_decode(rest)
            values = value if isinstance(value, list) else [value]
            is_call = all(map(_looks_like_a_call, values))
            if is_call:
                found.calls += [_call(one) for one in values]
        except (ValueError, RecursionError) as error:
            broken = _BROKEN.match(rest)
            is_call, length = broken is not None, broken.end() if broken else 1
            if broken:
                found.malformed.append(_message(broken[0], error))
            elif isinstance(error, RecursionError):
                break  # nobody can say where it ends
            elif isinstance(error, json.JSONDecodeError) and error.doc is rest:
                places = _unclosed(rest[: error.pos])
                doomed |= {start + place: error for place in places}
        end = start + length
        kept += said[place : before.start() if is_call else end]
        after = _AFTER.match(said, end) if is_call else None
        place = after.end() if after else end
    return kept + said[place:]


def _unclosed(begun: str) -> list[int]:
    """Where the objects and lists begin that are still open at the end of what is JSON so far."""
    opened: list[int] = []
    for bracket in _BRACKET.finditer(begun):
        if bracket["open"]:
            opened.append(bracket.start())
        elif bracket["close"]:
            opened.pop()
    return opened


def _looks_like_a_call(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() > {"name"}
        and not (value.keys().isdisjoint({"arguments", "parameters"}))
    )


def _call(value: Any) -> ToolCall:
    """The call that decoded JSON stands for, or a ValueError that says why it is none."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ValueError('there is no object with a "name"')
    arguments = value.get("arguments", value.get("parameters"))
    if isinstance(arguments, str):
        arguments = _decoder.decode(arguments) if arguments.strip() else None
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise ValueError("the arguments are not an object")
    try:
        return ToolCall(name=value["name"], arguments=arguments)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from error


def _message(written: str, error: Exception) -> str:
    shown = written if len(written) <= 80 else f"{written[:60]} ... {written[-15:]}"
    why = str(error)
    if isinstance(error, json.JSONDecodeError):
        rest = error.doc[error.pos : error.pos + 20]
        why = f"{error.msg}: {rest!r}" if rest else "the JSON is cut off"
    elif isinstance(error, RecursionError):
        why = "it is nested too deeply"
    return f"This tool call cannot be read: {shown}\n{why}. Write it as {_EXAMPLE}"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


# Models write line breaks into strings as they are.
_decoder = json.JSONDecoder(strict=False, parse_constant=_refuse)
