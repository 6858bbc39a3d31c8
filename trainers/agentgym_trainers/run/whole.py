"""Files and folders that are there whole or not at all, whatever kills a run or fills its disk.

Each is written beside its place, flushed to the disk, and renamed into its place.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from agentgym.errors import AgentGymError


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A path to write a file to, which takes the place of ``target`` when the block ends.

    Raises:
        OSError: it could not be written; ``target`` is as it was.
    """
    partial = target.with_name(f".partial-{target.name}")
    try:
        yield partial
        _flush(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of ``target`` when the block ends.

    Raises:
        AgentGymError: it could not be written (a full disk); ``target`` is as it was.
    """
    partial = target.with_name(f".partial-{target.name}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        for file in files(partial):
            _flush(file)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
        _flush(target.parent)
    except (OSError, SafetensorError) as error:
        raise AgentGymError(
            f"cannot save {target}: {error}. What was saved before is untouched; free some space, "
            "and the same command goes on from it"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write a Hugging Face folder: weights, config, tokenizer.

    Raises:
        OSError, SafetensorError: it could not be written.
    """
    model.save_pretrained(folder)
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:  # the tokenizers package has no error of its own for a full disk
        raise OSError(f"cannot write the tokenizer: {error}") from error


def files(folder: Path) -> list[Path]:
    """Every file in a folder and in those below it, sorted."""
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _flush(path: Path) -> None:
    """To the disk itself, so that a rename never outlives what it names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
