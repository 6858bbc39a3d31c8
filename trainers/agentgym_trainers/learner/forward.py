"""The forward pass of training: ln p of what was sampled, and the ways to run it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from agentgym.errors import BadInput
from agentgym_trainers.learner.batches import Batch

Precision = Literal["float32", "bfloat16"]


def logprobs(
    model: Any, batch: Batch, temperature: float = 1.0, precision: Precision = "float32"
) -> tuple[Tensor, Tensor]:
    """ln p and entropy (nats) of the sampled tokens, shape (N, L), float32, 0 elsewhere.

    The forward pass is the model's own, from ids to logits: whatever it does to hidden states
    before its output head and to logits behind it (a scale, a soft cap) is done here too.
    """
    sampled = batch.mask[:, 1:]
    with (
        torch.autocast(batch.ids.device.type, torch.bfloat16, enabled=precision == "bfloat16"),
        _head_at(model, sampled),
    ):
        logits = model(input_ids=batch.ids[:, :-1], use_cache=False).logits[0].float()
    if temperature not in (0, 1):
        logits = logits / temperature
    distribution = torch.log_softmax(logits, dim=-1)
    chosen = distribution.gather(-1, batch.ids[:, 1:][sampled][:, None])[:, 0]
    # As large as the logits: kept for no token, computed again if its gradient is asked for.
    entropy = checkpoint(_entropy, distribution, use_reentrant=False, preserve_rng_state=False)
    blank = torch.zeros(batch.ids.shape, dtype=torch.float32, device=batch.ids.device)
    place = batch.mask.clone()
    place[:, 0] = False  # nothing precedes the first token of a sequence
    return blank.masked_scatter(place, chosen), blank.masked_scatter(place, entropy)


@contextmanager
def _head_at(model: Any, places: Tensor) -> Iterator[None]:
    """Let the output head see the hidden states (N, L, width) at ``places`` (N, L) alone.

    They reach it as one row (1, T, width), so that the model makes logits for T sampled tokens and
    not for the whole vocabulary at every position.

    Raises:
        BadInput: the model has no output head of its own, or makes its logits without it.
    """
    reached = False

    def choose(_: Any, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        nonlocal reached
        reached = True
        hidden, *rest = arguments
        return hidden[places][None], *rest

    head = model.get_output_embeddings()
    if head is None:
        raise BadInput(f"{type(model).__name__} has no output head; it cannot be trained here")
    hook = head.register_forward_pre_hook(choose)
    try:
        yield
    finally:
        hook.remove()
    if not reached:
        raise BadInput(
            f"{type(model).__name__} makes its logits without its output head "
            f"({type(head).__name__}); it cannot be trained here"
        )


def _entropy(distribution: Tensor) -> Tensor:
    return -(distribution.exp() * distribution).sum(-1)


@contextmanager
def without_adapters(model: Any) -> Iterator[None]:
    """The model as it was before adapters were added to it."""
    model.disable_adapters()
    try:
        yield
    finally:
        model.enable_adapters()


def allow_checkpointing(model: Any) -> None:
    """Let :func:`checkpointing` drop the activations inside each layer."""
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.disable_input_require_grads()  # a hook on the embeddings that only reentrant ones need


@contextmanager
def checkpointing(model: Any) -> Iterator[None]:
    """Keep only the input of each layer that allows it; the backward pass computes the rest again.

    A layer drops its activations while its own flag says that it trains. The modules inside it
    keep theirs, so there is still no dropout.
    """
    layers = [
        module
        for module in model.modules()
        if isinstance(module, GradientCheckpointingLayer) and module.gradient_checkpointing
    ]
    for layer in layers:
        layer.training = True
    try:
        yield
    finally:
        for layer in layers:
            layer.training = False
