"""What can be checked in a moment, before a run imports torch and makes anything."""

from __future__ import annotations

from agentgym.env.registry import make, require
from agentgym.policy.folder import base_folder, named_folder, require_model
from agentgym.trajectory import read_jsonl
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.run.adapter_folder import require_agreement
from agentgym_trainers.run.room import require_room, require_writable
from agentgym_trainers.run.run_folder import begun, require_same
from agentgym_trainers.run.tasks import tasks_and_tools


def require_ready(config: TrainConfig) -> None:
    """Check that the environment, the files and the run folder that a config names will do.

    The environment is made, to see whether it knows its level and its splits, but not reset.

    Raises:
        UnknownName: there is no such environment, level or split.
        BadInput: something else is not there, or is of another run.
        AgentGymError: the run folder cannot be written, or the disk has no room for a checkpoint.
    """
    require(config.env.id, **config.env.kwargs)
    require(config.env.id, **config.env.kwargs | config.warm_start.env_kwargs)
    require_writable(config.run_dir)
    require_same(config)
    if not begun(config.run_dir):
        _require_start(config)
    tasks_and_tools(config)
    if config.warm_start.demonstrations:
        make(config.env.id, **config.env.kwargs | config.warm_start.env_kwargs).close()


def _require_start(config: TrainConfig) -> None:
    """Check what only the beginning of a run needs."""
    for file in config.warm_start.trajectories:
        next(read_jsonl(file), None)
    if config.model.path in {"tiny", "smollm2"}:
        return
    folder = named_folder(config.model.path)
    require_model(folder)
    require_agreement(folder, config.model.lora)
    if config.model.lora is None and base_folder(folder) == folder:
        require_room(config.run_dir, folder)
