"""Calls are read in every form that models write; what cannot be read says what is wrong."""

import json
import time

import pytest
from hypothesis import given, settings, strategies as st

from agentgym.tools.parse import parse_tool_calls, without_thoughts, write_tool_call
from agentgym.tools.tool import ToolCall

SEARCH = ToolCall(name="search", arguments={"query": "lamp"})
LOOK = ToolCall(name="look", arguments={})
HERMES = '<tool_call>\n{"name": "search", "arguments": {"query": "lamp"}}\n</tool_call>'
JSON = '{"name": "search", "arguments": {"query": "lamp"}}'
LLAMA = '{"name": "search", "parameters": {"query": "lamp"}}'


@pytest.mark.parametrize(
    ("text", "calls", "left"),
    [
        ("go hall", [], "go hall"),
        (HERMES, [SEARCH], ""),
        (f"I look.\n{HERMES}\nThen.", [SEARCH], "I look.\n\nThen."),
        (f"{HERMES}\n{HERMES}", [SEARCH, SEARCH], ""),
        (f"<tool_call>{JSON}", [SEARCH], ""),  # closing tag missing
        (f"<tool_call>{JSON}\n<tool_call>{JSON}</tool_call>", [SEARCH, SEARCH], ""),
        (f"<tool_call>{JSON} as I said", [SEARCH], "as I said"),
        (f"<tool_call>[{JSON}, {LLAMA}]</tool_call>", [SEARCH, SEARCH], ""),
        ('<tool_call>{"name": "look"}</tool_call>', [LOOK], ""),
        ('<tool_call>{"name": "look", "arguments": null}</tool_call>', [LOOK], ""),
        ('<tool_call>{"name": "look", "arguments": ""}</tool_call>', [LOOK], ""),
        (
            '<tool_call>{"name": "search", "arguments": "{\\"query\\": \\"lamp\\"}"}</tool_call>',
            [SEARCH],
            "",
        ),
        (LLAMA, [SEARCH], ""),
        (f"<|python_tag|>{LLAMA}", [SEARCH], ""),
        (f"<|python_tag|>{LLAMA}; {LLAMA}", [SEARCH, SEARCH], ""),
        ('<function=search>{"query": "lamp"}</function>', [SEARCH], ""),
        ("<function=look>{}</function> now", [LOOK], "now"),
        (JSON, [SEARCH], ""),
        (f"[{JSON}, {JSON}]", [SEARCH, SEARCH], ""),
        (f"Action: {JSON}", [SEARCH], "Action:"),
        (f"So:\n```json\n[{JSON}]\n```\nDone.", [SEARCH], "So:\n\nDone."),
        (f"```\n{JSON}\n```", [SEARCH], ""),
        (f"<think>I could {HERMES}</think>go", [], f"<think>I could {HERMES}</think>go"),
        (f"I could {HERMES}</think>go", [], f"I could {HERMES}</think>go"),
        (JSON.replace("lamp", "a\nb"), [ToolCall(name="search", arguments={"query": "a\nb"})], ""),
        (f"I could {JSON}</think>{HERMES}", [SEARCH], f"I could {JSON}</think>"),
        (f"<think>I could {JSON}", [], f"<think>I could {JSON}"),  # cut off in its thought
        (f"<think>a</think>{HERMES}<think>b</think>", [SEARCH], "<think>a</think><think>b</think>"),
        (f"as in {JSON}: {HERMES}", [SEARCH], f"as in {JSON}:"),
    ],
)
def test_calls_are_found_and_the_text_around_them_stays(text, calls, left):
    parsed = parse_tool_calls(text)
    assert (parsed.calls, parsed.text, parsed.malformed) == (calls, left, [])


@pytest.mark.parametrize(
    "text",
    [
        '{"price": 3, "items": ["lamp"]}',
        '{"name": "lamp", "price": 3}',
        "[1, 2] {not json} [{}]",
        "```json\n[]\n```",
        "a; b",
    ],
)
def test_json_that_is_no_call_is_text(text):
    parsed = parse_tool_calls(text)
    assert (parsed.calls, parsed.text, parsed.malformed) == ([], text, [])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<tool_call>", "cut off"),
        ('<tool_call>{"name": "search", "argu', "Unterminated string"),
        ('<tool_call>{"name": "search", "arguments": {"query": "lamp"}', "cut off"),
        ('<tool_call>{"name": "search", "arguments": {"query": "la" mp"}}</tool_call>', "'mp"),
        (f"<tool_call>{JSON}}}</tool_call>", "'}' follows the JSON"),
        ("<tool_call>{'name': 'look'}</tool_call>", "double quotes"),
        ('<tool_call>{"tool": "look"}</tool_call>', 'no object with a "name"'),
        ('<tool_call>{"name": "look", "arguments": [1]}</tool_call>', "not an object"),
        ('<tool_call>{"name": "look", "arguments": "now"}</tool_call>', "Expecting value: 'now'"),
        ('<tool_call>{"name": "look", "arguments": {"a": NaN}}</tool_call>', "NaN is not JSON"),
        ("<function=look>where?</function>", "Expecting value"),
        ('{"name": "search", "parameters": {"query": ', "cut off"),
        ('{"name": "search", "parameters": [1]}', "not an object"),
        ('```json\n{"name": "search", "arguments": {"query" "lamp"}}\n```', "Expecting ':'"),
        ('{"name": ' * 5000, "too deeply"),
    ],
)
def test_a_call_that_cannot_be_read_says_what_to_write(text, says):
    parsed = parse_tool_calls(text)
    (message,) = parsed.malformed
    assert says in message
    assert message.endswith('<tool_call>{"name": "...", "arguments": {...}}</tool_call>')
    assert len(message) < 300
    assert (parsed.calls, parsed.text) == ([], "")


PARTS = [
    *('{"', "[{", '{"a": ', '[{"a": 1}, ', '{"name": ', '{"name": 1; ', '{"a":;\n', '{"x":\\"'),
    *('{"a": NaN, ', "{'name':", "```", "; ", " ", "\n", "\\", "'", '"', "f(),", "<think>"),
    *("</think>", "<tool_call>", "<tool_call> a", '<tool_call>{"'),
    *('<tool_call>{"a":"<tool_call>{",', "<function=a><parameter=b></parameter>\n"),
    *("<tool_call>a<arg_key>", "<function=a>", "<function=a>{}", "<parameter=b></parameter>"),
    *("<function=a><parameter=b>", "<function=a><parameter=b></parameter>x", "[TOOL_CALLS]["),
    *("<|python_tag|>[f(", "\"<|python_tag|>['", "[TOOL_CALLS]a[ARGS]{"),
    *('<think>{"a":"</think>"}', "<|channel|>final<|message|>"),
]
AROUND = [
    *(("", ""), ("<think>", ""), ("<think>", "</think>"), ("", "</think>"), ("<tool_call>", "")),
    *(('{"a":' * 500, ""), ('{"a":' * 500, "}" * 500), ('{"name": "a", ', "}")),
    *(("<|python_tag|>[", "]"), ("<tool_call><function=f><parameter=x>", "")),
    *(("<|channel|>analysis<|message|>", "x"), ('{"name": x', "x")),
]


@pytest.mark.parametrize("around", AROUND, ids=lambda around: around[0][:20])
@pytest.mark.parametrize("part", PARTS)
def test_hostile_text_is_read_quickly(part, around):
    text = around[0] + part * (100_000 // len(part)) + around[1]
    start = time.process_time()
    parse_tool_calls(text)
    without_thoughts(text)
    assert time.process_time() - start < 3  # seconds for both; 0.2 where nothing else runs


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (f'[{JSON}, {{"a": ', [SEARCH]),  # what is whole inside a list that is cut off
        (f'{{"a": [{{"b": {JSON}, "c"', [SEARCH]),
        (f'{{"a": "no end of {JSON}', [SEARCH]),
    ],
)
def test_a_call_inside_what_is_broken_is_found(text, calls):
    assert parse_tool_calls(text).calls == calls


def test_one_broken_call_does_not_cost_the_others():
    broken = '<tool_call>{"name": "look", }</tool_call>'
    parsed = parse_tool_calls(f"{HERMES} {broken} {HERMES}")
    assert parsed.calls == [SEARCH, SEARCH]
    assert len(parsed.malformed) == 1
    parsed = parse_tool_calls(f'{{"name": "look", "parameters": }}; {LLAMA}')
    assert parsed.calls == [SEARCH]
    assert len(parsed.malformed) == 1


def test_the_canonical_form_is_what_hermes_and_qwen_write():
    assert write_tool_call(SEARCH) == HERMES
    assert "été" in write_tool_call(ToolCall(name="search", arguments={"query": "été"}))


tags = st.sampled_from(["<tool_call>", "</tool_call>", "</think>", "<function=a>", "</function>"])
texts = st.one_of(st.text(max_size=20), tags)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
calls = st.builds(ToolCall, name=texts, arguments=st.dictionaries(texts, values, max_size=3))


@given(st.lists(calls, min_size=1, max_size=3))
@settings(deadline=None)
def test_what_is_written_is_read_back(wanted):
    parsed = parse_tool_calls("\n".join(map(write_tool_call, wanted)))
    assert (parsed.calls, parsed.malformed, parsed.text) == (wanted, [], "")


@given(st.lists(calls, min_size=1, max_size=3))
@settings(deadline=None)
def test_json_without_tags_is_read_too(wanted):
    listed = json.dumps([call.model_dump(exclude={"id"}) for call in wanted])
    assert parse_tool_calls(listed).calls == wanted


fragments = st.sampled_from(
    [
        *(HERMES, JSON, LLAMA, "<tool_call>", "</tool_call>", "<function=a>", "</function>"),
        *("<think>", "</think>", "```json", "```", "<|python_tag|>", ";", "[", "{", '"name":'),
        *('"', "}", "]", "\\ud800", "1e999", "NaN", "9" * 5000),
    ]
)


@given(st.lists(st.one_of(fragments, st.text(max_size=5)), max_size=12).map("".join))
@settings(max_examples=300, deadline=None)
def test_no_text_is_an_exception(text):
    parsed = parse_tool_calls(text)
    assert len(parsed.text) <= len(text)
