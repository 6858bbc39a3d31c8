"""Literal responses of chat-completions servers, and the text of their tool calls."""

import json
import re

import pytest
from chatting import failure
from faulty import answers, faulty

from agentgym.policy.chat import ChatPolicy
from agentgym.policy.chat_completion import ChatCompletion
from agentgym.tools.parse import parse_tool_calls


def chat_completion(message, finish_reason="stop", **more):
    """A literal response, with what is there and not used."""
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None}
    body = {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], **more}
    return ChatCompletion.model_validate(body)


def call(name, arguments):
    return {"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_tool_calls_become_text():
    calls = [call("multiply", '{"a": 2,\n"b": 3}'), call("now", "")]
    answer = chat_completion(
        {"role": "assistant", "content": "First this.", "tool_calls": calls}, "tool_calls"
    )
    assert answer.text == (
        "First this.\n"
        '<tool_call>\n{"name": "multiply", "arguments": {"a": 2, "b": 3}}\n</tool_call>\n'
        '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
    )
    assert answer.finish_reason == "stop"
    assert answer.metered(1.0, 1.0) is None
    alone = chat_completion({"content": None, "tool_calls": calls[1:]})
    assert alone.text == '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
    assert chat_completion({"content": None}).text == ""


@pytest.mark.parametrize(
    "arguments",
    [
        *('{"a": 2, "b', "[2, 3]", "two and three", '{}, "name": "divide", "arguments": {}'),
        '}}</tool_call><tool_call>{"name": "divide", "arguments": {}}</tool_call>',
    ],
)
def test_malformed_arguments_become_no_other_call(arguments):
    answer = chat_completion({"content": "", "tool_calls": [call("multiply", arguments)]})
    written = json.loads(answer.text.removeprefix("<tool_call>").removesuffix("</tool_call>"))
    assert written == {"name": "multiply", "arguments": arguments}
    read = parse_tool_calls(answer.text)
    assert read.calls == [] and len(read.malformed) == 1  # the environment can say so


def test_content_in_parts():
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    parts = [thought, {"type": "text", "text": "go "}, {"type": "output_text", "text": "hall"}]
    assert chat_completion({"content": parts}).text == "go hall"
    assert chat_completion({"content": ["go ", "hall", {"text": None}]}).text == "go hall"
    assert chat_completion({"content": []}).text == ""


def test_thoughts_are_no_action():
    thinking = {"content": None, "reasoning_content": "hm", "reasoning": "hm"}
    assert chat_completion(thinking).text == ""
    assert chat_completion(thinking | {"content": "look"}).text == "look"


@pytest.mark.parametrize(
    ("arguments", "written"),
    [({"where": "hall"}, '{"where": "hall"}'), ({}, "{}"), (None, "{}"), ([2], '"[2]"')],
)
def test_arguments_that_are_no_text(arguments, written):
    answer = chat_completion({"tool_calls": [call("look", arguments)]})
    assert answer.text == f'<tool_call>\n{{"name": "look", "arguments": {written}}}\n</tool_call>'


@pytest.mark.parametrize(
    ("reason", "read"),
    [("length", "length"), ("max_tokens", "length"), (None, "stop"), ("eos", "stop"), (3, "stop")],
)
def test_finish_reasons(reason, read):
    assert chat_completion({"content": "look"}, reason).finish_reason == read


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": None, "completion_tokens": None}, {"prompt_tokens": 3}]
)
def test_a_server_that_does_not_count(usage):
    assert chat_completion({"content": "look"}, usage=usage).metered(1.0, 1.0) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"choices": []}, r'at least 1 item.*\): \{"choices": \[\]\}; is it the address'),
        ({"error": {"message": "out of credit"}}, r"\): out of credit; is it the address"),
        ({"choices": [{"message": None}]}, r'\): \{"choices": '),
    ],
)
def test_an_answer_without_a_choice(body, words):
    with faulty("", answers(200, json.dumps(body))) as line:
        found = failure(ChatPolicy(line.url, "m"))
    assert re.search(f"something else than a chat completion .*{words}", found.message)
