"""The configuration of a training run: one typed object, read from TOML."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, SerializeAsAny, model_validator

from agentgym.config import SETTINGS, override, read_toml, validate
from agentgym.context.context import Context, FullHistory
from agentgym.credit import Credit
from agentgym.parts import part_class, part_of
from agentgym.paths import expanded
from agentgym.policy import Sampling
from agentgym.policy.vllm import EngineConfig, InFlight
from agentgym.rendering.settings import TemplateConfig
from agentgym_trainers.composition import require_fit
from agentgym_trainers.objectives.correction import Correction
from agentgym_trainers.objectives.objective import Objective
from agentgym_trainers.objectives.ppo_clip import PPOClip
from agentgym_trainers.rollouts.independent import Independent
from agentgym_trainers.rollouts.rollouts import Positive, Rollouts, Share
from agentgym_trainers.rollouts.success_replay import SuccessReplay
from agentgym_trainers.shaping.shaping import Shaping

Decay = Annotated[float, Field(ge=0, lt=1)]
UserPath = Annotated[Path, AfterValidator(expanded)]


class Table(BaseModel):
    """A table of the config file."""

    model_config = SETTINGS


class EnvConfig(Table):
    """The environment."""

    id: str = "agentgym/WebShop-v0"
    """The environment's id, as `agentgym list` shows it."""
    kwargs: dict[str, Any] = {}
    """Arguments of the environment's constructor, e.g. level = "easy"."""
    train_split: str = "train"
    """The split of the training tasks."""
    test_split: str = "test"
    """The split of the held-out tasks for evaluation."""
    tasks: UserPath | None = None
    """Train only on the tasks in this file: one task id per line; `agentgym select` writes it."""


class LoRA(Table):
    """Train low-rank adapters instead of the model's own weights."""

    rank: Annotated[int, Field(ge=1)] = 16
    """Rows of A and columns of B."""
    alpha: Annotated[int, Field(ge=1)] = 32
    """The output of an adapter is multiplied by alpha / rank."""
    targets: list[str] | Literal["all-linear"] = "all-linear"
    """Modules that get an adapter, e.g. ["q_proj", "v_proj"]; all-linear: all but the head."""


class ModelConfig(Table):
    """The language model."""

    path: str = "tiny"
    """A local Hugging Face folder, of a model or of a LoRA adapter; "tiny" creates a small model
    and fits a tokenizer to the demonstrations; "smollm2" is SmolLM2-135M-Instruct from the package
    index. Nothing is downloaded from a model hub."""
    device: str = "cpu"
    """Device for training: cpu, cuda, cuda:1, ..."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Data type of frozen weights; with [model.lora], bfloat16 halves the model's memory."""
    lora: LoRA | None = None
    """Train low-rank adapters if there is a table [model.lora], which may be empty. Where path is
    an adapter's folder, training goes on with that adapter, with or without this table; keys that
    are set must agree with it, the others are the adapter's."""
    vocabulary: Positive = 1024
    """Largest vocabulary of the tiny model's tokenizer, in tokens."""
    width: Positive = 128
    """Hidden size of the tiny model."""
    layers: Positive = 2
    """Number of layers of the tiny model."""
    context: Positive = 2048
    """Context length of the tiny model, in tokens."""


class WarmStartConfig(Table):
    """Supervised training on demonstrations before RL."""

    demonstrations: Annotated[int, Field(ge=0)] = 0
    """Episodes of the environment's expert to imitate; 0: no imitation."""
    noise: Share = 0.0
    """Probability that the demonstrator acts randomly; random actions are imitated too."""
    env_kwargs: dict[str, Any] = {}
    """Arguments of the environment for demonstrations; they override [env.kwargs]."""
    trajectories: list[UserPath] = []
    """Trajectory files (JSONL) to imitate, besides or instead of the expert's episodes."""
    epochs: Positive = 4
    """Epochs over the demonstrations."""
    batch_tokens: Positive = 8192
    """Tokens in one update."""
    lr: Annotated[float, Field(gt=0)] = 2e-3
    """Peak learning rate; a short linear warm-up, then cosine decay to a tenth."""


class PolicyConfig(Table):
    """The engine that samples actions."""

    engine: Literal["local", "vllm", "vllm-in-process"] = "local"
    """local: transformers, with the weights that are trained. vllm: vLLM servers. vllm-in-process:
    vLLM inside the trainer, on the same GPU; it frees its memory during an update."""
    weights: Literal["folder", "adapter", "nccl", "ipc"] = "folder"
    """How the trainer sends new weights to vLLM. folder: all weights, as files in shared memory;
    works on every build. adapter: only those of [model.lora]. nccl: all, to another GPU. ipc: all,
    on the same GPU."""
    in_flight: InFlight = "keep"
    """Unfinished completions at a weight update: wait (finish them first), keep (pause them, then
    continue with the new weights) or abort (return what is sampled, then request the rest)."""
    template: TemplateConfig = TemplateConfig()
    vllm: EngineConfig = EngineConfig()
    """Settings of the vLLM servers, or of vLLM in process."""


class OptimizerConfig(Table):
    """AdamW."""

    lr: Annotated[float, Field(gt=0)] = 3e-4
    """Learning rate."""
    schedule: Literal["constant", "linear"] = "linear"
    """constant, or linear: decays to zero over the run."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Length of the linear warm-up, in training steps."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Decoupled weight decay."""
    betas: tuple[Decay, Decay] = (0.9, 0.95)
    """Decay rates of the moment estimates."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """The gradient is scaled down to this norm."""
    minibatches: Positive = 1
    """Updates per epoch over one batch of trajectories."""
    epochs: Positive = 1
    """Epochs over one batch of trajectories."""
    micro_tokens: Positive = 8192
    """Padded tokens in one forward pass; affects memory and speed, not the update."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of matrix products (autocast); trained weights, moments and logprobs are always float32."""
    checkpointing: bool = False
    """Gradient checkpointing: recompute activations in the backward pass. A third more
    computation, much less memory, the same update."""


class CriticConfig(Table):
    """How the critic is trained."""

    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate of the critic."""
    epochs: Annotated[int, Field(ge=1)] = 2
    """Epochs of the critic over one batch of trajectories."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """The gradient is scaled down to this norm."""


class EvaluationConfig(Table):
    """Success on held-out tasks."""

    every: Annotated[int, Field(ge=0)] = 0
    """Training steps between evaluations; 0: evaluate only before and after training."""
    tasks: Positive = 128
    """Number of held-out tasks; the first of the test split."""
    samples: Positive = 1
    """Sampled episodes per task; more than one gives pass@k."""
    sampling: Sampling | None = None
    """Sampling settings, by default those of training; greedy episodes are always played too."""


class CheckpointConfig(Table):
    """Checkpoints, from which a run resumes."""

    every: Positive = 10
    """Training steps between checkpoints."""
    keep: Annotated[int, Field(ge=2)] = 2
    """Number of newest checkpoints to keep; at least two, in case one is damaged."""


class TrainConfig(Table):
    """A training run."""

    run_dir: UserPath = Path("runs/train")
    """The folder for everything a run writes; a run resumes from the checkpoints in it."""
    seed: Annotated[int, Field(ge=0)] = 0
    """The same seed, config, machine and number of threads give the same run."""
    steps: Annotated[int, Field(ge=0)] = 100
    """Number of training steps."""
    sampled_tokens: Annotated[int, Field(ge=1)] | None = None
    """Stop after the training step in which this many tokens have been sampled in all."""
    env: EnvConfig = EnvConfig()
    model: ModelConfig = ModelConfig()
    warm_start: WarmStartConfig = WarmStartConfig()
    rollouts: SerializeAsAny[Rollouts] = Independent()
    """How the trajectories of a group are made."""
    context: SerializeAsAny[Context] = FullHistory()
    """Which past turns the policy sees."""
    credit: SerializeAsAny[Credit]
    """The advantage of each step or token. credit.name selects one of the parts below; rollouts,
    context and objective work the same way. As options: --credit.name=gigpo --credit.gamma=0.9"""
    objective: SerializeAsAny[Objective] = PPOClip()
    """The loss, given advantages."""
    shaping: tuple[SerializeAsAny[Shaping], ...] = ()
    """Changes of the rewards before advantages are computed, in order: tables [[shaping]]."""
    critic: CriticConfig = CriticConfig()
    """The value function, for credit that needs one."""
    replay: SuccessReplay | None = None
    """Add earlier successes to groups that failed, if there is a table [replay] (may be empty)."""
    correction: Correction = Correction()
    """Correction of the difference between the policy that sampled and the one that is trained."""
    policy: PolicyConfig = PolicyConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        require_fit(self)
        return self


DEFAULT_PARTS = {
    "rollouts": {"name": "independent"},
    "context": {},
    "credit": {},
    "objective": {"name": "ppo_clip"},
}
"""The kinds of parts that a run has one of, and what a table without a name means."""


def load(
    path: Path | str, arguments: Sequence[str] = (), say: Callable[[str], object] = print
) -> TrainConfig:
    """Read a config file, with overrides from the command line.

    Where ``--credit.name=hgpo`` chooses another credit than the file, keys of the file's [credit]
    that hgpo does not have are left out; so it is with rollouts, context and objective.

    Args:
        path: a TOML file.
        arguments: overrides, each ``--table.key=value``.
        say: told which keys are left out, in a line for each table.

    Raises:
        UnknownName: there is no such part.
        BadInput: something else is wrong; the message names each wrong key.
    """
    tables = read_toml(path)
    for line in _left_out(tables, arguments):
        say(f"{line}; left out of {path}")
    tables = override(tables, arguments)
    for kind, default in DEFAULT_PARTS.items():
        if isinstance(table := tables.get(kind), dict):
            tables[kind] = part_of(kind, default | table, f"{path}, [{kind}]")
    if isinstance(shapings := tables.get("shaping"), list):
        tables["shaping"] = [part_of("shaping", s, f"{path}, [[shaping]]") for s in shapings]
    return validate(TrainConfig, tables, str(path))


def _left_out(tables: dict[str, Any], arguments: Sequence[str]) -> Iterator[str]:
    """Take from the tables of a file what the parts that are chosen instead do not have."""
    given = override({}, arguments)
    for kind, default in DEFAULT_PARTS.items():
        table, name = tables.get(kind), _name(given.get(kind))
        if not isinstance(table, dict) or name is None or name == _name(default | table):
            continue
        keys = [key for key in table if key not in part_class(kind, name).model_fields]
        for key in keys:
            del table[key]
        if keys:
            yield f"{kind} {name!r} has no {', '.join(keys)}"


def _name(table: Any) -> str | None:
    """The part that a table names; None where it names none."""
    name = table.get("name") if isinstance(table, dict) else None
    return name if isinstance(name, str) else None
