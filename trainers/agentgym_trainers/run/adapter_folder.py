"""An adapter's folder as ``model.path``: training goes on with that adapter.

A table [model.lora] must agree with it in the keys that it sets; the others are the adapter's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agentgym.errors import BadInput
from agentgym.policy.folder import ADAPTER
from agentgym_trainers.config import LoRA


def adapter(folder: Path) -> LoRA | None:
    """The adapter in a folder, as [model.lora] would have it; None where there is none.

    Raises:
        BadInput: it is no LoRA adapter.
    """
    if not (folder / ADAPTER).is_file():
        return None
    made = json.loads((folder / ADAPTER).read_bytes())
    if (kind := made.get("peft_type")) != "LORA":
        raise BadInput(f"the adapter in {folder} is of type {kind}; only LORA can be trained")
    targets = made["target_modules"]
    if isinstance(targets, str) and targets != "all-linear":
        targets = [targets]  # a pattern
    return LoRA(rank=made["r"], alpha=made["lora_alpha"], targets=targets)


def require_agreement(folder: Path, asked: LoRA | None, model: Any = None) -> None:
    """Check that [model.lora] does not ask for another adapter than the one in a folder.

    Args:
        folder: of a model; without an adapter there is nothing to check.
        asked: the table.
        model: with the adapter; without it, ``targets = "all-linear"`` is not checked.

    Raises:
        BadInput: it does; rank, alpha and targets of both are named.
    """
    made = adapter(folder)
    if made is None or asked is None:
        return
    if any(not _same(key, made, asked, model) for key in asked.model_fields_set):
        raise BadInput(
            f"[model.lora] asks for {in_words(asked)}, and the adapter in {folder} has "
            f"{in_words(made)}. Leave out the keys that differ to go on with this adapter; for a "
            "new one, model.path must be the folder of its base model"
        )


def in_words(lora: LoRA) -> str:
    """Its rank, alpha and targets."""
    every = isinstance(lora.targets, str)
    targets = lora.targets if every else ", ".join(sorted(lora.targets))
    return f"rank {lora.rank}, alpha {lora.alpha} and targets {targets}"


def _same(key: str, made: LoRA, asked: LoRA, model: Any) -> bool:
    if key != "targets":
        return bool(getattr(made, key) == getattr(asked, key))
    if asked.targets == "all-linear":
        return model is None or _is_on_all_linear(model)
    return set(made.targets) == set(asked.targets)


def _is_on_all_linear(model: Any) -> bool:
    """Whether every linear layer of a model but its head has an adapter."""
    from peft.tuners.lora import LoraLayer  # noqa: PLC0415  ready.py does without torch
    from torch.nn import Linear  # noqa: PLC0415

    adapted = {name for name, module in model.named_modules() if isinstance(module, LoraLayer)}
    return not any(
        isinstance(module, Linear)
        and module is not model.get_output_embeddings()
        and not any(name == one or name.startswith(f"{one}.") for one in adapted)
        for name, module in model.named_modules()
    )
