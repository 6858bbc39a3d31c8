"""LoRA: what is adapted, and what is sent of it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import torch

from agentgym.policy.architecture import fix_positions, keeps_keys_and_values
from agentgym.policy.folder import base_folder
from agentgym.policy.loading import load_folder
from agentgym_trainers.config import LoRA
from agentgym_trainers.learner.lora import adapted, add_adapters, plain
from agentgym_trainers.model_check.subject import (
    EXACT,
    Broken,
    Subject,
    learner_difference,
    plain_logits,
    sampling_difference,
)
from agentgym_trainers.weights.whole import whole_weights

RANK = 4
ALL: Literal["all-linear"] = "all-linear"


def adapters(subject: Subject) -> str:
    """LoRA finds its targets, and the weights that are sent are those that it learns."""
    model = with_adapters(subject)
    apart = learner_difference(model, subject.sequences)
    if keeps_keys_and_values(model):
        apart = max(apart, sampling_difference(model, subject.plain_ids))
    gap = _merging(subject, model)
    if not max(apart, gap) <= EXACT:
        raise Broken(
            f"with adapters, sampling or learner differ by {apart:.1e} nats, and the merged "
            f"weights by {gap:.1e}; name other targets: [model.lora] targets = [...]"
        )
    kinds = Counter(plain(name).split(".")[-1] for name, _ in adapted(model))
    found = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f"{found}; sampled and learnt up to {apart:.1e}, merged up to {gap:.1e} nats"


def with_adapters(subject: Subject, targets: list[str] | Literal["all-linear"] = ALL) -> Any:
    """A copy of the model with its own adapters, or with new ones that change something."""
    model = subject.fresh()
    if not any(adapted(model)):
        add_adapters(model, LoRA(rank=RANK, targets=targets), seed=0)
        _fill(model)
    return model


def _fill(model: Any) -> None:
    """Give the adapters values, B too, which is zero at first."""
    draw = torch.Generator().manual_seed(0)
    for name, weight in model.named_parameters():
        if ".lora_" in name:
            weight.data.copy_(0.02 * torch.randn(weight.shape, generator=draw))


def _merging(subject: Subject, model: Any) -> float:
    ids = subject.plain_ids[:12]
    wanted = plain_logits(model, ids).log_softmax(-1)
    merged = load_folder(base_folder(subject.folder), device=subject.device)[0]
    merged.load_state_dict(dict(whole_weights(model)), strict=False)
    merged.tie_weights()
    fix_positions(merged)
    return float((plain_logits(merged, ids).log_softmax(-1) - wanted).abs().max())
