"""What a model's architecture allows: what is exact here, and what is refused by name.

Rotary tables that follow the longest position of a batch (longrope, dynamic NTK) would give a token
other keys beside a long row than alone, and other ones after it was cached. They are fixed to the
table that vLLM takes too, so that a token's logprob depends on the tokens before it and on nothing
else.
"""

from __future__ import annotations

from typing import Any

from transformers.cache_utils import get_layer_types_and_kwargs
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from agentgym.errors import BadInput

KEYS_AND_VALUES = {"full_attention", "sliding_attention", "chunked_attention"}
"""Layers whose past is keys and values, one for each token: it can be cut, joined and padded."""


def require_exact(config: Any, where: object) -> None:
    """Check from its config that a model can be loaded and trained as it is.

    Raises:
        BadInput: it is quantised, or an encoder-decoder; the message says what to do.
    """
    quantised = getattr(config, "quantization_config", None)
    if quantised is not None:
        named = quantised if isinstance(quantised, dict) else vars(quantised)
        raise BadInput(
            f"the model in {where} is quantised ({_value(named.get('quant_method', 'unknown'))}): "
            "its weights cannot be trained, and its logprobs depend on the kernel that unpacks "
            "them. Save a copy in bfloat16 or float32 (for many methods "
            "`model.dequantize().save_pretrained(FOLDER)`) and name its folder. vLLM evaluates it "
            "as it is: --policy vllm:FOLDER"
        )
    if getattr(config, "is_encoder_decoder", False):
        raise BadInput(
            f"the model in {where} is an encoder-decoder ({config.model_type}); a policy here is "
            "one causal sequence of prompts and answers, so take a decoder-only model"
        )


def require_cache(model: Any) -> None:
    """Check that the past of a model is keys and values, which the local policy keeps and joins.

    Raises:
        BadInput: some layers keep a state instead.
    """
    if others := _other_layers(model):
        raise BadInput(
            f"{type(model).__name__} has {', '.join(others)} layers, whose past is a state and "
            "cannot be cut or joined as keys and values can, so the local policy cannot sample "
            "from it. vLLM can: policy.engine = 'vllm', or --policy vllm:FOLDER"
        )


def keeps_keys_and_values(model: Any) -> bool:
    """Whether the past of a model is keys and values alone."""
    return not _other_layers(model)


def _other_layers(model: Any) -> list[str]:
    types, _ = get_layer_types_and_kwargs(_decoder(model.config))
    others = sorted(set(types) - KEYS_AND_VALUES)
    return others or (["recurrent"] if getattr(model, "_is_stateful", False) else [])


def attention(config: Any) -> str | None:
    """The attention kernel that a model needs; None: whatever transformers prefers.

    transformers' sdpa leaves out a soft cap of attention scores (Gemma 2), and says nothing.
    """
    capped = getattr(_decoder(config), "attn_logit_softcapping", None)
    return "eager" if capped is not None else None


def cached_layers(config: Any) -> int:
    """How many layers keep keys and values; some models let later layers share them."""
    return len(get_layer_types_and_kwargs(_decoder(config))[0])


def longest_context(config: Any) -> int | None:
    """Tokens that the positions of a model reach, the text model's where it is part of another."""
    longest = getattr(_decoder(config), "max_position_embeddings", None)
    return None if longest is None else int(longest)


def fix_positions(model: Any) -> None:
    """Fix rotary tables that would change with the longest position; other models stay as they are.

    longrope: the long factors wherever the model reaches beyond its original length, else the short
    ones. dynamic NTK: the table of the model's own length, which :func:`longest_context` keeps.
    """
    for module in model.modules():
        kinds = getattr(module, "rope_type", None)
        if isinstance(kinds, str):
            if _changes(kinds):
                module.inv_freq = _table(module, kinds, None).to(module.inv_freq)
                module.rope_type = "fixed"
        elif isinstance(kinds, dict) and any(map(_changes, kinds.values())):
            for layer in [layer for layer, kind in kinds.items() if _changes(kind)]:
                name = f"{layer}_inv_freq"
                setattr(module, name, _table(module, kinds[layer], layer).to(getattr(module, name)))
            module.rope_type = {k: "fixed" if _changes(v) else v for k, v in kinds.items()}


def _changes(kind: str) -> bool:
    return kind == "longrope" or "dynamic" in kind


def _table(module: Any, kind: str, layer: str | None) -> Any:
    """The frequencies (head width / 2,) of one kind of layer, or of all."""
    if kind != "longrope":
        return getattr(module, f"{layer}_original_inv_freq" if layer else "original_inv_freq")
    settings = module.config.rope_parameters
    original = (settings[layer] if layer else settings)["original_max_position_embeddings"]
    reached = max(original, min(original + 1, module.config.max_position_embeddings))
    chosen = {"layer_type": layer} if layer else {}
    table, _ = ROPE_INIT_FUNCTIONS[kind](module.config, None, seq_len=reached, **chosen)
    return table


def _decoder(config: Any) -> Any:
    return config.get_text_config(decoder=True)


def _value(name: Any) -> str:
    return str(getattr(name, "value", name))
