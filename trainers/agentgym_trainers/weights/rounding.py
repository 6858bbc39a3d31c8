"""What an engine of low precision does not see of an update: weights that round to the same."""

from __future__ import annotations

from typing import Any

import torch

OFTEN = 0.5


@torch.no_grad()
def unseen(model: Any, lr: float, dtype: torch.dtype) -> float:
    """Share of the trained weights that are the same in ``dtype`` after a step of ``lr`` each.

    Adam moves a weight by about its learning rate. bfloat16 has 8 bits: a weight of 0.02 moves by
    1.2e-4 or not at all. The trainer keeps float32, so small steps add up there until they show.
    """
    same = total = 0
    for weight in model.parameters():
        if weight.requires_grad:
            same += int((weight.to(dtype) == (weight + lr).to(dtype)).sum())
            total += weight.numel()
    return same / max(1, total)


def warning(model: Any, lr: float, dtype: torch.dtype) -> str | None:
    """What to say before a run whose engine would miss most of each update; else None."""
    share = unseen(model, lr, dtype)
    if share < OFTEN:
        return None
    name = str(dtype).removeprefix("torch.")
    return (
        f"warning: one step of optimizer.lr = {lr:g} leaves {share:.0%} of the weights as they are "
        f"in the engine's {name}, so it samples from older ones until steps add up; "
        "policy.vllm.dtype = 'float32' or adapters (policy.weights = 'adapter') have no such lag, "
        "correction.old = 'recomputed' keeps the ratios right"
    )
