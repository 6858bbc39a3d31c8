"""What must hold before anything else can be tried."""

from __future__ import annotations

import json

from agentgym.policy.folder import base_folder
from agentgym_trainers.model_check.subject import Subject

OURS = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")


def whole(subject: Subject) -> str:
    """It is a decoder in full precision, and its files hold every weight of its config."""
    model, _ = subject.loaded
    size = sum(weight.numel() for weight in model.parameters())
    said = f"{type(model).__name__}, {size / 1e6:,.1f}M parameters"
    return f"{said}, an adapter on {base_folder(subject.folder)}" if _adapter(subject) else said


def _adapter(subject: Subject) -> bool:
    return base_folder(subject.folder) != subject.folder


def generation(subject: Subject) -> str:
    """Sampling settings are those of the run, not of the folder."""
    file = base_folder(subject.folder) / "generation_config.json"
    settings = json.loads(file.read_text()) if file.is_file() else {}
    named = [f"{key} = {settings[key]}" for key in OURS if settings.get(key) is not None]
    return f"{', '.join(named)} of generation_config.json are not used" if named else "none there"


CHECKS = (whole,)
