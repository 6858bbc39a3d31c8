"""What ends a turn, in templates of many models, and what is written again after it."""

import pytest
from template_forms import (
    FORMS,
    assistant,
    dress,
    renderer_of,
    sentencepiece_tokenizer,
    tool_result,
    user,
)

from agentgym.rendering.renderer import ChatTemplate
from agentgym.rendering.transcript import Transcript

BARE = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
SPACED = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}END\n{% endfor %}" + BARE


def named(renderer, ids):
    return renderer.tokenizer.convert_ids_to_tokens(sorted(ids))


def spelled(renderer, ids):
    return renderer.tokenizer.decode(ids)


@pytest.mark.parametrize("form", [name for name in FORMS if name != "gptoss"])
def test_a_template_ends_a_turn_though_no_config_names_its_token(tokenizer, form):
    """As in the folders of base models, which name <|endoftext|>."""
    model = renderer_of(form, tokenizer)
    tokenizer = model.tokenizer
    tokenizer.add_special_tokens({"eos_token": "<|base|>"})
    tokenizer.chat_template = tokenizer.chat_template.replace("eos_token", repr(FORMS[form].end))
    renderer = ChatTemplate(tokenizer, [tokenizer.eos_token_id])
    end = FORMS[form].end if form != "glm4" else "<|base|>"
    assert tokenizer.convert_ids_to_tokens(renderer.end_id) == end
    assert set(named(renderer, renderer.stop_ids)) == {"<|base|>", end}
    assert renderer.encode_action("go")[-1] == renderer.end_id


def test_harmony_ends_a_message_and_not_a_turn(tokenizer):
    dress(tokenizer, "gptoss")
    call, end = tokenizer.convert_tokens_to_ids(["<|call|>", "<|end|>"])
    renderer = ChatTemplate(tokenizer, [call])
    assert set(named(renderer, renderer.stop_ids)) == {"<|return|>", "<|call|>"}
    demonstration = renderer.encode_action("go")
    assert spelled(renderer, demonstration) == "<|channel|>final<|message|>go<|return|>"
    first = renderer.render([user("hall")])
    told = [user("hall"), assistant("go"), user("next")]
    rest = "<|start|>user<|message|>next<|end|><|start|>assistant"
    tail = renderer.extend(first.text, told, 1, demonstration)
    assert (spelled(renderer, tail.ids), tail.drift) == (rest, "realigned")
    cut_off = renderer.extend(first.text, told, 1, demonstration[:-1])
    assert (spelled(renderer, cut_off.ids), cut_off.drift) == ("<|end|>" + rest, "clean")
    assert cut_off.ids[0] == end


def test_harmony_without_a_return_in_its_template_ends_as_the_config_says(tokenizer):
    dress(tokenizer, "gptoss")
    tokenizer.chat_template = tokenizer.chat_template.replace("<|return|>", "<|end|>")
    renderer = ChatTemplate(tokenizer)
    assert named(renderer, renderer.stop_ids) == ["<|return|>"]
    assert renderer.encode_action("go")[-1] == renderer.end_id


@pytest.mark.parametrize("space", [" ", "\n", ""])
@pytest.mark.parametrize("end", ["</s>", "<|im_end|>"])
def test_white_space_before_the_end_belongs_to_the_template(tokenizer, space, end):
    tokens = ["<|im_start|>", "<|im_end|>", "</s>"]
    tokenizer.add_special_tokens({"additional_special_tokens": tokens})
    tokenizer.chat_template = SPACED.replace("END", space + end)
    renderer = ChatTemplate(tokenizer)
    demonstration = renderer.encode_action("go")
    assert spelled(renderer, demonstration) == f"go{space}{end}"
    assert renderer.decode(demonstration) == renderer.decode(demonstration[:-1]) == "go"
    transcript = Transcript(renderer)
    transcript.prompt([user("hall")])
    transcript.sample(demonstration, "go")
    told = [user("hall"), assistant("go"), user("next")]
    transcript.prompt(told)
    assert transcript.ids == renderer.render(told).ids
    assert (transcript.drift, transcript.segment) == ("clean", 0)
    # A model that leaves the white space out has ended its turn all the same.
    terse = Transcript(renderer)
    terse.prompt([user("hall")])
    terse.sample([*tokenizer.encode("go"), renderer.end_id], "go")
    tail = terse.prompt(told)
    assert spelled(renderer, tail).startswith("\n<|im_start|>user")
    assert terse.drift == ("realigned" if space else "clean")


@pytest.mark.parametrize(
    ("ended", "then", "tail", "drift"),
    [
        ("<|user|>", user("next"), "\nnext<|assistant|>\n", "clean"),
        ("<|user|>", tool_result("next"), "<|observation|>\nnext<|assistant|>\n", "realigned"),
        ("<|observation|>", tool_result("next"), "\nnext<|assistant|>\n", "clean"),
        ("<|observation|>", user("next"), "<|user|>\nnext<|assistant|>\n", "realigned"),
        ("<|endoftext|>", user("next"), "<|user|>\nnext<|assistant|>\n", "realigned"),
        ("", user("next"), "<|user|>\nnext<|assistant|>\n", "clean"),
    ],
)
def test_the_next_role_is_left_out_only_if_the_model_wrote_that_very_one(
    tokenizer, ended, then, tail, drift
):
    dress(tokenizer, "glm4")
    stops = tokenizer.convert_tokens_to_ids(["<|user|>", "<|observation|>", "<|endoftext|>"])
    renderer = ChatTemplate(tokenizer, stops)
    assert renderer.stop_ids == set(stops)
    sampled = tokenizer.encode(f"go{ended}")
    told = [user("hall"), assistant("go"), then]
    last = renderer.render(told[:1])
    appended = renderer.extend(last.text, told, 1, sampled)
    assert (spelled(renderer, appended.ids), appended.drift) == (tail, drift)
    anew = renderer.render(told, sampled={1: sampled}).ids
    assert anew == [*last.ids, *sampled, *appended.ids]


@pytest.mark.parametrize("form", FORMS)
def test_a_demonstration_is_what_the_template_writes(tokenizer, form):
    """Of Harmony but for the end: <|end|> stands in the past where the model wrote <|return|>."""
    renderer = renderer_of(form, tokenizer, system="merge")
    messages, ids = [user("hall")], renderer.render([user("hall")]).ids
    for answer in ("go", "look under the table"):
        sampled = renderer.encode_action(answer)
        assert renderer.decode(sampled) == answer
        ids = [*ids, *sampled]
        messages = [*messages, assistant(answer), user("next")]
        whole = renderer.render(messages).ids
        written = len(ids) - (form == "gptoss")
        assert ids[:written] == whole[:written]
        ids = whole


@pytest.mark.parametrize("scheme", ["first", "always"])
@pytest.mark.parametrize("form", ["llama2", "mistral_v3", "zephyr"])
def test_spaces_of_sentencepiece_stay_where_the_template_has_them(form, scheme):
    renderer = renderer_of(form, sentencepiece_tokenizer(scheme), system="merge")
    transcript, messages = Transcript(renderer), [user("hall")]
    for answer in ("go", "look  under\nthe table"):
        transcript.prompt(messages)
        transcript.sample(renderer.encode_action(answer), answer)
        messages = [*messages, assistant(answer), user(" next")]
    transcript.prompt(messages)
    assert (transcript.ids, transcript.segment) == (renderer.render(messages).ids, 0)
