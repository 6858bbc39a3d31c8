"""The configuration of a training run: one typed object, read from TOML."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, SerializeAsAny, model_validator

from agentgym.config import SETTINGS, override, read_toml, validate
from agentgym.context.context import Context, FullHistory
from agentgym.credit import Credit
from agentgym.parts import part_class, part_of
from agentgym.policy import Sampling
from agentgym.policy.vllm import EngineConfig, InFlight
from agentgym.rendering.drift import OnRewrite
from agentgym_trainers.composition import require_fit
from agentgym_trainers.objectives.correction import Correction
from agentgym_trainers.objectives.objective import Objective
from agentgym_trainers.objectives.ppo_clip import PPOClip
from agentgym_trainers.rollouts.independent import Independent
from agentgym_trainers.rollouts.rollouts import Positive, Rollouts, Share
from agentgym_trainers.rollouts.success_replay import SuccessReplay
from agentgym_trainers.shaping.shaping import Shaping

Decay = Annotated[float, Field(ge=0, lt=1)]


class Table(BaseModel):
    """A table of the config file."""

    model_config = SETTINGS


class EnvConfig(Table):
    """Where the agent acts."""

    id: str = "agentgym/WebShop-v0"
    """As `agentgym list` shows it."""
    kwargs: dict[str, Any] = {}
    """Arguments of the environment, e.g. level = "easy"."""
    train_split: str = "train"
    """Tasks to train on."""
    test_split: str = "test"
    """Held-out tasks to evaluate on."""
    tasks: Path | None = None
    """Train on these alone: a file of task ids, a line each; `agentgym select` writes one."""


class LoRA(Table):
    """Train low-rank adapters instead of the model's own weights."""

    rank: Annotated[int, Field(ge=1)] = 16
    """Rows of A and columns of B."""
    alpha: Annotated[int, Field(ge=1)] = 32
    """The adapters' output is scaled by alpha / rank."""
    targets: list[str] | Literal["all-linear"] = "all-linear"
    """The modules that get one, e.g. ["q_proj", "v_proj"]; all-linear leaves the head alone."""


class ModelConfig(Table):
    """The language model."""

    path: str = "tiny"
    """A local Hugging Face folder; "tiny" makes a small model whose tokenizer is fitted to the
    demonstrations, "smollm2" is SmolLM2-135M-Instruct from the package index; nothing is fetched
    from a model hub."""
    device: str = "cpu"
    """Where it is trained: cpu, cuda, cuda:1, ..."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of weights that are not trained; bfloat16 halves the memory of a model under [model.lora]."""
    lora: LoRA | None = None
    """Train low-rank adapters: a table [model.lora], which may be empty."""
    vocabulary: Positive = 1024
    """Tokens of the tiny model's tokenizer, at most."""
    width: Positive = 128
    """Hidden size of the tiny model."""
    layers: Positive = 2
    """Layers of the tiny model."""
    context: Positive = 2048
    """Longest sequence of the tiny model, in tokens."""


class WarmStartConfig(Table):
    """Imitation before reinforcement."""

    demonstrations: Annotated[int, Field(ge=0)] = 0
    """Episodes of the environment's expert to imitate; 0 starts from the model as it is."""
    noise: Share = 0.0
    """Probability that a demonstrated action is random instead, and imitated all the same."""
    env_kwargs: dict[str, Any] = {}
    """Arguments of the demonstrating environment, over [env.kwargs]."""
    trajectories: list[Path] = []
    """Trajectory files (JSONL) to imitate, beside or instead of the expert's."""
    epochs: Positive = 4
    """Passes over the demonstrations."""
    batch_tokens: Positive = 8192
    """Tokens of one update."""
    lr: Annotated[float, Field(gt=0)] = 2e-3
    """Peak learning rate; a short linear warm-up, then cosine decay to a tenth."""


class TemplateConfig(Table):
    """How messages become prompts."""

    on_rewrite: OnRewrite = "fork"
    """When the chat template writes the past otherwise than before: fork (render the prompt anew,
    a new segment), keep (append to what stands there) or error."""
    chat_template_kwargs: dict[str, Any] = {}
    """Variables of the template, e.g. enable_thinking = false."""


class PolicyConfig(Table):
    """What samples the actions."""

    engine: Literal["local", "vllm", "vllm-in-process"] = "local"
    """local: transformers, on the trained model itself. vllm: servers. vllm-in-process: vLLM on
    the GPU that trains, which gives it the memory during an update."""
    weights: Literal["folder", "adapter", "nccl", "ipc"] = "folder"
    """How new weights get to vLLM. folder: all of them, through memory that both sides see, on
    every build. adapter: those of [model.lora] alone. nccl: between GPUs. ipc: on one GPU."""
    in_flight: InFlight = "keep"
    """Unfinished completions at an update: wait (finish first), keep (freeze, then go on) or abort
    (give back, ask for the rest)."""
    template: TemplateConfig = TemplateConfig()
    vllm: EngineConfig = EngineConfig()
    """The servers, or the engine in process."""


class OptimizerConfig(Table):
    """AdamW."""

    lr: Annotated[float, Field(gt=0)] = 3e-4
    """Learning rate of reinforcement."""
    schedule: Literal["constant", "linear"] = "linear"
    """linear decays to zero over the run."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Training steps of linear warm-up."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Decoupled weight decay."""
    betas: tuple[Decay, Decay] = (0.9, 0.95)
    """Decay of the moment estimates."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """The gradient is scaled down to this norm."""
    minibatches: Positive = 1
    """Updates from one batch of trajectories, per epoch."""
    epochs: Positive = 1
    """Passes over one batch of trajectories."""
    micro_tokens: Positive = 8192
    """Padded tokens of one forward pass; changes memory and speed, not the update."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the matrix products (autocast); weights, moments and logprobs are always float32."""
    checkpointing: bool = False
    """Keep no activations inside a layer and compute them again in the backward pass: a third
    more computation, much less memory, the same update."""


class CriticConfig(Table):
    """How the critic learns."""

    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Its learning rate."""
    epochs: Annotated[int, Field(ge=1)] = 2
    """Passes over the batch of a training step."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """The gradient is scaled down to this norm."""


class EvaluationConfig(Table):
    """Success on held-out tasks."""

    every: Annotated[int, Field(ge=0)] = 0
    """Training steps between evaluations; 0: before and after only."""
    tasks: Positive = 128
    """Held-out tasks, the first of the split."""
    samples: Positive = 1
    """Sampled episodes of each task; more give pass@k."""
    sampling: Sampling | None = None
    """How sampled episodes are drawn, by default as in training; greedy ones come besides."""


class CheckpointConfig(Table):
    """What a killed run goes on from."""

    every: Positive = 10
    """Training steps between checkpoints."""
    keep: Annotated[int, Field(ge=2)] = 2
    """Newest checkpoints to keep; two, so that a damaged one has a predecessor."""


class TrainConfig(Table):
    """A training run."""

    run_dir: Path = Path("runs/train")
    """Everything the run leaves; a run that finds its own checkpoints here goes on."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Same seed, config, machine and number of threads: same run."""
    steps: Annotated[int, Field(ge=0)] = 100
    """Training steps."""
    sampled_tokens: Annotated[int, Field(ge=1)] | None = None
    """Stop after the step in which the policy has sampled this many tokens for training."""
    env: EnvConfig = EnvConfig()
    model: ModelConfig = ModelConfig()
    warm_start: WarmStartConfig = WarmStartConfig()
    rollouts: SerializeAsAny[Rollouts] = Independent()
    """How the trajectories of a group come about."""
    context: SerializeAsAny[Context] = FullHistory()
    """What the model sees of the past."""
    credit: SerializeAsAny[Credit]
    """Who gets how much of the praise; credit.name chooses one of those below, and so it is with
    rollouts, context and objective."""
    objective: SerializeAsAny[Objective] = PPOClip()
    """The loss, given advantages."""
    shaping: tuple[SerializeAsAny[Shaping], ...] = ()
    """Changes of the rewards before credit is given, in order: tables [[shaping]]."""
    critic: CriticConfig = CriticConfig()
    """The value function; only of credit that needs one."""
    replay: SuccessReplay | None = None
    """Bring former successes into groups that failed: a table [replay], which may be empty."""
    correction: Correction = Correction()
    """What is done about the difference between sampling and trained policy."""
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
