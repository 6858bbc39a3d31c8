"""The templates of well-known models, over many turns: what is kept, what is rendered anew."""

import pytest
from hypothesis import given, settings, strategies as st
from template_forms import FORMS, assistant, renderer_of, system, tool_result, user, written

from agentgym.env.text_env import Task
from agentgym.errors import BadInput
from agentgym.rendering.drift import follow
from agentgym.rendering.transcript import Transcript
from agentgym.tools.parse import write_tool_call
from agentgym.tools.tool import ToolCall
from agentgym.trajectory import Step, Trajectory

THOUGHT = "<think>\nwell\n</think>\n\n"
CALL = write_tool_call(ToolCall(name="look", arguments={"where": "under the table"}))
OPENING = [system("Answer with one word."), user("You are in the hall.")]
CONVERSATIONS = {
    "plain": [("go hall", [user("You are in the kitchen.")])] * 3,
    "spaced": [("\n go hall \n", [user("next")])] * 2,
    "thinking": [(THOUGHT + "go hall", [user("next")])] * 3,
    "tools": [
        (THOUGHT + CALL, [tool_result("a lamp")]),
        (THOUGHT + f"{CALL}\n{CALL}", [tool_result("a lamp"), tool_result("a key")]),
        (THOUGHT + "go hall", [user("next")]),
    ],
    "squeezed": [("<think>well</think>go hall", [tool_result("a lamp")])] * 2,
}
CLEAN, REALIGNED, FORKED = "clean", "realigned", "forked"
REWRITTEN = {  # else every prompt is clean
    ("llama3", "spaced"): [REALIGNED] * 2,
    ("gemma", "spaced"): [REALIGNED] * 2,
    ("gemma2", "spaced"): [REALIGNED] * 2,
    ("llama2", "spaced"): [REALIGNED] * 2,
    ("phi3", "spaced"): [REALIGNED] * 2,
    ("qwen3", "thinking"): [FORKED] * 3,
    ("qwen3", "tools"): [CLEAN, CLEAN, FORKED],
    ("qwen3", "squeezed"): [REALIGNED] * 2,
    # The system prompt moves on to the last message.
    ("mistral_v3", "plain"): [FORKED] * 3,
    ("mistral_v3", "spaced"): [FORKED] * 2,
    ("mistral_v3", "thinking"): [FORKED] * 3,
}
ENDED = {  # where the model ended its turn with another token than the template writes
    ("glm4", "tools"): [REALIGNED, REALIGNED, CLEAN],
    ("glm4", "squeezed"): [REALIGNED] * 2,
    **{("gptoss", name): [REALIGNED] * len(turns) for name, turns in CONVERSATIONS.items()},
}
CUT_OFF = {  # behind a space which the template writes before its own end
    ("llama2", "plain"): [REALIGNED] * 3,
    ("llama2", "thinking"): [REALIGNED] * 3,
}
WITH_TOOLS = {"tools", "squeezed"}
CASES = [(f, c) for f in FORMS for c in CONVERSATIONS if FORMS[f].results or c not in WITH_TOOLS]


def expected(form, conversation, cut_off=False):
    """The drift of the prompts."""
    drift = REWRITTEN | (CUT_OFF if cut_off else ENDED)
    return drift.get((form, conversation), [CLEAN] * len(CONVERSATIONS[conversation]))


def play(renderer, turns, opening=OPENING, end=None):
    """A conversation in which the model says what is written there.

    Returns the episode's record and, for each of its prompts, the messages and the ids.
    """
    transcript, messages, asked = Transcript(renderer), opening, []
    record = Trajectory(id="t", group="t", task=Task(id="t", split="train"), stop_reason="error")
    for answer, new in [*turns, ("", [])]:
        added = transcript.prompt(messages)
        asked.append((messages, transcript.ids))
        sampled = written(renderer, answer) + ([renderer.end_id] if end is None else end)
        place = {"segment": transcript.segment, "drift": transcript.drift}
        record.steps.append(
            Step(observation="", action=answer, anchor="", prompt_ids=added, ids=sampled, **place)
        )
        transcript.sample(sampled, answer)
        messages = [*messages, assistant(answer), *new]
    return record, asked


def check(renderer, record, asked):
    """What holds for every template and setting; returns the drift of the prompts."""
    steps, decode, clean = record.steps, renderer.tokenizer.decode, True
    for i in range(1, len(steps)):
        (_, before), (messages, ids) = asked[i - 1 : i + 1]
        assert record.prompt_of(i) == ids
        known = before + steps[i - 1].ids
        if steps[i].drift == FORKED:
            assert ids == renderer.render(messages).ids
            assert steps[i].segment == steps[i - 1].segment + 1
        else:
            assert ids[: len(known)] == known
            assert steps[i].segment == steps[i - 1].segment
        clean = clean and steps[i].drift == CLEAN
        if clean:
            assert decode(ids) == decode(renderer.render(messages).ids)
    return [step.drift for step in steps[1:]]


@pytest.mark.parametrize("cut_off", [False, True])
@pytest.mark.parametrize(("form", "conversation"), CASES)
def test_a_template_is_followed_where_it_rewrites_the_past(tokenizer, form, conversation, cut_off):
    renderer = renderer_of(form, tokenizer)
    turns = CONVERSATIONS[conversation]
    record, asked = play(renderer, turns, end=[] if cut_off else None)
    drift = check(renderer, record, asked)
    assert drift == expected(form, conversation, cut_off)
    if (
        drift == [CLEAN] * 3 and conversation == "plain"
    ):  # in which the small tokenizer and a real one merge nothing
        assert all(ids == renderer.render(messages).ids for messages, ids in asked)


@pytest.mark.parametrize(("form", "conversation"), CASES)
def test_or_the_models_own_words_are_kept(tokenizer, form, conversation):
    renderer = renderer_of(form, tokenizer, on_rewrite="keep")
    turns = CONVERSATIONS[conversation]
    record, asked = play(renderer, turns)
    followed = expected(form, conversation)
    kept = [REALIGNED if drift == FORKED else drift for drift in followed]
    assert check(renderer, record, asked) == kept
    text, place = renderer.tokenizer.decode(asked[-1][1]), 0
    for answer, _ in turns:
        place = text.index(answer, place) + len(answer)


@pytest.mark.parametrize(("form", "conversation"), CASES)
def test_or_it_is_an_error(tokenizer, form, conversation):
    renderer = renderer_of(form, tokenizer, on_rewrite="error")
    turns = CONVERSATIONS[conversation]
    drift = expected(form, conversation)
    if FORKED in drift:
        with pytest.raises(
            BadInput, match=r"rewrites the past: after '.*' it writes '.*' instead of '"
        ):
            play(renderer, turns)
    else:
        assert check(renderer, *play(renderer, turns)) == drift


@pytest.mark.parametrize("form", [name for name, form in FORMS.items() if form.other_ends])
def test_a_turn_that_the_model_ended_otherwise_is_not_ended_twice(tokenizer, form):
    renderer = renderer_of(form, tokenizer)
    (other,) = renderer.tokenizer.convert_tokens_to_ids(FORMS[form].other_ends)
    record, asked = play(renderer, CONVERSATIONS["plain"], end=[other])
    assert check(renderer, record, asked) == [REALIGNED] * 3
    messages, ids = asked[-1]
    canonical = renderer.render(messages).ids
    answers = [i for i, (a, b) in enumerate(zip(ids, canonical, strict=True)) if a != b]
    assert [ids[i] for i in answers] == [other] * 3
    assert [canonical[i] for i in answers] == [renderer.end_id] * 3


def test_qwen3_goes_on_seeing_the_thoughts_that_are_kept(tokenizer):
    renderer = renderer_of("qwen3", tokenizer, on_rewrite="keep")
    _, asked = play(renderer, CONVERSATIONS["thinking"][:2], [user("hall")])
    assert renderer.tokenizer.decode(asked[-1][1]) == (
        "<|im_start|>user\nhall<|im_end|>\n"
        "<|im_start|>assistant\n<think>\nwell\n</think>\n\ngo hall<|im_end|>\n"
        "<|im_start|>user\nnext<|im_end|>\n"
        "<|im_start|>assistant\n<think>\nwell\n</think>\n\ngo hall<|im_end|>\n"
        "<|im_start|>user\nnext<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(
    ("on_rewrite", "drift", "past"),
    [("fork", FORKED, ""), ("keep", REALIGNED, "<think>\n\n</think>\n\n")],
)
def test_qwen3_without_thinking_takes_back_the_empty_thought(tokenizer, on_rewrite, drift, past):
    renderer = renderer_of(
        "qwen3",
        tokenizer,
        on_rewrite=on_rewrite,
        chat_template_kwargs={"enable_thinking": False},
    )
    record, asked = play(renderer, CONVERSATIONS["plain"][:1], [user("hall")])
    assert check(renderer, record, asked) == [drift]
    assert renderer.tokenizer.decode(asked[-1][1]) == (
        "<|im_start|>user\nhall<|im_end|>\n"
        f"<|im_start|>assistant\n{past}go hall<|im_end|>\n"
        "<|im_start|>user\nYou are in the kitchen.<|im_end|>\n"
        "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )


def test_tool_results_that_come_together_are_one_turn(tokenizer):
    renderer = renderer_of("qwen2_5", tokenizer)
    _, asked = play(renderer, CONVERSATIONS["tools"][1:2], OPENING)
    assert renderer.tokenizer.decode(asked[-1][1]).endswith(
        "<|im_start|>user\n<tool_response>\na lamp\n</tool_response>\n"
        "<tool_response>\na key\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
    )


def test_messages_that_a_template_refuses_are_named(tokenizer):
    renderer = renderer_of("gemma", tokenizer)
    with pytest.raises(BadInput, match="refuses messages of user, tool: roles must alternate"):
        renderer.render([user("hall"), tool_result("a lamp")])


_renderers = {}


def lasting_renderer(form, on_rewrite):
    """Hypothesis does not reset fixtures between examples, so these are made by hand."""
    from agentgym_trainers.learner.tiny_model import tiny_tokenizer

    if (form, on_rewrite) not in _renderers:
        _renderers[form, on_rewrite] = renderer_of(
            form, tiny_tokenizer(["go hall"], 270), on_rewrite=on_rewrite
        )
    return _renderers[form, on_rewrite]


words = st.sampled_from(
    ["go", " ", "\n", "<think>", "</think>", "<|im_end|>", "<tool_call>", "\ue000", "\ue002", "é"]
)
texts = st.lists(words, max_size=6).map("".join)


@given(
    form=st.sampled_from([name for name in FORMS if name != "smollm2"]),
    on_rewrite=st.sampled_from(["fork", "keep"]),
    turns=st.lists(st.tuples(texts, texts), max_size=4),
    cut_off=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_whatever_is_said_the_record_is_what_was_asked(form, on_rewrite, turns, cut_off):
    renderer = lasting_renderer(form, on_rewrite)
    turns = [(answer, [user(observation)]) for answer, observation in turns]
    drift = check(renderer, *play(renderer, turns, end=[] if cut_off else None))
    assert on_rewrite == "fork" or FORKED not in drift


@pytest.mark.parametrize(
    ("written", "answer", "end", "found"),
    [
        ("go.E x", "go.", "E", ("E x", CLEAN)),
        ("goE x", " go\n", "E", ("E x", REALIGNED)),
        ("a\n\nb E x", "a b", "E", ("E x", REALIGNED)),
        ("E x", " ", "E", ("E x", REALIGNED)),
        ("gone E", "go", "E", None),
        ("bE", "a bE", "E", None),
        ("", "go", "E", None),
        ("go\n\nUser:", "go", "", ("\n\nUser:", CLEAN)),
        ("go\n\nUser:", " go", "", ("\n\nUser:", REALIGNED)),
    ],
)
def test_an_answer_is_found_again_if_only_its_white_space_differs(written, answer, end, found):
    assert follow(written, answer, "", end) == found
