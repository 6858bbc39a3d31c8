"""The folder a run leaves: its config and versions, and whether a command may go on from it."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tomli_w
from filelock import FileLock, Timeout

from agentgym.config import read_toml
from agentgym.errors import AgentGymError, BadInput
from agentgym_trainers.config import TrainConfig

PACKAGES = ("agentgym-lab", "gymnasium", "numpy", "torch", "transformers")
MAY_CHANGE = (
    "run_dir",
    *("steps", "sampled_tokens"),  # more of them lengthen a run
    *("model.device", "optimizer.micro_tokens", "rollouts.max_failures", "evaluation.every"),
    *("checkpoint.every", "checkpoint.keep"),
)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder, so that no other process trains in it; a kill lets go of it.

    Raises:
        BadInput: another process holds it.
        AgentGymError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise BadInput(f"another process is training in {folder}") from None
    except OSError as error:
        raise AgentGymError(f"cannot write the run folder {folder}: {error}") from error
    try:
        yield
    finally:
        lock.release()


def begun(folder: Path) -> bool:
    """Whether a run folder has a checkpoint to go on from."""
    return any(folder.glob("checkpoints/step-*"))


def require_same(config: TrainConfig) -> None:
    """Check that the run in the folder, if it has begun, has these settings.

    Raises:
        BadInput: it has others; each is named.
    """
    folder = config.run_dir
    tables = config.model_dump(mode="json", exclude_none=True)
    if begun(folder):
        former = read_toml(folder / "config.toml")
        changed = [
            f"{key}: {old!r} there, {new!r} now"
            for key, old, new in _differences(former, tables)
            if key not in MAY_CHANGE
        ]
        if changed:
            raise BadInput(
                f"{folder} holds a run with other settings:\n  " + "\n  ".join(changed) + "\n"
                f"add --run_dir={folder.with_name('other')} to train beside it, or delete {folder} "
                "to start over"
            )


def record(config: TrainConfig) -> None:
    """Write down the config as used and what the run is made with, each whole or not at all."""
    texts = {
        "config.toml": tomli_w.dumps(config.model_dump(mode="json", exclude_none=True)),
        "versions.json": json.dumps(versions(), indent=1),
    }
    for name, text in texts.items():
        partial = config.run_dir / f"{name}.partial"
        partial.write_text(text)
        partial.replace(config.run_dir / name)


def versions() -> dict[str, str]:
    """What the run was made with."""
    found = {"python": sys.version.split()[0], "machine": platform.platform()}
    found |= {name: version(name) for name in PACKAGES}
    commit = _commit()
    return found | ({"git": commit} if commit else {})


def _commit() -> str | None:
    """The commit that runs; None without git, or where this is no clone."""
    describe = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(
            describe, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _differences(old: Any, new: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _differences(
                old.get(name), new.get(name), f"{key}.{name}" if key else str(name)
            )
    elif old != new:
        yield key, old, new
