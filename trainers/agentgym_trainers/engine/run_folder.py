"""The folder a run leaves: its config and versions, and whether a command may go on from it."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tomli_w

from agentgym.config import read_toml
from agentgym.errors import AgentGymError, BadInput
from agentgym_trainers.config import TrainConfig

PACKAGES = ("agentgym-lab", "gymnasium", "numpy", "torch", "transformers")
MAY_CHANGE = ("run_dir", "steps", "sampled_tokens")  # more of them lengthen a run


def open_run(config: TrainConfig) -> Path:
    """Make the run folder, or check that the run in it has these settings.

    Raises:
        BadInput: the folder holds a run with other settings; each is named.
        AgentGymError: the folder cannot be written.
    """
    folder = config.run_dir
    tables = config.model_dump(mode="json", exclude_none=True)
    if (folder / "config.toml").exists():
        former = read_toml(folder / "config.toml")
        changed = [
            f"{key}: {old!r} there, {new!r} now"
            for key, old, new in _differences(former, tables)
            if key not in MAY_CHANGE
        ]
        if changed:
            raise BadInput(
                f"{folder} holds a run with other settings:\n  " + "\n  ".join(changed) + "\n"
                "choose another run_dir, or delete that folder to start over"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(tomli_w.dumps(tables))
        (folder / "versions.json").write_text(json.dumps(versions(), indent=1))
    except OSError as error:
        raise AgentGymError(f"cannot write the run folder {folder}: {error}") from error
    return folder


def versions() -> dict[str, str]:
    """What the run was made with."""
    found = {"python": sys.version.split()[0], "machine": platform.platform()}
    found |= {name: version(name) for name in PACKAGES}
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return found | ({"git": git.stdout.strip()} if git.returncode == 0 else {})


def _differences(old: Any, new: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _differences(
                old.get(name), new.get(name), f"{key}.{name}" if key else str(name)
            )
    elif old != new:
        yield key, old, new
