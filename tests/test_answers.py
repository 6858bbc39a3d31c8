"""What an environment is told of sampled ids: calls and thoughts; no ends, roles or channels."""

import pytest
from hypothesis import given, settings, strategies as st
from template_forms import FORMS, dress, renderer_of

from agentgym.rendering.renderer import ChatTemplate
from agentgym.tools.parse import parse_tool_calls

ARGUMENTS = '{"where": "hall"}'
KIMI = (
    f"<|tool_call_begin|>functions.look:0<|tool_call_argument_begin|>{ARGUMENTS}<|tool_call_end|>"
)
CALLS = [
    ("llama3", f'<|python_tag|>{{"name": "look", "parameters": {ARGUMENTS}}}<|eom_id|>'),
    ("mistral_v3", f'[TOOL_CALLS] [{{"name": "look", "arguments": {ARGUMENTS}}}]</s>'),
    ("mistral_v11", f"[TOOL_CALLS]look[ARGS]{ARGUMENTS}</s>"),
    ("kimi_k2", f"<|tool_calls_section_begin|>{KIMI}<|tool_calls_section_end|><|im_end|>"),
    ("qwen3", f'<tool_call>{{"name": "look", "arguments": {ARGUMENTS}}}</tool_call><|im_end|>'),
    (
        "gptoss",
        "<|channel|>analysis<|message|>I should look.<|end|><|start|>assistant<|channel|>commentary"
        f" to=functions.look <|constrain|>json<|message|>{ARGUMENTS}<|call|>",
    ),
]


@pytest.mark.parametrize(("form", "sampled"), CALLS)
def test_calls_are_read_before_special_tokens_are_dropped(tokenizer, form, sampled):
    renderer = renderer_of(form, tokenizer)
    action = renderer.decode(renderer.tokenizer.encode(sampled, add_special_tokens=False))
    assert [(c.name, c.arguments) for c in parse_tool_calls(action).calls] == [
        ("look", {"where": "hall"})
    ]
    ends = {FORMS[form].end, "<|eom_id|>", "<|call|>", "<|start|>"}
    assert not any(end in action for end in ends)


def test_the_action_of_a_harmony_model_is_its_final_channel_behind_its_thought(tokenizer):
    renderer = renderer_of("gptoss", tokenizer)
    sampled = (
        "<|channel|>analysis<|message|>The hall is near.<|end|>"
        "<|start|>assistant<|channel|>final<|message|>go hall<|return|>"
    )
    ids = renderer.tokenizer.encode(sampled)
    assert renderer.decode(ids) == "<think>The hall is near.</think>go hall"
    assert renderer.decode(renderer.encode_action("go hall")) == "go hall"


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"smollm2"}))
def test_ends_roles_and_padding_are_no_part_of_an_answer(tokenizer, form):
    renderer = renderer_of(form, tokenizer)
    control = {FORMS[form].end, *FORMS[form].other_ends, "<s>", "</s>", "<|pad|>"}
    control |= {"<｜User｜>", "<｜Assistant｜>"} if form == "deepseek_v3" else set()
    known = control & set(renderer.tokenizer.get_vocab())
    said = renderer.encode_action("go")[:-1]
    for i in renderer.tokenizer.convert_tokens_to_ids(sorted(known)):
        assert renderer.decode([*said, i]) == "go"


_renderers = {}


@given(
    form=st.sampled_from([name for name in FORMS if name != "smollm2"]),
    text=st.text("go hall\n\t é🐈", max_size=12),
)
@settings(max_examples=200, deadline=None)
def test_an_answer_comes_back_as_it_was(form, text):
    """But for a space at its head where nothing tells the tokenizer's own from the answer's."""
    from agentgym_trainers.learner.tiny_model import tiny_tokenizer

    if form not in _renderers:
        _renderers[form] = renderer_of(form, tiny_tokenizer(["go hall"], 300))
    renderer = _renderers[form]
    back = renderer.decode(renderer.encode_action(text))
    assert back == text or (form == "zephyr" and back == text[1:])


def test_a_role_that_takes_white_space_leaves_that_of_an_answer(tokenizer):
    renderer = renderer_of("phi3", tokenizer)
    assert renderer.decode(renderer.encode_action("\n go ")) == "\n go "


def test_a_special_token_that_writes_no_call_is_dropped(tokenizer):
    dress(tokenizer, "qwen3")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|vision_start|>"]})
    assert ChatTemplate(tokenizer).decode(tokenizer.encode("go<|vision_start|> hall")) == "go hall"
