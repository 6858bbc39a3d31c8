"""LoRA (Hu et al. 2021, 2106.09685): W + alpha / rank * B A, with W frozen and B zero at first."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from peft import LoraConfig
from pydantic import BaseModel, Field

from agentgym.config import SETTINGS


class LoRA(BaseModel):
    """Train low-rank adapters instead of the model's own weights."""

    model_config = SETTINGS

    rank: Annotated[int, Field(ge=1)] = 16
    """Rows of A and columns of B."""
    alpha: Annotated[int, Field(ge=1)] = 32
    """The adapters' output is scaled by alpha / rank."""
    targets: list[str] | Literal["all-linear"] = "all-linear"
    """The modules that get one, e.g. ["q_proj", "v_proj"]; all-linear leaves the head alone."""


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
