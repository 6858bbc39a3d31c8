"""Checkpoints that survive a kill at any moment: written aside, checksummed, renamed into place.

checkpoints/step-000010/
    model/           Hugging Face folder: weights, config, tokenizer
    optimizer.pt     moments
    critic.pt        weights and moments of the critic, if there is one
    state.json       step and place in the task order
    manifest.json    sha256 of each file above; written last
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from safetensors import SafetensorError

from agentgym.errors import AgentGymError
from agentgym_trainers.learner.critic import Critic

MANIFEST = "manifest.json"


class State(BaseModel):
    """What is needed beside weights and moments; every seed is a function of it."""

    step: int = 0
    """Training steps that are done."""
    tasks_drawn: int = 0
    """Tasks taken from the task order, over all epochs."""
    sampled_tokens: int = 0
    """Tokens the policy has sampled for training."""


def save(
    folder: Path,
    model: Any,
    tokenizer: Any,
    optimizer: Any,
    critic: Critic | None,
    state: State,
    keep: int,
) -> Path:
    """Write ``folder/step-NNNNNN`` and delete all but the newest ``keep`` checkpoints.

    Raises:
        AgentGymError: it could not be written (a full disk); earlier checkpoints are untouched.
    """
    target = folder / f"step-{state.step:06d}"
    partial = folder / f".partial-{state.step:06d}"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        model.save_pretrained(partial / "model")
        tokenizer.save_pretrained(partial / "model")
        torch.save(optimizer.state_dict(), partial / "optimizer.pt")
        if critic is not None:
            torch.save((critic.state_dict(), critic.optimizer.state_dict()), partial / "critic.pt")
        (partial / "state.json").write_text(state.model_dump_json())
        sums = {str(f.relative_to(partial)): _sha256(f) for f in _files(partial)}
        (partial / MANIFEST).write_text(json.dumps(sums, indent=1))
        for file in _files(partial):
            _flush(file)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
        _flush(folder)
    except (OSError, RuntimeError, SafetensorError) as error:  # torch raises RuntimeError
        shutil.rmtree(partial, ignore_errors=True)
        raise AgentGymError(
            f"cannot save checkpoint {target}: {error}. Earlier checkpoints are untouched; free "
            "some space and run the same command again to go on from the last one"
        ) from error
    older = [old for old in _checkpoints(folder) if old != target]
    for old in older[: len(older) - (keep - 1)]:
        shutil.rmtree(old)
    return target


def newest(folder: Path) -> Path | None:
    """The newest checkpoint that is whole; damaged ones are named in a warning and passed over.

    Raises:
        AgentGymError: there are checkpoints, and all of them are damaged.
    """
    for checkpoint in reversed(_checkpoints(folder)):
        damage = _damage(checkpoint)
        if damage is None:
            return checkpoint
        warnings.warn(
            f"checkpoint {checkpoint} is damaged ({damage}); using the one before", stacklevel=2
        )
    if _checkpoints(folder):
        raise AgentGymError(
            f"every checkpoint in {folder} is damaged; delete that folder to start the run over"
        )
    return None


def read_state(checkpoint: Path) -> State:
    """The state of a checkpoint."""
    return State.model_validate_json((checkpoint / "state.json").read_bytes())


def read_optimizer(checkpoint: Path, optimizer: torch.optim.Optimizer) -> None:
    """Put the moments of a checkpoint into ``optimizer``."""
    optimizer.load_state_dict(torch.load(checkpoint / "optimizer.pt", weights_only=True))


def read_critic(checkpoint: Path, critic: Critic) -> None:
    """Put weights and moments of a checkpoint into ``critic``."""
    weights, moments = torch.load(checkpoint / "critic.pt", weights_only=True)
    critic.load_state_dict(weights)
    critic.optimizer.load_state_dict(moments)


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"))


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.is_file())


def _damage(checkpoint: Path) -> str | None:
    try:
        sums = json.loads((checkpoint / MANIFEST).read_bytes())
        for name, expected in dict(sums).items():
            if _sha256(checkpoint / name) != expected:
                return f"{name} has changed"
    except (OSError, ValueError, TypeError) as error:
        return str(error)
    return None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """To the disk itself, so that a rename never outlives what it names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
