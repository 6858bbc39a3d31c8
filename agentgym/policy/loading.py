"""A model folder in memory, whole or not at all: nothing begins at random, nothing is left out."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
from transformers.utils import logging as transformers_logging

from agentgym.errors import BadInput
from agentgym.policy.architecture import attention, require_exact
from agentgym.policy.folder import MODEL, base_folder, require_adapter, require_model
from agentgym.policy.tokenizer import load_tokenizer

transformers_logging.disable_progress_bar()  # its bars would break our own display

FAILURES = (OSError, ValueError, KeyError, RuntimeError, SafetensorError)
"""What transformers and PEFT raise over a folder that they cannot load."""
SHOWN = 3


def load_folder(
    folder: str | Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[Any, Any]:
    """Model and tokenizer of a local folder; nothing is downloaded.

    An adapter comes on top of its base model, not merged into it.

    Raises:
        BadInput: the folder lacks a model or a tokenizer, its weights are not those of its config,
            it cannot be exact here (see :func:`require_exact`), or there is no such device.
    """
    folder = Path(folder)
    require_model(folder)
    base, tokenizer = base_folder(folder), load_tokenizer(folder)
    try:
        config = AutoConfig.from_pretrained(base, local_files_only=True)
    except FAILURES as error:
        raise BadInput(f"cannot read the config in {base}: {_said(error)}") from error
    require_exact(config, base)
    try:
        with _quiet():
            model, found = _kind_of(config, base).from_pretrained(
                base,
                local_files_only=True,
                dtype=dtype,
                attn_implementation=attention(config),
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are refused below
            )
    except FAILURES as error:
        raise BadInput(f"cannot load the model in {base}: {_said(error)}") from error
    for name, has, wants in found["mismatched_keys"]:
        raise BadInput(
            f"the model in {base} has {name} of shape {tuple(has)}, and its config says "
            f"{tuple(wants)}; config.json and the weights are of different models"
        )
    require_every_weight(f"the model in {base}", found["missing_keys"], found["unexpected_keys"])
    if base != folder:
        _add_adapter(model, folder)
    return put(model, device).eval(), tokenizer


def _kind_of(config: Any, base: Path) -> Any:
    """The auto class of a config: a causal LM, or one that reads images besides."""
    for kind in (AutoModelForCausalLM, AutoModelForImageTextToText):
        if type(config) in kind._model_mapping:
            return kind
    raise BadInput(
        f"transformers has no causal language model of type {config.model_type!r}, which "
        f"{base / MODEL} names; a policy needs one that goes on with a text"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' table of missing weights and PEFT's warnings: our errors name them."""
    usual = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(usual)


def _add_adapter(model: Any, folder: Path) -> None:
    require_adapter(folder)
    own_names = getattr(model, "_weight_conversions", None)
    try:
        with _quiet():
            found = model.load_adapter(str(folder), adapter_kwargs={"local_files_only": True})
    except FAILURES as error:
        raise BadInput(f"cannot load the adapter in {folder}: {_said(error)}") from error
    model._weight_conversions = own_names  # not the adapter's, whose file has other ones
    require_every_weight(f"the adapter in {folder}", found.missing_keys, found.unexpected_keys)


def require_every_weight(what: str, missing: Collection[str], unexpected: Collection[str]) -> None:
    """Check that a file had each weight that a model has, and no other.

    Raises:
        BadInput: it had not; the message names some of them.
    """
    if missing:
        raise BadInput(
            f"{what} lacks {_some(missing)}, which would begin at random; are the files complete, "
            "and were they saved from this kind of model?"
        )
    if unexpected:
        raise BadInput(
            f"{what} has {_some(unexpected)}, for which its config has no place, so they would be "
            "left out; were they saved from another kind of model?"
        )


def _some(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more weights" if len(names) > SHOWN else shown


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def put(model: Any, device: str) -> Any:
    """Move a model to a device.

    Raises:
        BadInput: torch cannot use it.
    """
    try:
        return model.to(device)
    except (RuntimeError, AssertionError) as error:  # the CPU build of torch asserts
        raise BadInput(f"cannot use device {device!r}: {error}") from error
