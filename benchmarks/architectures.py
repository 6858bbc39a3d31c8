"""Small random models of many architectures, each with the settings that its family is known for.

Windows of 8 tokens, rotary tables that change at 24, soft caps and scales far from 1: what is wrong
shows in a few tokens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

from agentgym.policy.architecture import attention
from agentgym_trainers.learner.tiny_model import tiny_tokenizer

VOCABULARY = 320
SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.1,
    "bos_token_id": None,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
WINDOW = {"sliding_window": 8}
LONG = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "original_max_position_embeddings": 24,
}
LATENT = {
    "q_lora_rank": 24,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 16,
    "v_head_dim": 16,
    "num_key_value_heads": 4,
}
GROUPED = {"n_routed_experts": 4, "n_shared_experts": 1, "n_group": 1, "topk_group": 1}


def _rope(kind: str, **more: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **more}}


ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama, tied": ("llama", {"tie_word_embeddings": True}),
    "llama, llama3 rope": (
        "llama",
        _rope(
            "llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=24,
        ),
    ),
    "llama, dynamic rope": ("llama", _rope("dynamic", factor=4.0)),
    "llama, yarn": ("llama", _rope("yarn", factor=4.0, original_max_position_embeddings=24)),
    "mistral": ("mistral", WINDOW),
    "ministral": ("ministral", WINDOW | {"head_dim": 16}),
    "mixtral": ("mixtral", {"num_local_experts": 4, "sliding_window": 8}),
    "qwen2": ("qwen2", {}),
    "qwen2, windows": ("qwen2", WINDOW | {"use_sliding_window": True, "max_window_layers": 2}),
    "qwen2-moe": ("qwen2_moe", EXPERTS | {"shared_expert_intermediate_size": 32}),
    "qwen3": ("qwen3", {"head_dim": 16}),
    "qwen3-moe": ("qwen3_moe", EXPERTS | {"head_dim": 16, "norm_topk_prob": True}),
    "gemma": ("gemma", {"head_dim": 16}),
    "gemma2": (
        "gemma2",
        WINDOW
        | {
            "head_dim": 16,
            "query_pre_attn_scalar": 16,
            "final_logit_softcapping": 5.0,
            "attn_logit_softcapping": 0.5,
        },
    ),
    "gemma3": ("gemma3_text", WINDOW | {"head_dim": 16, "query_pre_attn_scalar": 16}),
    "phi": ("phi", {"num_key_value_heads": 4}),
    "phi3": ("phi3", WINDOW | {"original_max_position_embeddings": 512}),
    "phi3, longrope": (
        "phi3",
        {"original_max_position_embeddings": 24, "sliding_window": None, "rope_parameters": LONG},
    ),
    "phimoe": ("phimoe", {"num_local_experts": 4}),
    "gpt-oss": (
        "gpt_oss",
        WINDOW | {"head_dim": 16, "num_local_experts": 4, "num_experts_per_tok": 2},
    ),
    "granite": (
        "granite",
        {
            "logits_scaling": 8.0,
            "attention_multiplier": 0.125,
            "embedding_multiplier": 3.0,
            "residual_multiplier": 0.3,
        },
    ),
    "granite-moe": ("granitemoe", {"num_local_experts": 4, "logits_scaling": 4.0}),
    "glm": ("glm", {"head_dim": 16}),
    "glm4": ("glm4", {"head_dim": 16}),
    "glm4-moe": ("glm4_moe", EXPERTS | GROUPED | {"head_dim": 16, "first_k_dense_replace": 1}),
    "smollm3": ("smollm3", {"no_rope_layer_interval": 2}),
    "olmo": ("olmo", {}),
    "olmo2": ("olmo2", {}),
    "olmo3": ("olmo3", WINDOW),
    "olmoe": ("olmoe", EXPERTS),
    "cohere": ("cohere", {"logit_scale": 0.0625}),
    "cohere2": ("cohere2", WINDOW | {"logit_scale": 0.0625}),
    "deepseek-v3": (
        "deepseek_v3",
        EXPERTS | GROUPED | LATENT | {"first_k_dense_replace": 1},
    ),
    "stablelm": ("stablelm", {}),
    "starcoder2": ("starcoder2", WINDOW),
    "nemotron": ("nemotron", {"head_dim": 16}),
    "exaone4": ("exaone4", WINDOW),
    "ernie4.5": ("ernie4_5", {"head_dim": 16}),
    "seed-oss": ("seed_oss", {"head_dim": 16}),
    "llama4": (
        "llama4_text",
        {
            "head_dim": 16,
            "num_local_experts": 2,
            "intermediate_size_mlp": 96,
            "attention_chunk_size": 8,
        },
    ),
    "gpt-neox": ("gpt_neox", {}),
    "gpt2": ("gpt2", {"n_embd": 64, "n_layer": 4, "n_head": 4, "n_positions": 512}),
}
"""Name -> model type, and what its config has beside ``SMALL``."""

VISION = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
VISION |= {"num_attention_heads": 2, "image_size": 16, "patch_size": 8}
SIGLIP = VISION | {"model_type": "siglip_vision_model"}
ARCHITECTURES |= {
    "gemma3, images": (
        "gemma3",
        {
            "text_config": WINDOW | {"head_dim": 16, "query_pre_attn_scalar": 16},
            "vision_config": SIGLIP,
            "mm_tokens_per_image": 4,
        },
    ),
    "mistral3, images": (
        "mistral3",
        {
            "text_config": {"model_type": "mistral", "sliding_window": None},
            "vision_config": VISION | {"model_type": "pixtral"},
        },
    ),
    "llava": ("llava", {"text_config": {"model_type": "llama"}, "vision_config": SIGLIP}),
}

SERVED = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "moe_intermediate_size": 64,
}
"""Sizes that vLLM's CPU kernels take."""
CPU_SERVES = (
    "llama",
    "llama, tied",
    "mistral",
    "mixtral",
    "qwen2",
    "qwen3",
    "qwen3-moe",
    "gemma2",
    "granite",
    "phi3",
    "phi3, longrope",
    "olmo2",
)
"""What vLLM's CPU build is tried with: what it is asked for most, and each way to name weights."""

NO_ADAPTERS = {"mixtral", "qwen3-moe"}
"""Where vLLM loads no adapter on the CPU: beside experts it needs Triton."""

REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "lfm2": ("lfm2", {"layer_types": ["conv", "full_attention"] * 2}),
    "mamba": ("mamba", {}),
    "qwen3-next": (
        "qwen3_next",
        EXPERTS
        | {
            "head_dim": 16,
            "shared_expert_intermediate_size": 32,
            "linear_num_value_heads": 4,
            "linear_num_key_heads": 2,
            "linear_key_head_dim": 16,
            "linear_value_head_dim": 16,
        },
    ),
}
"""The same of models that the local policy refuses."""


def model(name: str, **more: Any) -> Any:
    """A model with random weights, the same at every call."""
    kind, settings = (ARCHITECTURES | REFUSED)[name]
    torch.manual_seed(0)
    every = SMALL | settings | more
    if text := settings.get("text_config"):
        every = settings | {"text_config": SMALL | text | more}
    if settings.get("rope_parameters") is LONG:
        half = every["hidden_size"] // every["num_attention_heads"] // 2
        factors = {"short_factor": [1.0] * half, "long_factor": [4.0] * half}
        every["rope_parameters"] = LONG | factors
    config = AutoConfig.for_model(kind, **every)
    alone = type(config) in AutoModelForCausalLM._model_mapping
    kind_of = AutoModelForCausalLM if alone else AutoModelForImageTextToText
    found = kind_of.from_config(config, attn_implementation=attention(config))
    return found.float().eval()


def save(name: str, folder: Path, **more: Any) -> Path:
    """A folder with such a model and a tokenizer."""
    model(name, **more).save_pretrained(folder)
    tiny_tokenizer(
        ["go to the red hall, look at the lamp and buy it now"], VOCABULARY
    ).save_pretrained(folder)
    return folder
