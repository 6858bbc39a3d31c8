"""Checkpoints that survive a kill at any moment: whole or not there, and checksummed.

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
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from pydantic import BaseModel

from agentgym.errors import AgentGymError, BadInput
from agentgym_trainers.learner.critic import Critic
from agentgym_trainers.run.whole import files, save_model, whole_folder

MANIFEST = "manifest.json"
NEEDED = {"state.json", "optimizer.pt"}


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
    with whole_folder(target) as partial:
        save_model(model, tokenizer, partial / "model")
        _write(optimizer.state_dict(), partial / "optimizer.pt")
        if critic is not None:
            _write((critic.state_dict(), critic.optimizer.state_dict()), partial / "critic.pt")
        (partial / "state.json").write_text(state.model_dump_json())
        sums = {str(file.relative_to(partial)): _sha256(file) for file in files(partial)}
        (partial / MANIFEST).write_text(json.dumps(sums, indent=1))
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
    """The state of a checkpoint.

    Raises:
        BadInput: another version of agentgym saved it; the message says what is lacking.
    """
    with _understanding(checkpoint / "state.json") as file:
        state = State.model_validate_json(file.read_bytes())
        if lacking := State.model_fields.keys() - state.model_fields_set:
            raise ValueError(f"it lacks {', '.join(sorted(lacking))}")
    return state


def read_optimizer(checkpoint: Path, optimizer: torch.optim.Optimizer) -> None:
    """Put the moments of a checkpoint into ``optimizer``.

    Raises:
        BadInput: they are those of another optimizer or model.
    """
    with _understanding(checkpoint / "optimizer.pt") as file:
        optimizer.load_state_dict(torch.load(file, weights_only=True))


def read_critic(checkpoint: Path, critic: Critic) -> None:
    """Put weights and moments of a checkpoint into ``critic``.

    Raises:
        BadInput: there are none, or they are those of another critic.
    """
    with _understanding(checkpoint / "critic.pt") as file:
        weights, moments = torch.load(file, weights_only=True)
        critic.load_state_dict(weights)
        critic.optimizer.load_state_dict(moments)


@contextmanager
def _understanding(file: Path) -> Iterator[Path]:
    """Whatever is wrong with a file that is not damaged: another version wrote it."""
    try:
        yield file
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, UnpicklingError) as error:
        raise BadInput(
            f"this version of agentgym cannot go on from {file}: {error}. versions.json of the run "
            "says which version saved it; go on with that one, or begin anew in another run_dir"
        ) from error


def _write(tensors: Any, file: Path) -> None:
    try:
        with file.open("wb") as stream:
            torch.save(tensors, stream)
    except RuntimeError as error:  # which is what torch makes of a full disk, now and then
        raise OSError(f"{file.name} could not be written to its end: {error}") from error


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"))


def _damage(checkpoint: Path) -> str | None:
    try:
        sums = dict(json.loads((checkpoint / MANIFEST).read_bytes()))
        for name, expected in sums.items():
            if _sha256(checkpoint / name) != expected:
                return f"{name} has changed"
        if lacking := NEEDED - sums.keys():
            return f"{MANIFEST} does not name {', '.join(sorted(lacking))}"
    except (OSError, ValueError, TypeError) as error:
        return str(error)
    return None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
