"""What can be checked in a moment, before a run imports torch and makes anything."""

from __future__ import annotations

from agentgym.env.registry import require
from agentgym.evaluation.selection import read_selection
from agentgym.policy.folder import named_folder, require_model
from agentgym.trajectory import read_jsonl
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.run.adapter_folder import require_agreement
from agentgym_trainers.run.run_folder import begun, require_same


def require_ready(config: TrainConfig) -> None:
    """Check that the environment, the files and the run folder that a config names will do.

    The environment is not made: whether it knows a split or a level shows when the run begins.

    Raises:
        UnknownName: there is no such environment.
        BadInput: something else is not there, or is of another run.
    """
    env, warm, model = config.env, config.warm_start, config.model
    require(env.id, **env.kwargs)
    require(env.id, **env.kwargs | warm.env_kwargs)
    if env.tasks:
        read_selection(env.tasks)
    require_same(config)
    if begun(config.run_dir):
        return
    for file in warm.trajectories:
        next(read_jsonl(file), None)
    if model.path not in {"tiny", "smollm2"}:
        folder = named_folder(model.path)
        require_model(folder)
        require_agreement(folder, model.lora)
