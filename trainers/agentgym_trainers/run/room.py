"""Whether the run folder can be written, and the disk has room for a checkpoint."""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path

from agentgym.errors import AgentGymError, BadInput

FLOAT32 = 4  # bytes
INDEX, SINGLE = "model.safetensors.index.json", "model.safetensors"


def require_writable(folder: Path) -> None:
    """Check that a folder can be made or written, without making it.

    Raises:
        AgentGymError: it cannot.
    """
    place = _existing(folder)
    if not place.is_dir():
        raise AgentGymError(f"cannot write the run folder {folder}: {place} is no folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise AgentGymError(f"cannot write the run folder {folder}: {place} may not be written")


def require_room(folder: Path, model: Path) -> None:
    """Check that the disk has room for ``start``, which is the weights, and for a checkpoint.

    A checkpoint has the weights and two moments of each, all in float32. Where the size of the
    model is not known (it is not in safetensors) there is nothing to check.

    Args:
        folder: of a run that trains every weight.
        model: its model's folder.

    Raises:
        AgentGymError: there is not.
        BadInput: the model's files are not whole.
    """
    needed = (1 + 3) * FLOAT32 * _weights(model)
    free = shutil.disk_usage(_existing(folder)).free
    if needed > free:
        raise AgentGymError(
            f"the disk of {folder} has {free / 1e9:.1f} GB left, and a run of {model} needs "
            f"{needed / 1e9:.1f} GB there to save its first checkpoint: free some space, name "
            "another run_dir, or train adapters, which are small, with a table [model.lora]"
        )


def _existing(folder: Path) -> Path:
    """The folder, or what of its path exists."""
    path = folder.absolute()
    return next(one for one in (path, *path.parents) if one.exists())


def _weights(folder: Path) -> int:
    """How many weights a model folder has, from the headers of its files."""
    try:
        if (folder / INDEX).is_file():
            names = set(json.loads((folder / INDEX).read_bytes())["weight_map"].values())
        else:
            names = {SINGLE} if (folder / SINGLE).is_file() else set()
        return sum(_weights_of_file(folder / name) for name in names)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"cannot read the weights in {folder}: {error}; has the folder been copied whole?"
        ) from error


def _weights_of_file(file: Path) -> int:
    """A safetensors file begins with the length of its header, eight bytes, and the header."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > file.stat().st_size:
            raise ValueError(f"{file.name} is cut off, or something else")
        header = json.loads(stream.read(length))
    return sum(math.prod(one["shape"]) for name, one in header.items() if name != "__metadata__")
