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

import tomli_w
from filelock import FileLock, Timeout

from agentgym.config import read_toml
from agentgym.errors import AgentGymError, BadInput
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.run.same_settings import differences
from agentgym_trainers.run.whole import whole_file

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


def goes_on(folder: Path) -> str:
    """What the same command does with a run that was stopped, in words."""
    checkpoints = sorted(folder.glob("checkpoints/step-*"))
    if not checkpoints:
        return "nothing is saved yet; the same command begins anew"
    return f"{checkpoints[-1]} is saved; the same command goes on from it"


def require_same(config: TrainConfig) -> None:
    """Check that the run in the folder, if it has begun, has these settings.

    A key that its config lacks had its default, as in a run of an older version.

    Raises:
        BadInput: it has others; each is named.
    """
    folder = config.run_dir
    if not begun(folder):
        return
    found = differences(read_toml(folder / "config.toml"), config)
    changed = [one for one in found if one.key not in MAY_CHANGE]
    if not changed:
        return
    lines = "".join(f"\n  {one.key}: {one.words}" for one in changed)
    makers = f"; {_maker(folder)} knows them all" if any(one.unknown for one in changed) else ""
    raise BadInput(
        f"{folder} holds a run with other settings:{lines}\n"
        f"add --run_dir={folder.with_name('other')} to train beside it, or delete {folder} "
        f"to start over{makers}"
    )


def _maker(folder: Path) -> str:
    """The version of agentgym that a run was last made with."""
    try:
        found = dict(json.loads((folder / "versions.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        found = {}
    return f"agentgym-lab {found.get('agentgym-lab', 'of the version that made it')}"


def record(config: TrainConfig) -> None:
    """Write down the config as used and what the run is made with, each whole or not at all."""
    texts = {
        "config.toml": tomli_w.dumps(config.model_dump(mode="json", exclude_none=True)),
        "versions.json": json.dumps(versions(), indent=1),
    }
    for name, text in texts.items():
        with whole_file(config.run_dir / name) as partial:
            partial.write_text(text, encoding="utf-8")


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
