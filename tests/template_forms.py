"""Tokenizers with the chat templates of well-known models, in the form that matters here.

SmolLM2's is the real one. The others are small: a tokenizer of the tests with the model's special
tokens, and a template of our own in ``templates/``.
"""

from pathlib import Path
from typing import NamedTuple

from conftest import missing

from agentgym.rendering.renderer import ChatTemplate

TEMPLATES = Path(__file__).parent / "templates"
CHATML = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
WORDS = ["<tool_call>", "</tool_call>", "<think>", "</think>"]  # tokens, but not special ones
HEADERS = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]


class Form(NamedTuple):
    special: list[str]
    end: str
    """What the template ends a turn with."""
    other_ends: list[str]


FORMS = {
    "qwen2_5": Form(CHATML, "<|im_end|>", ["<|endoftext|>"]),
    "qwen3": Form(CHATML, "<|im_end|>", ["<|endoftext|>"]),
    "llama3": Form([*HEADERS, "<|eom_id|>", "<|python_tag|>"], "<|eot_id|>", ["<|eom_id|>"]),
    "gemma": Form(["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"], "<end_of_turn>", []),
    "smollm2": Form(CHATML, "<|im_end|>", ["<|endoftext|>"]),
}


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def tool_result(text):
    return {"role": "tool", "content": text}


def system(text):
    return {"role": "system", "content": text}


def written(renderer, text):
    """The ids of a text without an end of turn."""
    return renderer.encode_action(text)[:-1]


def renderer_of(name, tokenizer, **settings):
    """The renderer of a form, on the tests' small tokenizer where there is none of its own."""
    form = FORMS[name]
    if name == "smollm2":
        tokenizer = smollm2_tokenizer()
    else:
        tokenizer.add_special_tokens({"additional_special_tokens": form.special})
        tokenizer.add_tokens(WORDS)
        tokenizer.eos_token = "<eos>" if name == "gemma" else form.end
        tokenizer.chat_template = (TEMPLATES / f"{name}.jinja").read_text()
    stop_ids = tokenizer.convert_tokens_to_ids([form.end, *form.other_ends])
    return ChatTemplate(tokenizer, stop_ids, **settings)


def smollm2_tokenizer():
    from transformers import AutoTokenizer

    from agentgym.errors import MissingExtra
    from agentgym.policy.smollm2 import smollm2

    try:
        return AutoTokenizer.from_pretrained(smollm2())
    except MissingExtra:
        return missing("SmolLM2", "smollm2")
