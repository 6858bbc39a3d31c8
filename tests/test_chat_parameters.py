"""Chat servers that refuse parameters, and what their refusals say."""

import json
import warnings

import pytest
from chatting import GREEDY, failure, play
from counter import TASKS, Counter
from faulty import faulty

import agentgym
from agentgym.policy import Sampling
from agentgym.policy.chat import ChatPolicy
from agentgym.policy.chat_parameters import Parameters
from agentgym.rollouts.limits import Limits
from agentgym.trajectory import read_jsonl, write_jsonl

OPENAI = {
    "max_tokens": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
    "'max_completion_tokens' instead.",
    "temperature": "Unsupported value: 'temperature' does not support 0 with this model. Only the "
    "default (1) value is supported.",
    "top_p": "Unsupported parameter: 'top_p' is not supported with this model.",
}
SENT = {"model", "messages", "temperature", "top_p", "max_tokens", "seed"}


def strict(refusals, status=400, shape=lambda words: {"error": {"message": words}}):
    """A server that refuses what it does not take, and else says what it was sent."""

    def answer(request):
        body = json.loads(request.body)
        for name, words in refusals.items():
            if name in body:
                return request.answer(status, json.dumps(shape(words)).encode(), {})
        message = {"role": "assistant", "content": ",".join(sorted(body))}
        choice = {"message": message, "finish_reason": "stop"}
        return request.answer(200, json.dumps({"choices": [choice]}).encode(), {})

    return [answer] * 100


def test_a_reasoning_model(tmp_path):
    with faulty("", *strict(OPENAI)) as line:
        policy = ChatPolicy(line.url, "m")
        with pytest.warns(UserWarning, match="does not take") as warned:
            record = play(policy, steps=3)
    assert record.failure is None and len(line.requests) == 3 + 3  # asked once about each
    assert record.steps[0].action == "max_completion_tokens,messages,model,seed"
    assert json.loads(line.requests[-1].body)["max_completion_tokens"] == GREEDY.max_tokens
    said = [str(one.message) for one in warned]
    assert len(said) == 3
    assert any(
        "'max_tokens'; 'max_completion_tokens' is sent instead. It said: Unsu" in s for s in said
    )
    assert any("'temperature'; it is left out, as steps record" in one for one in said)
    write_jsonl(tmp_path / "e.jsonl", [record])
    (read,) = read_jsonl(tmp_path / "e.jsonl")
    assert [set(step.refused_parameters) for step in read.steps] == [{"temperature", "top_p"}] * 3


def test_many_at_once_find_the_same():
    with faulty("", *strict(OPENAI)) as line, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        policy = ChatPolicy(line.url, "m")
        limits = Limits(max_steps=1)
        groups = agentgym.run(agentgym.collect, Counter, policy, TASKS, limits=limits)
    steps = [t.steps[0] for group in groups for t in group.trajectories]
    assert {step.action for step in steps} == {"max_completion_tokens,messages,model,seed"}
    assert len([one for one in warned if "does not take" in str(one.message)]) == 3


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        ("Unrecognized request argument supplied: seed", "seed"),
        ("Unknown parameter: 'top_k'.", "top_k"),
        ("property 'top_k' is unsupported", "top_k"),
        ('Invalid JSON payload received. Unknown name "seed": Cannot find field.', "seed"),
        ("seed: Extra inputs are not permitted", "seed"),
        ("Malformed input request: extraneous key [top_p] is not permitted", "top_p"),
        ("`temperature` and `top_p` cannot both be specified for this model.", "top_p"),
        ("got an unexpected keyword argument 'top_k'", "top_k"),
        ("This model does not support `temperature`. Supported: top_p, seed.", "temperature"),
    ],
)
def test_the_words_of_servers(words, gone):
    body = dict.fromkeys(SENT | {"top_k"}, 1)
    found = Parameters()
    assert found.learn(words, body) == gone
    assert found.taken(body).keys() == body.keys() - {gone}


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
        "'max_tokens' is too large: 9000. This model's maximum context length is 2048 tokens.",
        "temperature must be between 0 and 1",
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        "m does not support tools",
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "The seedling is not supported",
    ],
)
def test_refusals_of_something_else_stay_errors(words):
    with faulty("", *strict({"model": words})) as line:
        found = failure(ChatPolicy(line.url, "m"))
    assert len(line.requests) == 1
    assert f"answered 400: {words}" in found.message


def test_where_the_body_names_the_parameter():
    def shape(words):
        return {"error": {"message": words, "param": "seed", "code": "unsupported_parameter"}}

    with faulty("", *strict({"seed": "Unsupported parameter."}, shape=shape)) as line:
        policy = ChatPolicy(line.url, "m")
        with pytest.warns(UserWarning, match="does not take 'seed'"):
            assert play(policy).steps[0].refused_parameters == ["seed"]


def test_a_list_of_problems():
    def shape(words):
        return {"detail": [{"type": "extra_forbidden", "loc": ["body", "top_p"], "msg": words}]}

    words = "Extra inputs are not permitted"
    with (
        faulty("", *strict({"top_p": words}, status=422, shape=shape)) as line,
        pytest.warns(UserWarning, match="does not take 'top_p'"),
    ):
        assert play(ChatPolicy(line.url, "m")).failure is None


def test_another_name_that_is_not_taken_either():
    refusals = OPENAI | {"max_completion_tokens": "Unknown parameter: max_completion_tokens"}
    with (
        faulty("", *strict(refusals)) as line,
        pytest.warns(UserWarning, match="'max_tokens'; it is left out"),
    ):
        step = play(ChatPolicy(line.url, "m")).steps[0]
    assert step.action == "messages,model,seed"
    assert set(step.refused_parameters) == {"max_tokens", "temperature", "top_p"}


def test_what_was_left_out_in_vain_is_sent_again():
    """It was about something else: the last refusal is the error, and nothing is remembered."""
    words = "This model is not supported with seed and top_p"
    with faulty("", *strict({"model": words})) as line, warnings.catch_warnings():
        warnings.simplefilter("error")
        policy = ChatPolicy(line.url, "m")
        assert words in failure(policy).message
    assert len(line.requests) == 3
    assert policy.parameters.instead == {}


def test_what_was_not_refused_is_sent():
    with faulty("", *strict({})) as line:
        step = play(ChatPolicy(line.url, "m"), sampling=Sampling(top_k=5)).steps[0]
    assert set(step.action.split(",")) == SENT | {"top_k"} and step.refused_parameters == []
