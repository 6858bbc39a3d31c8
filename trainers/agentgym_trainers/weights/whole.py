"""All weights of a model, adapters merged in: by its own names, and by those of its checkpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from transformers.core_model_loading import revert_weight_conversion

from agentgym_trainers.learner.lora import plain, products

LAYER = re.compile(r".*?\.\d+\.")
HEADLESS = frozenset({"cohere", "cohere2", "cohere2_moe", "gemma2", "gemma3n", "gemma3n_text"})
"""Model types whose class in vLLM 0.32 has no output head beside the embeddings."""


def whole_weights(model: Any, dtype: torch.dtype | None = None) -> Iterator[tuple[str, Tensor]]:
    """Name and value of every weight; the model itself is not changed. A tied weight comes once.

    Args:
        model: a Hugging Face causal LM, with or without adapters that PEFT put into it.
        dtype: what to convert to, after adapters have been merged in float32; default: as they are.
    """
    with torch.no_grad():
        added = products(model)
    tied = set(model.all_tied_weights_keys)
    for name, value in model.state_dict().items():
        if ".lora_" not in name and (own := plain(name)) not in tied:
            yield own, _sum(value, added.get(own), dtype)


def checkpoint_weights(
    model: Any, dtype: torch.dtype | None = None
) -> Iterator[tuple[str, Tensor]]:
    """The same by the names and in the shapes of checkpoint files, as engines read them.

    transformers keeps the experts of a layer in one tensor where their files have one for each. A
    tied output head is given too, as a copy: an engine that has one of its own would go on with
    the old one, and nothing would say so.
    """
    for _, weights in groupby(whole_weights(model, dtype), _layer):  # experts are copied
        yield from revert_weight_conversion(model, dict(weights)).items()
    head = model.get_output_embeddings()
    if model.config.model_type not in HEADLESS:
        for name in model.all_tied_weights_keys:
            if model.get_parameter(name) is head.weight:
                yield name, _sum(head.weight, None, dtype).clone()


def _layer(weight: tuple[str, Tensor]) -> str:
    match = LAYER.match(weight[0])
    return match[0] if match else ""


def _sum(weight: Tensor, added: Tensor | None, dtype: torch.dtype | None) -> Tensor:
    value = weight.detach()
    if added is not None:
        value = value.float() + added.to(value.device)
    return value.to(dtype or weight.dtype).contiguous()
