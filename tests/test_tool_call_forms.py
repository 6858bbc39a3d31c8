"""Whatever stands in the arguments, a call survives every form; the table in the docs is true."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from tool_call_writers import ANY_NAME, NAMED, TAGGED, glm, hermes_raw, qwen_coder

from agentgym import tool
from agentgym.tools.parse import MARKERS, parse_tool_calls
from agentgym.tools.parse.schema import argument
from agentgym.tools.tool import ToolCall

DOCS = Path(__file__).parent.parent / "docs" / "tools.md"
LOOK = ToolCall(name="look", arguments={"where": "hall"})
SPELLED = sorted(
    {
        *(*MARKERS, "<function=a>", "</function>", "<parameter=a>", "</parameter>", "```json\n"),
        *("```", "{", "}", "[", "]", '"', "'", "\\", "\n", "; ", '{"name": "a", "arguments": {}}'),
        *('<tool_call>{"name": "a", "arguments": {}}</tool_call>', "<|end|>", "\x00", "é", "😀"),
        *("<function=a>{}</function>", "[TOOL_CALLS]a[ARGS]{}", "<|python_tag|>[a()]"),
    }
)
texts = st.lists(st.sampled_from(SPELLED) | st.text(max_size=8), max_size=6).map("".join)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["look", "look_up2", "été"])


def calls(name, key, value=values):
    one = st.builds(ToolCall, name=name, arguments=st.dictionaries(key, value, max_size=3))
    return st.lists(one, min_size=1, max_size=3)


@pytest.mark.parametrize("write", ANY_NAME, ids=lambda write: write.__name__)
@given(wanted=calls(texts, texts))
@settings(deadline=None)
def test_any_name_and_arguments_survive_in_json(write, wanted):
    parsed = parse_tool_calls(write(wanted))
    assert (parsed.calls, parsed.malformed, parsed.text) == (wanted, [], "")


@pytest.mark.parametrize("write", NAMED, ids=lambda write: write.__name__)
@given(wanted=calls(names, texts))
@settings(deadline=None)
def test_any_arguments_survive_in_the_json_behind_a_name(write, wanted):
    parsed = parse_tool_calls(write(wanted))
    assert (parsed.calls, parsed.malformed) == (wanted, [])
    assert parsed.text in {"", "<think>I call.</think>"}


@pytest.mark.parametrize("write", TAGGED, ids=lambda write: write.__name__)
@given(wanted=calls(names, st.sampled_from(["a", "b c", "ü"])))
@settings(deadline=None)
def test_any_value_survives_as_json_between_tags(write, wanted):
    parsed = parse_tool_calls(write(wanted))
    assert (parsed.calls, parsed.malformed, parsed.text) == (wanted, [], "")


@tool
def look(a: str = "", b: str = "") -> str:
    """Look."""
    return a + b


WHOLE = qwen_coder([LOOK]), glm([LOOK]), hermes_raw([LOOK]), "<function=a>{}</function>"
CLOSING = {qwen_coder: "</parameter>", glm: "</arg_value>"}


def texts_between(closing):
    """Whole calls; any tag but the closing one; or closing tags alone.

    Others cannot be told from the call around them: half an argument in one value and the rest in
    the next, or after the end of a call or of a thought.
    """
    spelled = [text for text in SPELLED if closing not in text]
    ends, thoughts = ("</function>", "</tool_call>"), ("</think>", "[/THINK]")
    kinds = [
        [*WHOLE, *thoughts, " and ", "\n"],
        [text for text in spelled if not text.endswith((*ends, *thoughts))],
        [text for text in spelled if text not in ("<parameter=a>", "<arg_value>")],
        [closing, *ends, *thoughts, "\n", " ", "x"],
    ]
    return st.sampled_from([st.lists(st.sampled_from(kind), max_size=6) for kind in kinds])


@pytest.mark.parametrize("write", TAGGED, ids=lambda write: write.__name__)
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_text_between_tags_is_data_whatever_it_spells(write, data):
    value = data.draw(texts_between(CLOSING[write])).map("".join)
    wanted = data.draw(calls(st.just("look"), st.sampled_from(["a", "b"]), value))
    parsed = parse_tool_calls(write(wanted, as_text=str), [look])
    assert (parsed.calls, parsed.malformed, parsed.text) == (wanted, [], "")


def rows():
    """Example and result of each row of the table of forms."""
    section = DOCS.read_text(encoding="utf-8").partition("## Forms of calls")[2]
    for line in section.partition("\n## ")[0].splitlines():
        if found := re.fullmatch(r"\| (?P<family>.+?) \| `(?P<form>.+)` \|", line):
            form = found["form"].replace("⏎", "\n").replace(r"\|", "|")
            yield pytest.param(form, id=found["family"])


@pytest.mark.parametrize("form", list(rows()))
def test_every_row_of_the_table_is_the_same_call(form):
    parsed = parse_tool_calls(form)
    assert (parsed.calls, parsed.malformed) == ([LOOK], [])
    assert parsed.text in {"", "<think>I should look.</think>"}


def test_the_table_has_every_marker():
    shown = "".join(param.values[0] for param in rows()) + "<think></think>[THINK][/THINK]"
    assert {mark for mark in MARKERS if mark not in shown} == set()


@tool
def book(
    text: str,
    days: int = 1,
    price: float = 0.0,
    now: bool = False,
    note: str | None = None,
    guests: list[str] = [],  # noqa: B006
    either: int | str = 0,
) -> str:
    """Book a room."""
    return text


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("text", "3", "3"),
        ("text", '"quoted"', '"quoted"'),
        ("text", " a\n", " a\n"),
        ("text", "null", "null"),
        ("days", "3", 3),
        ("days", "three", "three"),  # the tool says that it is no number
        ("price", "3", 3),
        ("now", "true", True),
        ("now", "True", True),  # as Jinja writes it
        ("note", "null", None),
        ("note", "3", "3"),
        ("guests", '["ann", "bob"]', ["ann", "bob"]),
        ("either", "3", 3),
        ("either", "3 nights", "3 nights"),
        ("unknown", "3", 3),
    ],
)
@pytest.mark.parametrize("write", TAGGED, ids=lambda write: write.__name__)
def test_the_schema_says_what_a_text_stands_for(write, key, written, value):
    text = write([ToolCall(name="book", arguments={key: written})], as_text=str)
    (call,) = parse_tool_calls(text, [book]).calls
    assert call.arguments == {key: value} and type(call.arguments[key]) is type(value)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": ["integer", "null"]}, 3),
        ({"enum": ["3", "4"]}, "3"),
        ({"enum": [3, 4]}, 3),
        ({"const": "3"}, "3"),
        ({"$ref": "#/$defs/number"}, 3),
        ({"$ref": "#/$defs/text"}, "3"),
        ({"$ref": "#/$defs/itself"}, 3),
        ({"$ref": "https://example.com/schema"}, 3),
        ({"oneOf": [{"type": "string"}, {"$ref": "#/$defs/text"}]}, "3"),
        ({"anyOf": [{"type": "string"}, {}]}, 3),
        ({"type": 7}, 3),  # what a broken server may send
        ({"anyOf": "text"}, 3),
        ("text", 3),
    ],
)
def test_any_schema_is_understood_or_left_alone(schema, value):
    definitions = {
        "number": {"type": "integer"},
        "text": {"type": "string"},
        "itself": {"$ref": "#/$defs/itself"},
    }
    assert argument("3", "a", {"properties": {"a": schema}, "$defs": definitions}) == value
    assert argument("3", "a", {"properties": schema}) == 3


@pytest.mark.parametrize("value", ["a", "3 nights", "{a}", "True story"])
def test_without_a_schema_a_text_is_the_json_that_it_spells_or_itself(value):
    read = parse_tool_calls(qwen_coder([ToolCall(name="f", arguments={"a": value})], str))
    assert read.calls[0].arguments == {"a": value}
    for other in (3, 2.5, True, None, ["x"], {"k": {}}, "in quotes"):
        text = qwen_coder([ToolCall(name="f", arguments={"a": json.dumps(other)})], str)
        assert parse_tool_calls(text).calls[0].arguments == {"a": other}
