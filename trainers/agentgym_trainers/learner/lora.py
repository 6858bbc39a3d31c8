"""LoRA (Hu et al. 2021, 2106.09685): W + alpha / rank * B A, with W frozen and B zero at first."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from peft import LoraConfig
from peft.tuners import lora
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor

from agentgym.errors import BadInput
from agentgym_trainers.config import LoRA

MERGED = (lora.Linear, lora.Embedding, lora.ParamWrapper)
"""Adapted layers whose product is added to one weight; ParamWrapper is of fused experts."""


LINEAR = torch.nn.Linear.forward


def add_adapters(model: Any, settings: LoRA, seed: int) -> None:
    """Put adapters into a Hugging Face model; they alone are trainable, and change nothing yet.

    Raises:
        BadInput: no module has a target's name, or an adapter there could not be merged exactly.
    """
    if isinstance(settings.targets, list):
        _require_found(model, settings.targets)
    wanted = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=settings.targets,
        exclude_modules=_left_out(model) if settings.targets == "all-linear" else None,
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what train_adapters refuses, of unused patterns
        torch.manual_seed(seed)
        try:
            model.add_adapter(wanted)
        except (ValueError, NotImplementedError) as error:
            raise BadInput(f"model.lora.targets = {settings.targets!r}: {error}") from error
    train_adapters(model)


def _require_found(model: Any, targets: list[str]) -> None:
    """PEFT is content with one name that it finds."""
    modules = [name for name, _ in model.named_modules()]
    parameters = [name for name, _ in model.named_parameters()]
    for target in targets:
        if not any(f".{name}".endswith(f".{target}") for name in modules):
            there = sorted(
                {name.removesuffix(".weight").split(".")[-1] for name in parameters if "." in name}
            )
            raise BadInput(
                f"model.lora.targets: no module of {type(model).__name__} is called {target!r}; "
                f"there are {', '.join(there)}"
            )


def _left_out(model: Any) -> list[str] | None:
    """Linear layers that ``all-linear`` leaves out: those that read images, and odd routers."""
    text = set(model.get_decoder().modules())
    images = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module not in text
    ]
    return [*images, *_no_plain_products(model)] or None


@torch.no_grad()
def _no_plain_products(model: Any) -> list[str]:
    """Linear layers that return something else than a product, as some routers do."""
    found = []
    for name, module in model.named_modules():
        own = isinstance(module, torch.nn.Linear) and type(module).forward is not LINEAR
        if own and not _is_product(module):
            found.append(name)
    return found


def _is_product(layer: torch.nn.Linear) -> bool:
    given = layer.weight.new_ones(1, layer.in_features)
    returned = layer(given)
    product = torch.nn.functional.linear(given, layer.weight, layer.bias)
    return isinstance(returned, Tensor) and torch.allclose(returned, product)


def train_adapters(model: Any) -> None:
    """Make the adapters of a model trainable, in float32, and nothing else.

    Raises:
        BadInput: one of them cannot be merged exactly into the weights that an engine gets.
    """
    tied = bool(model.all_tied_weights_keys)
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    for name, layer in adapted(model):
        if tied and any(layer is end for end in ends):
            raise BadInput(
                f"model.lora.targets: {name} shares its weight with the other end of the model "
                "(tie_word_embeddings), and an adapter would change one end alone, which no engine "
                "can be sent; leave it out"
            )
        inside = layer.get_base_layer()
        if not isinstance(layer, MERGED) or _no_plain_products(inside):
            raise BadInput(
                f"model.lora.targets: an adapter of {name} ({type(inside).__name__}) cannot be "
                "merged exactly; leave it out"
            )
    for name, parameter in model.named_parameters():
        is_adapter = ".lora_" in name
        parameter.requires_grad_(is_adapter)
        if is_adapter:
            parameter.data = parameter.data.float()


def adapted(model: Any) -> Iterator[tuple[str, Any]]:
    """The layers of a model that have adapters, by name."""
    for name, module in model.named_modules():
        if isinstance(module, BaseTunerLayer):
            yield name, module


def products(model: Any) -> dict[str, Tensor]:
    """The adapters' products alpha / rank * B A, by the plain name of the weight that they change.

    Nested layers, one for each weight of a module, have the name of the module.
    """
    found: dict[str, Tensor] = {}
    for name, layer in adapted(model):
        weight = f"{plain(name)}.{getattr(layer, 'parameter_name', 'weight')}"
        for adapter in layer.active_adapters:
            found[weight] = layer.get_delta_weight(adapter).float() + found.get(weight, 0.0)
    return found


def plain(name: str) -> str:
    """The name of a weight or module in the model without adapters."""
    return name.replace(".base_layer", "")
