"""Which settings of a run go together; the others are refused with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from agentgym.credit import Credit
from agentgym_trainers.credit.pass_at_k import PassAtK
from agentgym_trainers.objectives.correction import Correction
from agentgym_trainers.objectives.objective import Objective
from agentgym_trainers.rollouts.rollouts import Rollouts
from agentgym_trainers.shaping.shaping import Shaping


class Settings(Protocol):
    """The tables of a run that must go together; ``TrainConfig`` has them, and more."""

    @property
    def rollouts(self) -> Rollouts: ...
    @property
    def credit(self) -> Credit: ...
    @property
    def objective(self) -> Objective: ...
    @property
    def shaping(self) -> Sequence[Shaping]: ...
    @property
    def correction(self) -> Correction: ...
    @property
    def replay(self) -> object | None: ...
    @property
    def model(self) -> Any: ...
    @property
    def optimizer(self) -> Any: ...
    @property
    def policy(self) -> Any: ...


def require_fit(config: Settings) -> None:
    """Check that the parts of a config work together.

    Raises:
        ValueError: they do not; the message says why, and what to change.
    """
    _parts(config)
    _engine(config)


def _parts(config: Settings) -> None:
    if config.rollouts.branches:
        _shared_prefixes(config)
    if "entropies" in config.credit.needs:
        _entropies(config, f"credit {config.credit.name!r} weighs")
    if config.shaping and not config.credit.shaped:
        raise ValueError(
            f"credit {config.credit.name!r} does not read the reward, which is what "
            f"shaping {config.shaping[0].name!r} changes"
        )
    if isinstance(config.credit, PassAtK) and config.credit.k >= config.rollouts.group_size:
        raise ValueError(
            f"credit.k = {config.credit.k} of rollouts.group_size = {config.rollouts.group_size}: "
            "a group would be one draw, and every advantage 0; a larger group or a smaller k"
        )
    if config.replay and config.rollouts.dynamic:
        raise ValueError("rollouts.dynamic drops the groups to which [replay] would add a success")
    updates = config.optimizer.epochs * config.optimizer.minibatches
    if config.objective.llds and updates == 1 and not config.rollouts.max_staleness:
        raise ValueError(
            "objective.llds compares with the policy that sampled, and in the only update of a "
            "step that is the current policy; set optimizer.minibatches or epochs above 1"
        )


def _shared_prefixes(config: Settings) -> None:
    shared = f"rollouts {config.rollouts.name!r} share prefixes, and a shared token"
    if config.objective.by_sequence:
        raise ValueError(
            f"{shared} has one sequence ratio per trajectory, but objective "
            f"{config.objective.name!r} uses one per row; choose another objective"
        )
    if config.objective.llds and config.objective.llds.gate == "response":
        raise ValueError(
            f"{shared} belongs to several responses: set objective.llds.gate to 'action' or 'token'"
        )
    over = {bound.over for bound in config.correction.reject} - {"token"}
    if over or (config.correction.weights != "none" and config.correction.level == "sequence"):
        raise ValueError(f"{shared} is corrected by itself: set level and over to 'token'")
    _entropies(config, f"rollouts {config.rollouts.name!r} branch")


def _entropies(config: Settings, who: str) -> None:
    if config.policy.engine != "local" and not config.policy.vllm.entropy_top:
        raise ValueError(
            f"{who} by entropy, which vLLM reports only on request: policy.vllm.entropy_top = 10"
        )


def _engine(config: Settings) -> None:
    if config.policy.weights == "adapter" and config.model.lora is None:
        raise ValueError(
            "policy.weights = 'adapter' needs adapters: a table [model.lora], which may be empty"
        )
    if config.model.dtype != "float32" and config.model.lora is None:
        raise ValueError("model.dtype is for frozen weights; without [model.lora] there are none")
    if config.policy.engine == "local" and config.optimizer.precision != "float32":
        raise ValueError(
            "the local policy samples in float32, so optimizer.precision must be float32 too; "
            "policy.engine = 'vllm' measures the difference and can correct for it"
        )
    if config.rollouts.max_staleness and config.policy.engine == "local":
        raise ValueError(
            "the local policy samples from the weights that are trained, so it cannot run "
            "ahead: set rollouts.max_staleness = 0 (or policy.engine = 'vllm', with its own copy)"
        )
    if config.policy.engine == "vllm-in-process":
        _in_process(config)


def _in_process(config: Settings) -> None:
    if config.rollouts.max_staleness and config.policy.vllm.sleep:
        raise ValueError(
            "an engine that sleeps during updates cannot run ahead: rollouts.max_staleness "
            "must be 0, or policy.vllm.sleep = false with memory for both"
        )
    if config.policy.weights in {"nccl", "ipc"}:
        raise ValueError(
            f"policy.weights = {config.policy.weights!r} needs a server (policy.engine = 'vllm'); "
            "an engine in process takes 'folder' or 'adapter'"
        )
    if config.policy.vllm.urls:
        raise ValueError("policy.vllm.urls need policy.engine = 'vllm'")
