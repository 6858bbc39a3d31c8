"""LoRA: what is adapted, and what is sent of it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import torch

from agentgym.policy.architecture import keeps_keys_and_values
from agentgym.policy.folder import base_folder
from agentgym_trainers.config import LoRA
from agentgym_trainers.learner.lora import adapted, add_adapters, plain
from agentgym_trainers.model_check.subject import (
    Pair,
    Subject,
    learnt_and_plain,
    load,
    plain_logprobs,
    sampled_and_plain,
    within,
)
from agentgym_trainers.weights.whole import whole_weights

RANK = 4
ALL: Literal["all-linear"] = "all-linear"


def adapters(subject: Subject) -> str:
    """LoRA finds its targets, and the weights that are sent are those that it learns."""
    model = with_adapters(subject)
    advice = "name other targets: [model.lora] targets = [...]"
    learnt = within(learnt_and_plain(model, subject.sequences), advice)
    if keeps_keys_and_values(model):
        within(sampled_and_plain(model, subject.plain_ids), advice)
    merged = within(_merged_and_plain(subject, model), f"merged, they are others; {advice}")
    kinds = Counter(plain(name).split(".")[-1] for name, _ in adapted(model))
    found = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f"{found}; {learnt}, merged {merged}"


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


def _merged_and_plain(subject: Subject, model: Any) -> Pair:
    ids = subject.plain_ids[:12]
    merged, _ = load(base_folder(subject.folder), subject.device)
    merged.load_state_dict(dict(whole_weights(model)), strict=False)
    merged.tie_weights()
    return plain_logprobs(merged, ids), plain_logprobs(model, ids)
