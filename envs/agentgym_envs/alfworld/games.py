"""ALFWorld's published files: where they are, and which games there are."""

import json
import os
from functools import lru_cache
from pathlib import Path

from agentgym.env.text_env import Task
from agentgym.errors import MissingExtra
from agentgym.paths import expanded

FOLDER = "json_2.1.1"
SPLITS = ("train", "valid_seen", "valid_unseen")
GAME = "game.tw-pddl"


class MissingData(MissingExtra):
    """ALFWorld is installed, but its games are not there."""

    def __init__(self, folder: Path) -> None:
        ImportError.__init__(
            self,
            f"no ALFWorld games in {folder / FOLDER}: run `alfworld-download`, which needs the "
            "internet, or name the folder where they are with data_dir= or ALFWORLD_DATA. Without "
            "them, agentgym/Household-v0 has tasks of the same shape.",
        )


def data_folder(data_dir: str | None) -> Path:
    """``data_dir``, else what ``ALFWORLD_DATA`` names, else where ``alfworld-download`` puts it."""
    folder = data_dir or os.environ.get("ALFWORLD_DATA") or "~/.cache/alfworld"
    return expanded(folder)


@lru_cache(maxsize=4)
def games(folder: Path) -> dict[str, tuple[Task, ...]]:
    """Split -> its solvable games, in the order of their names; only splits that have some.

    As in ALFWorld, games about sliced or movable things are left out. A task's id is the folder
    of the game; its first part names the family.

    Raises:
        MissingData: there are none.
    """
    found = {split: tuple(games_of(folder / FOLDER, split)) for split in SPLITS}
    if not any(found.values()):
        raise MissingData(folder)
    return {split: tasks for split, tasks in found.items() if tasks}


def games_of(root: Path, split: str) -> list[Task]:
    """The games of a split; reading all of the training split takes some seconds."""
    tasks = []
    for file in sorted((root / split).rglob(GAME)):
        name = file.parent.relative_to(root).as_posix()
        if "movable" in name or "Sliced" in name:
            continue
        with file.open(encoding="utf-8") as text:
            if json.load(text).get("solvable"):
                tasks.append(Task(id=name, split=split, data={"game": f"{name}/{GAME}"}))
    return tasks
