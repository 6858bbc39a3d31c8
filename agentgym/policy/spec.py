"""Policies by name: what the command line calls ``--policy``."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from agentgym.config import read_toml, validate
from agentgym.context.context import Context
from agentgym.errors import BadInput, MissingExtra
from agentgym.parts import part_of
from agentgym.policy import Policy
from agentgym.policy.chat import ChatPolicy
from agentgym.policy.folder import adapter_rank, base_folder, model_folder, named_folder
from agentgym.policy.scripted import expert_policy, random_policy
from agentgym.policy.vllm import EngineConfig
from agentgym.rendering.settings import TemplateConfig

FORMS = (
    "a policy is `random`, `expert`, the folder of a run, a checkpoint or a model (`smollm2` is "
    "one by name), `vllm:FOLDER`, `vllm:http://HOST:PORT` or `chat:MODEL@http://HOST/v1`"
)


@dataclass(frozen=True)
class Options:
    """What a name leaves open."""

    device: str = "cpu"
    """Where a model in this process runs."""
    engine: EngineConfig = field(default_factory=EngineConfig)
    """How vLLM runs."""
    input_price: float = 0.0
    """Of a chat server, for a million prompt tokens."""
    output_price: float = 0.0
    """... and for a million completion tokens."""
    say: Callable[[str], None] = print
    """Told what a server of ours does."""


class Named(NamedTuple):
    """A policy that can be opened, and what belongs to it."""

    label: str
    open: Callable[[], AbstractAsyncContextManager[Policy]]
    context: Context | None = None
    """What a trained policy saw of the past in training; None when nothing says."""


def policy_of(spec: str, options: Options = Options()) -> Named:
    """The policy that ``spec`` names: see ``FORMS``. A run's newest checkpoint is taken.

    Raises:
        BadInput: there is no such policy or folder, or no model in it.
    """
    kind, _, rest = spec.partition(":")
    match kind:
        case "random" | "expert":
            policy = random_policy() if kind == "random" else expert_policy()
            return Named(spec, partial(_ready, policy))
        case "chat":
            model, _, url = rest.rpartition("@")
            chat = ChatPolicy(
                url, model, input_price=options.input_price, output_price=options.output_price
            )
            return Named(spec, partial(_ready, chat))
        case "vllm" if rest.startswith("http"):
            return Named(spec, partial(_running, rest, options))
    folder = named_folder(rest if kind in {"local", "vllm"} and rest else spec)
    if not folder.is_dir():
        raise BadInput(f"no policy or folder {spec!r}; {FORMS}")
    model_or_adapter = model_folder(folder)
    opened = _started if kind == "vllm" else _local
    run = _run(model_or_adapter)
    return Named(
        spec,
        partial(opened, model_or_adapter, options, _template(run)),
        _context(run) if run else None,
    )


@asynccontextmanager
async def _ready(policy: Policy) -> AsyncIterator[Policy]:
    yield policy


@asynccontextmanager
async def _local(folder: Path, options: Options, template: TemplateConfig) -> AsyncIterator[Policy]:
    try:
        from agentgym.policy.local import LocalPolicy  # noqa: PLC0415  torch is optional
    except ImportError as error:
        raise MissingExtra(f"the model in {folder}", "train") from error
    yield LocalPolicy.from_folder(folder, device=options.device, template=dict(template))


@asynccontextmanager
async def _running(url: str, options: Options) -> AsyncIterator[Policy]:
    from agentgym.policy.vllm.policy import VLLMPolicy  # noqa: PLC0415  transformers is optional
    from agentgym.policy.vllm.server import Server  # noqa: PLC0415

    yield await VLLMPolicy.connect([Server(url, options.engine)], options.engine)


@asynccontextmanager
async def _started(
    folder: Path, options: Options, template: TemplateConfig
) -> AsyncIterator[Policy]:
    from agentgym.policy.vllm.policy import VLLMPolicy  # noqa: PLC0415
    from agentgym.policy.vllm.process import adapter_arguments, serving  # noqa: PLC0415

    base, arguments = base_folder(folder), []
    if base != folder:
        arguments = [*adapter_arguments(adapter_rank(folder)), "--lora-modules", f"policy={folder}"]
    kept = Path(tempfile.mkdtemp(prefix="agentgym-"))
    async with serving(
        base, options.engine, log=kept / "vllm.log", say=options.say, arguments=arguments
    ) as server:
        policy = await VLLMPolicy.connect(
            [server], options.engine, tokenizer=folder, template=dict(template)
        )
        if policy.capabilities.adapters:
            (policy.model,) = policy.capabilities.adapters
        yield policy
    shutil.rmtree(kept)  # after an error it stays, to be read


class _Run(NamedTuple):
    """The run that a checkpoint lies in: RUN/checkpoints/step-NNNNNN/model."""

    config: Path
    tables: dict[str, Any]


def _run(model: Path) -> _Run | None:
    """The run of a checkpoint; None for any other model."""
    config = model.resolve().parent.parent.parent / "config.toml"
    if model.resolve().parent.parent.name != "checkpoints" or not config.is_file():
        return None
    return _Run(config, read_toml(config))


def _context(run: _Run) -> Context | None:
    """What the policy of a run saw of the past."""
    table = run.tables.get("context")
    return cast(Context, part_of("context", table, f"[context] of {run.config}")) if table else None


def _template(run: _Run | None) -> TemplateConfig:
    """How the prompts of a run were written; the defaults for a model of no run."""
    if run is None:
        return TemplateConfig()
    table = run.tables.get("policy", {}).get("template", {})
    return validate(TemplateConfig, table, f"[policy.template] of {run.config}")
