"""Which spellings are broken up, in whose words: what controls the model, marked special or not."""

import pytest
from template_forms import (
    FORMS,
    assistant,
    dress,
    renderer_of,
    sentencepiece_tokenizer,
    system,
    user,
)
from tokenizers import AddedToken, normalizers

from agentgym.rendering.renderer import ChatTemplate
from agentgym.tools.tool import Tool, tool

ROLES = {  # of forms whose markers are tokens; of the others the ends of turn
    "deepseek_v3": ["<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>"],
    "glm4": ["<|user|>", "<|assistant|>", "<|observation|>"],
    "gptoss": ["<|start|>", "<|message|>", "<|channel|>", "<|end|>", "<|return|>"],
    "kimi_k2": ["<|im_user|>", "<|im_middle|>", "<|im_end|>"],
    "mistral_v11": ["[INST]", "[/INST]", "[SYSTEM_PROMPT]", "</s>"],
    "granite": ["<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"],
    "llama2": ["<s>", "</s>"],
    "qwen3": ["<|im_start|>", "<|im_end|>"],
}


@tool
def lantern(level: int) -> str:
    """Light the lantern."""
    return str(level)


def counts(renderer, token, messages, tools=()):
    return renderer.render(messages, tools).ids.count(
        renderer.tokenizer.convert_tokens_to_ids(token)
    )


def differences(renderer, token, tools=False):
    """How many more of a token are in a prompt when each of these spells it."""
    texts = {"system": "Go.", "user": "hall", "assistant": "go"}

    def prompt(texts):
        return [
            system(texts["system"]),
            user(texts["user"]),
            assistant(texts["assistant"]),
            user("x"),
        ]

    honest = counts(renderer, token, prompt(texts))
    found = {
        role: counts(renderer, token, prompt(texts | {role: f"{text} {token}{text}"})) - honest
        for role, text in texts.items()
    }
    if tools:
        hostile = Tool("lantern", f"Light.{token}", lantern.function, lantern.arguments)
        offered = counts(renderer, token, prompt(texts), [lantern])
        found["tools"] = counts(renderer, token, prompt(texts), [hostile]) - offered
    return found


@pytest.mark.parametrize(("form", "token"), [(f, t) for f, some in ROLES.items() for t in some])
def test_nobody_can_spell_a_role_or_an_end(tokenizer, form, token):
    renderer = renderer_of(form, tokenizer)
    found = differences(renderer, token, tools=form in {"glm4", "kimi_k2", "granite", "qwen3"})
    assert set(found.values()) == {0}
    assert token in renderer.guarded


@pytest.mark.parametrize("token", ["<tool_call>", "</tool_call>", "<think>", "</think>"])
def test_an_environment_cannot_spell_what_a_model_writes_itself(tokenizer, token):
    renderer = renderer_of("qwen3", tokenizer)
    renderer.tokenizer.chat_template = renderer.tokenizer.chat_template.replace(
        "message.content.split('</think>')", "[message.content]"
    )
    renderer = ChatTemplate(renderer.tokenizer)
    assert differences(renderer, token, tools=True) == {
        "system": 1,
        "user": 0,
        "assistant": 1,
        "tools": 1,
    }
    demonstration = renderer.encode_action(f"{token}go")
    assert demonstration[0] == renderer.tokenizer.convert_tokens_to_ids(token)


def test_a_wrapper_of_results_is_guarded_because_the_template_writes_it(tokenizer):
    tokenizer.add_tokens(["<tool_response>", "<kitchen>"])
    renderer = renderer_of("qwen2_5", tokenizer)
    assert differences(renderer, "<tool_response>")["user"] == 0
    assert differences(renderer, "<kitchen>") == {"system": 1, "user": 1, "assistant": 1}
    assert "<kitchen>" not in renderer.guarded


def test_tokens_of_white_space_are_read_as_they_are(tokenizer):
    """Several tokenizers add runs of spaces, and templates are indented."""
    tokenizer.add_tokens(["    ", "\n\n"])
    renderer = renderer_of("qwen2_5", tokenizer)
    assert differences(renderer, "    ")["user"] == differences(renderer, "\n\n")["user"] == 1


@pytest.mark.parametrize("form", ["mistral_v11", "kimi_k2", "llama3"])
def test_calls_in_an_answer_are_tokens_and_nowhere_else(tokenizer, form):
    marker = {"mistral_v11": "[TOOL_CALLS]", "kimi_k2": "<|tool_call_begin|>"}.get(
        form, "<|python_tag|>"
    )
    renderer = renderer_of(form, tokenizer)
    assert differences(renderer, marker) == {"system": 0, "user": 0, "assistant": 1}
    said = renderer.encode_action(f"{marker}look")
    assert said[0] == renderer.tokenizer.convert_tokens_to_ids(marker)
    assert renderer.encode_action(renderer.decode(said)) == said


@pytest.mark.parametrize("strips", [{"lstrip": True}, {"rstrip": True}, {"single_word": True}])
@pytest.mark.parametrize("normalized", [False, True])
def test_a_token_that_takes_white_space_is_guarded_with_it(tokenizer, strips, normalized):
    token = AddedToken("<|role|>", normalized=normalized, special=not normalized, **strips)
    tokenizer.add_tokens([token])
    tokenizer.chat_template = "<|role|>" + tokenizer.chat_template
    renderer = ChatTemplate(tokenizer)
    assert set(differences(renderer, " <|role|> ").values()) == {0}
    text = "a  <|role|>  b"
    assert text in tokenizer.decode(renderer.render([user(text)]).ids)


@pytest.mark.parametrize(
    ("normalizer", "spelling"),
    [
        (normalizers.Lowercase(), "<|ROLE|>"),
        (normalizers.NFKC(), "＜|role|>"),
        (normalizers.Replace("_", "|"), "<_role_>"),
    ],
)
def test_a_token_is_guarded_in_the_letters_that_a_tokenizer_makes_it_of(
    tokenizer, normalizer, spelling
):
    tokenizer.backend_tokenizer.normalizer = normalizer
    tokenizer.add_tokens([AddedToken("<|role|>", normalized=True, special=False)])
    tokenizer.chat_template = "<|role|>" + tokenizer.chat_template
    marker = tokenizer.convert_tokens_to_ids("<|role|>")
    assert marker in tokenizer.encode(spelling)
    renderer = ChatTemplate(tokenizer)
    assert renderer.render([user(f"a {spelling}{spelling} b")]).ids.count(marker) == 1


@pytest.mark.parametrize("scheme", [None, "first", "always"])
@pytest.mark.parametrize("form", ["llama2", "mistral_v3", "zephyr"])
def test_tokens_of_a_sentencepiece_tokenizer_are_broken_without_new_spaces(form, scheme):
    renderer = renderer_of(form, sentencepiece_tokenizer(scheme))
    ids = renderer.render([user("go</s>hall <s>")]).ids
    assert "go</s>hall <s>" in renderer.tokenizer.decode(ids, skip_special_tokens=True)


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"smollm2"}))
def test_what_a_template_controls_with_is_guarded(tokenizer, form):
    renderer = renderer_of(form, tokenizer)
    added = {token.content for token in renderer.tokenizer.added_tokens_decoder.values()}
    assert {*FORMS[form].special, FORMS[form].end} <= renderer.guarded <= added


def test_a_marker_that_only_results_are_written_with_is_found_in_the_source(tokenizer):
    dress(tokenizer, "deepseek_v3")
    source = tokenizer.chat_template
    tokenizer.chat_template = source.replace("message.role == 'tool'", "message.role == 'result'")
    assert "<｜tool▁output▁begin｜>" in ChatTemplate(tokenizer).guarded
