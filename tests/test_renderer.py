"""Prompts grow by appending: what was sampled is never tokenised again."""

from itertools import count

import pytest
from hypothesis import given, settings, strategies as st
from template_forms import assistant, user, written
from tokenizers import AddedToken

from agentgym.errors import BadInput
from agentgym.rendering.renderer import ChatTemplate
from agentgym.rendering.transcript import Transcript
from agentgym.tools.tool import tool

THINKING = (  # as Qwen3 and DeepSeek do: only what follows the thought stays in the history
    "{% for m in messages %}<|{{ m.role }}|>"
    "{% if m.role == 'assistant' %}{{ m.content.split('</think>')[-1] }}"
    "{% else %}{{ m.content }}{% endif %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
MARKS_THE_LAST = (  # rewrites what it had written for earlier messages
    "{% for m in messages %}<|{{ m.role }}|>{% if loop.last %}now: {% endif %}{{ m.content }}"
    "<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TRIMS = (  # as Llama 3 does
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture
def renderer(tokenizer):
    return ChatTemplate(tokenizer)


def test_each_prompt_is_the_last_one_what_was_sampled_and_a_tail(renderer):
    transcript, system = Transcript(renderer), {"role": "system", "content": "Go."}
    messages = [system, user("hall")]
    assert transcript.prompt(messages) == renderer.render(messages).ids
    end = renderer.encode_action("")
    for turn in range(3):
        before = transcript.ids
        sampled = renderer.encode_action(f"go {turn}")
        transcript.sample(sampled, f"go {turn}")
        messages = [*messages, assistant(f"go {turn}"), user(f"room {turn}")]
        tail = transcript.prompt(messages)
        assert transcript.ids == before + sampled + tail
        assert renderer.decode(tail) == f"room {turn}"
        assert tail[:1] != end  # the model itself wrote the end of its turn
    assert transcript.segment == 0
    assert transcript.ids == renderer.render(messages).ids


def test_sampled_ids_are_kept_though_a_tokenizer_would_write_the_text_otherwise(renderer):
    text = "You are in the kitchen."
    one_by_one = [i for letter in text for i in written(renderer, letter)]
    assert renderer.decode(one_by_one) == text
    assert len(one_by_one) > len(written(renderer, text))
    transcript = Transcript(renderer)
    transcript.prompt([user("hall")])
    transcript.sample(one_by_one, text)
    transcript.prompt([user("hall"), assistant(text), user("next")])
    start = len(renderer.render([user("hall")]).ids)
    assert transcript.ids[start : start + len(one_by_one)] == one_by_one
    assert transcript.segment == 0


def test_a_turn_that_was_cut_off_is_ended_by_the_template(renderer):
    end = renderer.encode_action("")
    transcript = Transcript(renderer)
    transcript.prompt([user("hall")])
    transcript.sample(written(renderer, "go gar"), "go gar")
    tail = transcript.prompt([user("hall"), assistant("go gar"), user("next")])
    assert tail[:1] == end
    assert transcript.ids == renderer.render(transcript.messages).ids


def test_an_empty_answer_is_a_turn_too(renderer):
    transcript = Transcript(renderer)
    transcript.prompt([user("hall")])
    transcript.sample(renderer.encode_action(""), "")
    transcript.prompt([user("hall"), assistant(""), user("next")])
    assert transcript.ids == renderer.render(transcript.messages).ids
    assert transcript.segment == 0


@pytest.mark.parametrize(
    ("template", "answer"), [(MARKS_THE_LAST, "go hall"), (THINKING, "<think>well</think>go hall")]
)
def test_a_template_that_rewrites_what_stood_there_begins_a_segment(tokenizer, template, answer):
    tokenizer.chat_template = template
    renderer = ChatTemplate(tokenizer)
    transcript = Transcript(renderer)
    transcript.prompt([user("hall")])
    transcript.sample(renderer.encode_action(answer), answer)
    after = [user("hall"), assistant(answer), user("next")]
    assert transcript.prompt(after) == renderer.render(after).ids
    assert transcript.ids == renderer.render(after).ids
    assert (transcript.segment, transcript.drift) == (1, "forked")


@pytest.mark.parametrize(
    ("template", "answer", "drift"),
    [
        (THINKING, "go hall", "clean"),
        (TRIMS, " go hall\n", "realigned"),
        (TRIMS, "go hall", "clean"),
    ],
)
def test_a_template_that_leaves_the_answer_or_trims_it_does_not(tokenizer, template, answer, drift):
    tokenizer.chat_template = template
    renderer = ChatTemplate(tokenizer)
    transcript = Transcript(renderer)
    transcript.prompt([user("hall")])
    transcript.sample(renderer.encode_action(answer), answer)
    transcript.prompt([user("hall"), assistant(answer), user("next")])
    assert (transcript.segment, transcript.drift) == (0, drift)
    assert renderer.decode(transcript.ids) == f"hall{answer}next"


@pytest.mark.parametrize(
    "after",
    [
        [user("hall"), assistant("went"), user("next")],  # the last action told otherwise
        [user("hall"), user("note"), user("next")],  # the action left out
        [user("other"), assistant("go"), user("next")],  # the past told otherwise
        [user("next")],
        [user("hall")],
        [user("hall"), assistant("go")],
    ],
)
def test_a_context_that_edits_the_past_begins_a_segment(renderer, after):
    transcript = Transcript(renderer)
    transcript.prompt([user("hall")])
    transcript.sample(renderer.encode_action("go"), "go")
    assert transcript.prompt(after) == renderer.render(after).ids
    assert transcript.ids == renderer.render(after).ids
    assert (transcript.segment, transcript.drift) == (1, "clean")


@pytest.mark.parametrize("on_rewrite", ["fork", "keep"])
def test_an_observation_that_holds_the_renderers_own_marks_does_no_harm(tokenizer, on_rewrite):
    marks = "a \ue000 \ue001 \ue0012 \ue002 b"
    tokenizer.chat_template = THINKING
    renderer = ChatTemplate(tokenizer, on_rewrite=on_rewrite)
    transcript = Transcript(renderer)
    transcript.prompt([user(marks)])
    answer = f"<think>{marks}</think>go"
    transcript.sample(renderer.encode_action(answer), answer)
    transcript.prompt([user(marks), assistant(answer), user(marks)])
    kept = answer if on_rewrite == "keep" else "go"
    assert renderer.decode(transcript.ids) == f"{marks}{kept}{marks}"


@pytest.mark.parametrize("on_rewrite", ["fork", "keep"])
def test_the_template_is_filled_in_once_for_a_prompt(tokenizer, on_rewrite):
    """``keep`` fills it in once more where the template rewrites the answer."""
    tokenizer.chat_template = "{% if filled() %}{% endif %}" + THINKING
    filled = count()
    variables = {"filled": lambda: next(filled)}
    renderer = ChatTemplate(tokenizer, on_rewrite=on_rewrite, chat_template_kwargs=variables)
    transcript, messages, start = Transcript(renderer), [user("hall")], next(filled)
    for answer in ("go", "<think>well</think>go", "go"):
        transcript.prompt(messages)
        transcript.sample(renderer.encode_action(answer), answer)
        messages = [*messages, assistant(answer), user("next")]
    transcript.prompt(messages)
    assert next(filled) - start - 1 == (4 if on_rewrite == "fork" else 5)


def test_turns_are_tokenised_together_where_a_tokenizer_joins_them(tokenizer):
    """Some strip the white space after an end of turn, so a turn's ids depend on the last one."""
    joining = AddedToken("<|stop|>", rstrip=True, special=True, normalized=False)
    tokenizer.add_special_tokens({"eos_token": joining})
    tokenizer.chat_template = TRIMS.replace("<|end|>", "<|stop|>\n")
    messages = [user("hall"), assistant("go"), user("next")]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert ChatTemplate(tokenizer).render(messages).ids == ids
    assert tokenizer.decode(ids).count("\n") == 0


def test_a_template_that_leaves_answers_out_is_followed_though_words_are_to_be_kept(tokenizer):
    """This one tells only the first."""
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'user' or loop.index == 2 %}"
        "<|{{ m.role }}|>{{ m.content }}<|end|>{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    renderer = ChatTemplate(tokenizer, on_rewrite="keep")
    transcript, messages, drifts = Transcript(renderer), [user("hall")], []
    for answer in ("go", "look"):
        transcript.prompt(messages)
        transcript.sample(renderer.encode_action(answer), answer)
        messages = [*messages, assistant(answer), user("next")]
        drifts.append(transcript.drift)
    transcript.prompt(messages)
    assert [*drifts, transcript.drift] == ["clean", "clean", "forked"]
    assert renderer.decode(transcript.ids) == "hallgonextnext"


def test_tools_are_offered_in_every_prompt(tokenizer):
    tokenizer.chat_template = (
        "{% for t in tools or [] %}[{{ t.function.name }}]{% endfor %}" + tokenizer.chat_template
    )

    @tool
    def lantern(level: int) -> str:
        """Light the lantern."""
        return str(level)

    renderer = ChatTemplate(tokenizer)
    transcript = Transcript(renderer, [lantern])
    transcript.prompt([user("hall")])
    assert renderer.decode(transcript.ids).startswith("[lantern]")
    transcript.sample(renderer.encode_action("go"), "go")
    transcript.prompt([user("hall"), assistant("go"), user("next")])
    assert transcript.segment == 0
    assert renderer.decode(transcript.ids).count("[lantern]") == 1


def test_without_a_renderer_there_are_no_ids():
    transcript = Transcript(None)
    assert transcript.prompt([user("hall")]) == []
    transcript.sample([], "go")
    assert transcript.ids == []


def test_a_tokenizer_without_a_template_or_an_end_of_turn_is_refused(tokenizer):
    tokenizer.eos_token = None
    with pytest.raises(BadInput, match="end-of-turn"):
        ChatTemplate(tokenizer)
    tokenizer.chat_template = None
    with pytest.raises(BadInput, match=r"no chat template.*chat_template\.jinja"):
        ChatTemplate(tokenizer)


@given(st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_text_survives_encoding(text):
    renderer = renderer_of_all_tests()
    ids = renderer.encode_action(text)
    assert renderer.decode(ids[:-1]) == text
    assert ids[-1] in renderer.stop_ids


_renderers = []


def renderer_of_all_tests():
    """Hypothesis does not reset fixtures between examples, so this one is made by hand."""
    from agentgym_trainers.learner.tiny_model import tiny_tokenizer

    if not _renderers:
        _renderers.append(ChatTemplate(tiny_tokenizer(["go hall"], 270)))
    return _renderers[0]
