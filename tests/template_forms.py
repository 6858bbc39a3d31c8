"""Tokenizers with the chat templates of well-known models, in the form that matters here.

SmolLM2's is the real one. The others are small: a tokenizer of the tests with the model's special
tokens, and a template of our own in ``templates/``.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from conftest import TEXTS, missing
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from transformers import PreTrainedTokenizerFast

from agentgym.rendering.renderer import ChatTemplate

TEMPLATES = Path(__file__).parent / "templates"
CHATML = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
WORDS = ["<tool_call>", "</tool_call>", "<think>", "</think>"]  # tokens, but not special ones
HEADERS = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
ROLES = ["<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"]
HARMONY = ["<|start|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|call|>", "<|return|>"]
MISTRAL = ["[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"]
RESULTS = ["[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[ARGS]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"]
KIMI = ["<|im_system|>", "<|im_user|>", "<|im_assistant|>", "<|im_middle|>", "<|im_end|>"]
SECTION = ["<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"]
CALL = ["<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"]
DEEPSEEK = ["<｜User｜>", "<｜Assistant｜>", "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>"]
DEEPSEEK_CALLS = ["<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"]
DEEPSEEK_TEXT = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"]
GEMMA = ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"]
GRANITE = ["<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"]


class Form(NamedTuple):
    special: list[str]
    end: str
    """What the model ends a turn with."""
    other_ends: Sequence[str] = ()
    """Ends that the model's config names besides."""
    ordinary: Sequence[str] = WORDS
    """Added tokens that are not special."""
    eos: str = ""
    """The tokenizer's, where it is not the end of a turn."""
    bos: str = ""
    sentencepiece: bool = False
    """Whether its tokenizer puts a space before a text."""
    results: bool = True
    """Whether it takes messages of role tool."""


FORMS = {
    "qwen2_5": Form(CHATML, "<|im_end|>", ["<|endoftext|>"]),
    "qwen3": Form(CHATML, "<|im_end|>", ["<|endoftext|>"]),
    "llama3": Form([*HEADERS, "<|eom_id|>", "<|python_tag|>"], "<|eot_id|>", ["<|eom_id|>"]),
    "gemma": Form(GEMMA, "<end_of_turn>", eos="<eos>", results=False),
    "smollm2": Form(CHATML, "<|im_end|>", ["<|endoftext|>"]),
    "smollm3": Form(CHATML, "<|im_end|>", ["<|endoftext|>"]),
    "gemma2": Form(GEMMA, "<end_of_turn>", eos="<eos>", bos="<bos>", results=False),
    "phi3": Form(
        [*ROLES[:3], "<|end|>", "<|endoftext|>"], "<|end|>", eos="<|endoftext|>", results=False
    ),
    "phi4": Form([*CHATML, "<|im_sep|>"], "<|im_end|>", ["<|endoftext|>"]),
    "glm4": Form(["[gMASK]", "<sop>", *ROLES, "<|endoftext|>"], "<|user|>", eos="<|endoftext|>"),
    "gptoss": Form([*HARMONY, "<|end|>"], "<|return|>"),
    "kimi_k2": Form([*KIMI, *SECTION, *CALL, "[EOS]"], "<|im_end|>", eos="[EOS]"),
    "deepseek_v3": Form(
        DEEPSEEK_TEXT,
        DEEPSEEK_TEXT[1],
        ordinary=[*DEEPSEEK, *DEEPSEEK_CALLS, *WORDS[2:]],
        bos=DEEPSEEK_TEXT[0],
    ),
    "granite": Form(GRANITE, "<|end_of_text|>"),
    "olmo2": Form(["<|endoftext|>"], "<|endoftext|>", bos="<|endoftext|>"),
    "mistral_v11": Form(["<s>", "</s>", *MISTRAL, *RESULTS], "</s>", bos="<s>"),
    "mistral_v3": Form(
        ["<s>", "</s>", *MISTRAL], "</s>", bos="<s>", sentencepiece=True, results=False
    ),
    "llama2": Form(["<s>", "</s>"], "</s>", bos="<s>", sentencepiece=True, results=False),
    "zephyr": Form(["<s>", "</s>"], "</s>", bos="<s>", sentencepiece=True, results=False),
    "smolvlm": Form([*CHATML, "<end_of_utterance>", "<image>"], "<end_of_utterance>"),
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
        if form.sentencepiece and "<0x0A>" not in tokenizer.get_vocab():
            tokenizer = sentencepiece_tokenizer()
        dress(tokenizer, name)
    stop_ids = tokenizer.convert_tokens_to_ids([form.end, *form.other_ends])
    return ChatTemplate(tokenizer, stop_ids, **settings)


def dress(tokenizer, name):
    """Give a tokenizer the tokens and the template of a form."""
    form = FORMS[name]
    taken = name == "phi3"  # its special tokens take the white space after them
    special = [AddedToken(t, rstrip=taken, normalized=False, special=True) for t in form.special]
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    tokenizer.add_tokens(list(form.ordinary))
    tokenizer.eos_token = form.eos or form.end
    tokenizer.bos_token = form.bos or None
    tokenizer.chat_template = (TEMPLATES / f"{name}.jinja").read_text()


def sentencepiece_tokenizer(scheme=None):
    """A small tokenizer as Llama 2's: a space before every text, bytes for rare letters.

    ``scheme`` says where a newer form puts the space: ``first`` (text of a sequence) or ``always``.
    """
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    before = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    if scheme:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence(before)
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    special = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    spelled = json.loads(tokenizer.to_str())
    spelled["added_tokens"] = spelled["added_tokens"][:1]  # bytes are no added tokens
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(spelled)), unk_token="<unk>"
    )


def smollm2_tokenizer():
    from transformers import AutoTokenizer

    from agentgym.errors import MissingExtra
    from agentgym.policy.smollm2 import smollm2

    try:
        return AutoTokenizer.from_pretrained(smollm2())
    except MissingExtra:
        return missing("SmolLM2", "smollm2")
