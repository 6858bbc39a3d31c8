"""All weights of a model under their checkpoint names, adapters merged in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from peft.tuners import lora
from torch import Tensor

HEAD = "lm_head.weight"


@torch.no_grad()
def whole_weights(model: Any, dtype: torch.dtype | None = None) -> Iterator[tuple[str, Tensor]]:
    """Name and value of every weight; the model itself is not changed.

    A tied output head is given too, as ``lm_head.weight``: an engine that keeps a copy of its own
    would go on with the old one, and nothing would say so.

    Args:
        model: a Hugging Face causal LM, with or without adapters that PEFT put into it.
        dtype: what to convert to; default: as they are.
    """
    adapted = {
        f"{name}.weight": module
        for name, module in model.named_modules()
        if isinstance(module, lora.Linear)
    }
    head = model.get_output_embeddings()
    if head is not None and HEAD not in model.state_dict():
        yield HEAD, _as(head.weight, dtype)
    for name, value in model.state_dict().items():
        if ".lora_" in name:
            continue
        plain = name.replace(".base_layer.", ".")
        merged = value
        if layer := adapted.get(plain):
            for adapter in layer.active_adapters:
                merged = merged + layer.get_delta_weight(adapter).to(merged)
        # A file cannot hold two names of one memory, so a tied head is copied.
        yield plain, _as(merged.clone() if plain == HEAD else merged, dtype)


def _as(value: Tensor, dtype: torch.dtype | None) -> Tensor:
    return value.detach().to(dtype or value.dtype).contiguous()
