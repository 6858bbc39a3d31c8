"""Model folders as transformers writes them; what can be known of one without loading its weights.

A folder with ``adapter_config.json`` holds a LoRA adapter; its base model is a folder of its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agentgym.errors import BadInput
from agentgym.paths import expanded
from agentgym.policy.smollm2 import smollm2
from agentgym.policy.tokenizer import load_tokenizer
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


def require_adapter(folder: Path) -> None:
    """Check that an adapter is plain LoRA, whose product can be added to the weights it adapts.

    Raises:
        BadInput: it is of another kind, or trains more than that.
    """
    settings = json.loads((folder / ADAPTER).read_text())
    kind = settings.get("peft_type", "LORA")
    more = [name for name in ("use_dora", "modules_to_save") if settings.get(name)]
    more += ["bias"] if settings.get("bias", "none") != "none" else []
    if kind != "LORA" or more:
        also = f" with {', '.join(more)}" if more else ""
        raise BadInput(
            f"the adapter in {folder} is {kind}{also}; only plain LoRA can be merged exactly into "
            "the weights that are sent to an engine. Merge it into its base model with PEFT "
            "(merge_and_unload, save_pretrained) and name that folder"
        )


def adapter_rank(folder: Path) -> int:
    """The rank of the LoRA adapter in a folder."""
    return int(json.loads((folder / ADAPTER).read_text())["r"])


def chat_template(folder: Path | str, **template: Any) -> ChatTemplate:
    """The renderer of a folder, with the stop tokens that its configs add.

    ``template`` are further arguments of :class:`agentgym.rendering.renderer.ChatTemplate`.
    """
    folder = Path(folder)
    return ChatTemplate(load_tokenizer(folder), _ends(base_folder(folder)), **template)


def _ends(folder: Path) -> list[int | None]:
    """What the model's generation config names as ends, else its config."""
    for file in (folder / "generation_config.json", folder / MODEL):
        ends = json.loads(file.read_text()).get("eos_token_id") if file.is_file() else None
        if ends is not None:
            return ends if isinstance(ends, list) else [ends]
    return []
