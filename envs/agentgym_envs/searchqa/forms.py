"""The two forms of acting: the tags of Search-R1, and native tool calls."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentgym.tools.parse import Parsed, parse_tool_calls, without_thoughts, write_tool_call
from agentgym.tools.tool import Tool, ToolCall

OPENING = re.compile(r"<(search|answer)>")
TAGGED = re.compile(r"<(search|answer)>(?:(?!<(?:search|answer)>|</\1>).)*+</\1>", re.DOTALL)
"""A tag with no other in its text: a draft that is cut off hides no end of a thought."""


@dataclass(frozen=True)
class Form:
    """How searches and answers are written, read and answered."""

    rules: str
    """What the model is told."""
    short: str
    """The same in few words, for the easy level."""
    closed: str
    """What it is told where it may not search."""
    read: Callable[[str, Sequence[Tool]], Parsed]
    """The searches in an action, for the tools there are, or the answer as its text; what is
    neither is malformed."""
    search: Callable[[str], str]
    """Write a search for a query."""
    answer: Callable[[str], str]
    """Write an answer."""
    show: Callable[[str], str]
    """What the model reads of what was found."""


def read_tags(action: str, tools: Sequence[Tool] = ()) -> Parsed:  # noqa: ARG001
    """The first complete ``<search>`` or ``<answer>``, as in Search-R1, but not of a thought."""
    found = first_tag(without_thoughts(action, TAGGED))
    if found is None or not (content := found[1]):
        return Parsed(malformed=[WRITE_A_TAG])
    if found[0] == "search":
        return Parsed(calls=[ToolCall(name="search", arguments={"query": content})])
    return Parsed(text=content)


def first_tag(action: str) -> tuple[str, str] | None:
    """Name and content of the first tag that is closed."""
    text = action.encode(errors="replace").decode()  # half a character is no text for a tool
    unclosed = set[str]()
    for opening in OPENING.finditer(text):
        name = opening[1]
        if name in unclosed:
            continue
        end = text.find(f"</{name}>", opening.end())
        if end >= 0:
            return name, text[opening.end() : end].strip()
        unclosed.add(name)
    return None


def read_calls(action: str, tools: Sequence[Tool] = ()) -> Parsed:
    """Tool calls in any form; a text without any, thoughts left out, is the answer."""
    parsed = parse_tool_calls(action, tools)
    if parsed.calls or parsed.malformed:
        return parsed
    said = without_thoughts(parsed.text, TAGGED).encode(errors="replace").decode().strip()
    tag = first_tag(said)
    answer = tag[1] if tag and tag[0] == "answer" else said
    return Parsed(text=answer) if answer else Parsed(malformed=[CALL_OR_ANSWER])


def call_search(query: str) -> str:
    """A native call."""
    return write_tool_call(ToolCall(name="search", arguments={"query": query}))


WRITE_A_TAG = "Write <search>words</search> or <answer>the answer</answer>, with text inside."
CALL_OR_ANSWER = "Call the search tool, or write the answer."

TAGS = Form(
    rules="""Answer the question. You may search a corpus of short passages, one search a turn.

First think, inside <think></think>. Then write one of
<search>words</search>       the best passages come back inside <information></information>
<answer>the answer</answer>  the answer alone, a name or a few words; it ends the episode

Find out one thing at a time: what one passage tells is often what to search for next.""",
    short="answer the question: write <search>name</search> or <answer>words</answer>",
    closed="""Answer the question from what you know. First think, inside <think></think>. Then \
write
<answer>the answer</answer>  the answer alone, a name or a few words""",
    read=read_tags,
    search="<search>{}</search>".format,
    answer="<answer>{}</answer>".format,
    show="<information>\n{}\n</information>".format,
)
CALLS = Form(
    rules="""Answer the question with the help of the search tool, which finds short passages.

Find out one thing at a time: what one passage tells is often what to search for next. When you \
know the answer, write it without a call: the answer alone, a name or a few words, no sentence. \
That ends the episode.""",
    short="answer the question: call search with a name, or write the answer alone",
    closed="Answer the question from what you know. Write the answer alone: a name or a few words.",
    read=read_calls,
    search=call_search,
    answer="{}".format,
    show="{}".format,
)
FORMS = {"tags": TAGS, "calls": CALLS}
"""By the name that the environment's ``form`` takes."""
