"""Policies by name: what the command line calls ``--policy``."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from agentgym.config import read_toml
from agentgym.context import Context, ContextConfig
from agentgym.errors import BadInput, MissingExtra
from agentgym.policy import Policy
from agentgym.policy.scripted import expert_policy, random_policy

FORMS = "`random`, `expert`, `local:FOLDER`, or the folder of a run, a checkpoint or a model"


class Named(NamedTuple):
    """A policy and what belongs to it."""

    label: str
    policy: Policy
    context: Context | None
    """What a trained policy saw of the past in training; None when nothing says."""


def policy_of(spec: str, *, device: str = "cpu") -> Named:
    """The policy that ``spec`` names: see ``FORMS``. A run's newest checkpoint is taken.

    Raises:
        BadInput: there is no such policy or folder, or no model in it.
        MissingExtra: it is a model, and torch is not installed.
    """
    match spec:
        case "random":
            return Named(spec, random_policy(), None)
        case "expert":
            return Named(spec, expert_policy(), None)
    folder = Path(spec.removeprefix("local:"))
    model = model_folder(folder)
    try:
        from agentgym.policy.local import LocalPolicy  # noqa: PLC0415  torch is optional
    except ImportError as error:
        raise MissingExtra(f"the model in {model}", "train") from error
    return Named(spec, LocalPolicy.from_folder(model, device=device), _context(model))


def model_folder(folder: Path) -> Path:
    """The Hugging Face folder in a run, checkpoint or model folder.

    Raises:
        BadInput: there is none; the message says what was looked for.
    """
    if not folder.is_dir():
        raise BadInput(f"no policy or folder {str(folder)!r}; a policy is {FORMS}")
    checkpoints = sorted(folder.glob("checkpoints/step-*/model"), reverse=True)
    for candidate in (folder, folder / "model", *checkpoints):
        if (candidate / "config.json").is_file():
            return candidate
    raise BadInput(
        f"no model in {folder}: neither config.json (a model), model/ (a checkpoint) nor "
        "checkpoints/step-*/model/ (a run) is there; has the run saved a checkpoint yet?"
    )


def _context(model: Path) -> Context | None:
    """The context of the run that a checkpoint lies in: RUN/checkpoints/step-NNNNNN/model."""
    config = model.resolve().parent.parent.parent / "config.toml"
    if model.resolve().parent.parent.name != "checkpoints" or not config.is_file():
        return None
    table = read_toml(config).get("context", {"kind": "full"})
    try:
        context: Context = TypeAdapter(ContextConfig).validate_python(table)
    except ValidationError as error:
        raise BadInput(f"[context] of {config} is not a context: {error}") from error
    return context
