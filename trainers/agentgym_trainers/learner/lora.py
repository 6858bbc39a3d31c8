"""LoRA (Hu et al. 2021, 2106.09685): W + alpha / rank * B A, with W frozen and B zero at first."""

from __future__ import annotations

from typing import Any

import torch
from peft import LoraConfig

from agentgym_trainers.config import LoRA


def add_adapters(model: Any, settings: LoRA, seed: int) -> None:
    """Put adapters into a Hugging Face model; they alone are trainable, and change nothing yet."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.add_adapter(
            LoraConfig(
                r=settings.rank,
                lora_alpha=settings.alpha,
                target_modules=settings.targets,
                task_type="CAUSAL_LM",
            )
        )
    train_adapters(model)


def train_adapters(model: Any) -> None:
    """Make the adapters of a model trainable, in float32, and nothing else."""
    for name, parameter in model.named_parameters():
        is_adapter = ".lora_" in name
        parameter.requires_grad_(is_adapter)
        if is_adapter:
            parameter.data = parameter.data.float()
