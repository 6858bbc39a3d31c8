"""Model folders as transformers writes them; what can be known of one without loading its weights.

A folder with ``adapter_config.json`` holds a LoRA adapter; its base model is a folder of its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agentgym.errors import BadInput, MissingExtra
from agentgym.paths import expanded
from agentgym.policy.smollm2 import smollm2
from agentgym.rendering.renderer import ChatTemplate

MODEL, ADAPTER = "config.json", "adapter_config.json"


def named_folder(name: str) -> Path:
    """The folder of a model by name: ``smollm2``, or a folder itself."""
    return smollm2() if name == "smollm2" else expanded(name).absolute()


def model_folder(folder: Path | str) -> Path:
    """The model or adapter in a run, checkpoint or model folder.

    Raises:
        BadInput: there is none; the message says what was looked for.
    """
    folder = Path(folder)
    checkpoints = sorted(folder.glob("checkpoints/step-*/model"), reverse=True)
    for candidate in (folder, folder / "model", *checkpoints):
        if (candidate / MODEL).is_file() or (candidate / ADAPTER).is_file():
            return candidate
    raise BadInput(
        f"no model in {folder}: neither {MODEL} (a model), {ADAPTER} (an adapter), model/ (a "
        "checkpoint) nor checkpoints/step-*/model/ (a run) is there; has the run saved a "
        "checkpoint yet?"
    )


def base_folder(folder: Path) -> Path:
    """The folder of the whole model: an adapter's base, else ``folder`` itself."""
    if not (folder / ADAPTER).is_file():
        return folder
    base = Path(json.loads((folder / ADAPTER).read_text())["base_model_name_or_path"])
    if not (base / MODEL).is_file():
        raise BadInput(f"the adapter in {folder} was made for the model in {base}, which is gone")
    return base


def require_model(folder: Path) -> None:
    """Check that a folder holds a model, or an adapter whose model is there.

    Raises:
        BadInput: it does not.
    """
    if not (base_folder(folder) / MODEL).is_file():
        raise BadInput(f"{folder} is not a model folder: it has no {MODEL}")


def adapter_rank(folder: Path) -> int:
    """The rank of the LoRA adapter in a folder."""
    return int(json.loads((folder / ADAPTER).read_text())["r"])


def load_tokenizer(folder: Path | str) -> Any:
    """The tokenizer of a folder; nothing is downloaded.

    Raises:
        BadInput: it has none.
        MissingExtra: transformers is not installed.
    """
    try:
        from transformers import AutoTokenizer  # noqa: PLC0415  optional
    except ImportError as error:
        raise MissingExtra("a tokenizer", "vllm") from error
    folder = Path(folder)
    if not any(folder.glob("tokenizer*")):
        raise BadInput(
            f"{folder} has no tokenizer (tokenizer.json, tokenizer_config.json); copy those of "
            "the model it was made from"
        )
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise BadInput(f"cannot load the tokenizer in {folder}: {reason}") from error


def chat_template(folder: Path | str, **template: Any) -> ChatTemplate:
    """The renderer of a folder, with the stop tokens that its generation config adds.

    ``template`` are further arguments of :class:`agentgym.rendering.renderer.ChatTemplate`.
    """
    folder = Path(folder)
    generation = base_folder(folder) / "generation_config.json"
    ends = json.loads(generation.read_text()).get("eos_token_id") if generation.is_file() else None
    stops = ends if isinstance(ends, list) else [ends]
    return ChatTemplate(load_tokenizer(folder), stops, **template)
