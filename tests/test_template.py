"""A template is filled in so that everything is told: dates, system prompts, parts, names."""

import datetime

import pytest
from template_forms import FORMS, assistant, dress, renderer_of, system, tool_result, user

from agentgym.errors import AgentGymError, BadInput, UnknownName
from agentgym.rendering.renderer import ChatTemplate
from agentgym.rendering.transcript import Transcript
from agentgym.tools.tool import tool

PLAIN = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
REFUSES = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + PLAIN
)
DROPS = PLAIN.replace("<|{{ m.role }}|>", "{% if m.role != 'system' %}<|{{ m.role }}|>").replace(
    "<|end|>", "<|end|>{% endif %}", 1
)
ONLY_USER = PLAIN.replace("{{ m.content }}", "{% if m.role == 'user' %}{{ m.content }}{% endif %}")
PARTS = PLAIN.replace("{{ m.content }}", "{% for p in m.content %}{{ p.text }}{% endfor %}")
USERS_IN_PARTS = PLAIN.replace(
    "{{ m.content }}",
    "{% if m.role == 'user' %}{{ m.content[0]['text'] }}{% else %}{{ m.content }}{% endif %}",
)
DATED = "{{ strftime_now('%d %b %Y') }} {{ strftime_now('%H:%M') }}" + PLAIN
DEFAULT_DATE = (  # as Llama 3.2
    "{% if not date_string is defined %}{% if strftime_now is defined %}"
    "{% set date_string = strftime_now('%d %b %Y') %}{% else %}"
    "{% set date_string = '26 Jul 2024' %}{% endif %}{% endif %}{{ date_string }}" + PLAIN
)
TALK = [system("Be brief."), user("hall"), assistant("go"), user("next")]


def renderer(tokenizer, template, **settings):
    tokenizer.chat_template = template
    return ChatTemplate(tokenizer, **settings)


def prompt(renderer, messages):
    return renderer.tokenizer.decode(renderer.render(messages).ids)


@pytest.mark.parametrize(
    ("template", "written"), [(DATED, "01 Jan 2026 00:00"), (DEFAULT_DATE, "01 Jan 2026")]
)
def test_a_template_writes_the_same_day_every_day(tokenizer, monkeypatch, template, written):
    from transformers.utils import chat_template_utils

    monkeypatch.setattr(chat_template_utils, "datetime", None)  # whoever asks the clock, fails
    own = renderer(tokenizer, template)
    assert own.writes_date
    assert prompt(own, [user("hall")]) == f"{written}<|user|>hall<|end|><|assistant|>"
    other = renderer(tokenizer, template, date=datetime.date(2024, 2, 29))
    assert prompt(other, [user("hall")]).startswith("29 Feb 2024")


def test_a_variable_of_the_template_goes_before_the_date(tokenizer):
    given = {"date_string": "a day"}
    own = renderer(tokenizer, DEFAULT_DATE, chat_template_kwargs=given)
    assert prompt(own, [user("hall")]).startswith("a day<|user|>")
    assert not own.writes_date
    assert not renderer(tokenizer, PLAIN).writes_date


MERGED = "<|user|>Be brief.\n\nhall<|end|><|assistant|>go<|end|><|user|>next<|end|><|assistant|>"


@pytest.mark.parametrize("template", [REFUSES, DROPS])
def test_a_system_prompt_opens_the_users_message_where_it_has_no_turn(tokenizer, template):
    own = renderer(tokenizer, template)
    assert own.merges_system
    assert prompt(own, TALK) == MERGED
    assert prompt(renderer(tokenizer, template, system="merge"), TALK) == MERGED
    with pytest.raises(BadInput, match=r"role system.*'merge' or 'auto'"):
        renderer(tokenizer, template, system="turn")


def test_a_system_prompt_has_its_turn_where_there_is_one(tokenizer):
    turn = "<|system|>Be brief.<|end|><|user|>hall<|end|>"
    for how in ("auto", "turn"):
        own = renderer(tokenizer, PLAIN, system=how)
        assert not own.merges_system
        assert prompt(own, TALK).startswith(turn)
    assert prompt(renderer(tokenizer, PLAIN, system="merge"), TALK) == MERGED
    with pytest.raises(UnknownName, match="'merged'; did you mean 'merge'"):
        renderer(tokenizer, PLAIN, system="merged")


@pytest.mark.parametrize("form", sorted({name for name, form in FORMS.items()} - {"smollm2"}))
def test_every_form_tells_the_system_prompt_once(tokenizer, form):
    own = renderer_of(form, tokenizer)
    assert own.merges_system == (form == "gemma2")
    assert own.tokenizer.decode(own.render(TALK).ids).count("Be brief.") == 1


def test_a_merged_system_prompt_is_part_of_a_prompt_that_grows(tokenizer):
    own = renderer(tokenizer, REFUSES)
    transcript = Transcript(own)
    transcript.prompt(TALK[:2])
    transcript.sample(own.encode_action("go"), "go")
    transcript.prompt(TALK)
    assert (transcript.drift, transcript.segment) == ("clean", 0)
    assert (
        transcript.ids
        == own.render(TALK).ids
        == own.render(TALK, sampled={2: own.encode_action("go")}).ids
    )


def test_a_system_prompt_may_spell_what_the_users_words_may_not(tokenizer):
    tokenizer.add_tokens(["<think>"])
    own = renderer(tokenizer, REFUSES)
    ids = own.render([system("Write <think>."), user("<think>")]).ids
    assert ids.count(tokenizer.convert_tokens_to_ids("<think>")) == 1


def test_alone_a_system_prompt_is_the_users_message(tokenizer):
    own = renderer(tokenizer, REFUSES)
    assert prompt(own, [system("Be brief.")]) == "<|user|>Be brief.<|end|><|assistant|>"


@pytest.mark.parametrize("template", [PARTS, USERS_IN_PARTS])
def test_content_comes_in_parts_where_a_template_wants_it(tokenizer, template):
    own = renderer(tokenizer, template)
    assert own.content_in_parts
    assert not renderer(tokenizer, PLAIN).content_in_parts
    assert prompt(own, TALK) == "<|system|>Be brief.<|end|>" + MERGED.replace("Be brief.\n\n", "")


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"smollm2"}))
def test_every_form_tells_what_is_said(tokenizer, form):
    own = renderer_of(form, tokenizer)
    text = own.tokenizer.decode(own.render(TALK).ids)
    assert all(message["content"] in text for message in TALK)
    assert own.content_in_parts == (form == "smolvlm")


def test_a_template_that_leaves_out_what_is_said_is_refused(tokenizer):
    with pytest.raises(BadInput, match="leaves out what role assistant says"):
        renderer(tokenizer, ONLY_USER)
    with pytest.raises(BadInput, match="leaves out what role user says"):
        renderer(tokenizer, "<|user|>{% if add_generation_prompt %}<|assistant|>{% endif %}")
    with pytest.raises(BadInput, match="refuses a message of role user: no"):
        renderer(tokenizer, "{{ raise_exception('no') }}")


def test_results_that_a_template_would_leave_out_are_refused_when_they_come(tokenizer):
    own = renderer_of("zephyr", tokenizer)
    with pytest.raises(BadInput, match="role tool says; tell tool results as user messages"):
        own.render([*TALK, assistant("look"), tool_result("a lamp")])


@pytest.mark.parametrize("form", ["gemma2", "llama2", "mistral_v3"])
@pytest.mark.parametrize(
    "messages",
    [[user("hall"), user("next")], [assistant("go"), user("hall")], [user("x"), tool_result("y")]],
)
def test_roles_that_do_not_alternate_are_refused_in_words(tokenizer, form, messages):
    own = renderer_of(form, tokenizer)
    with pytest.raises(
        AgentGymError, match=r"refuses messages of .*: .*alternate.*; every template"
    ):
        own.render(messages)


@tool
def lantern(level: int) -> str:
    """Light the lantern."""
    return str(level)


def test_the_default_of_named_templates_is_taken_and_the_one_for_tools(tokenizer):
    named = {"default": PLAIN, "tool_use": "{{ tools[0].function.name }}" + PLAIN, "rag": "x"}
    own = renderer(tokenizer, named)
    assert prompt(own, TALK[1:2]) == "<|user|>hall<|end|><|assistant|>"
    ids = own.render(TALK[1:2], [lantern]).ids
    assert tokenizer.decode(ids) == "lantern<|user|>hall<|end|><|assistant|>"
    assert prompt(renderer(tokenizer, {"chat": PLAIN}), TALK[1:2]).endswith(
        "hall<|end|><|assistant|>"
    )
    with pytest.raises(BadInput, match=r"no default: chat, rag; save the one"):
        renderer(tokenizer, {"rag": PLAIN, "chat": PLAIN})


@pytest.mark.parametrize(
    ("form", "rewrites"), [("qwen3", True), ("qwen2_5", False), ("gptoss", False)]
)
def test_a_template_that_rewrites_thoughts_is_known(tokenizer, form, rewrites):
    assert renderer_of(form, tokenizer).rewrites_past == rewrites


def test_a_system_prompt_that_moves_can_be_kept_in_its_place(tokenizer):
    """Mistral 7B v0.3 writes it into the last message, which rewrites the one before."""
    for how, segments in (("auto", 1), ("merge", 0)):
        own = renderer_of("mistral_v3", tokenizer, system=how)
        transcript = Transcript(own)
        transcript.prompt(TALK[:2])
        transcript.sample(own.encode_action("go"), "go")
        transcript.prompt(TALK)
        assert transcript.segment == segments


def test_tokens_that_write_no_end_need_none(tokenizer):
    dress(tokenizer, "olmo2")
    assert ChatTemplate(tokenizer).stop_ids == {tokenizer.eos_token_id}
