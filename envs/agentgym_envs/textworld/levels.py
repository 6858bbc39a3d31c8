"""The ladder of difficulty, and the tasks of each rung."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import TypeVar, get_args

from agentgym.env.text_env import Task
from agentgym.errors import UnknownName
from agentgym_envs.textworld.blueprints import Blueprint, Coin, Cooking, Direction, Quest, Walk

SPLITS = ("train", "valid", "test")
STEP = {"north": (0, 1), "east": (1, 0), "south": (0, -1), "west": (-1, 0)}
OPPOSITE = {"north": "south", "east": "west", "south": "north", "west": "east"}
ROOMS = ("kitchen", "attic", "garden", "cellar", "hall", "study", "porch", "pantry")
THINGS = ("lamp", "coin", "book", "ring", "cup", "hat", "ball", "spoon")
FIRST_SEED = {"train": 100_000, "valid": 200_000, "test": 300_000}

Item = TypeVar("Item")


@dataclass(frozen=True)
class Level:
    """One rung."""

    games: Callable[[str, int], Sequence[Blueprint]]
    """Split and number -> that many games; no game is in two splits."""
    train: int = 1000
    valid: int = 100
    test: int = 200
    patience: int | None = None
    """Steps beyond the walkthrough after which an episode is truncated; None: any number."""


def walks(split: str, count: int) -> list[Blueprint]:
    """Two to four moves and one thing. A way that is walked in one split is in no other."""
    ways = _shuffled([way for length in (2, 3, 4) for way in _ways(length)], "ways")
    tests, valids = len(ways) // 4, len(ways) // 8
    own = {
        "test": ways[:tests],
        "valid": ways[tests : tests + valids],
        "train": ways[tests + valids :],
    }[split]
    chosen = _shuffled(list(product(own, THINGS)), f"walks/{split}")[:count]
    return [
        Walk(
            moves=moves,
            rooms=tuple(_shuffled(ROOMS, f"{split}/{place}")[: len(moves) + 1]),
            thing=thing,
        )
        for place, (moves, thing) in enumerate(chosen)
    ]


def _ways(length: int) -> Iterator[tuple[Direction, ...]]:
    """Every way of this length that never comes back to a room."""
    for way in product(get_args(Direction), repeat=length):
        x, y = 0, 0
        seen = {(x, y)}
        for move in way:
            x, y = x + STEP[move][0], y + STEP[move][1]
            seen.add((x, y))
        if len(seen) == length + 1:
            yield way


def _shuffled(items: Sequence[Item], seed: str) -> list[Item]:
    """In an order that is the same in every Python: ``random()`` is what it promises to keep."""
    draw = random.Random(f"textworld/{seed}").random
    return sorted(items, key=lambda _: draw())


def coins(split: str, count: int) -> list[Blueprint]:
    """Six rooms on the way, six beside it."""
    return [Coin(level=106, seed=FIRST_SEED[split] + place) for place in range(count)]


def quests(split: str, count: int) -> list[Blueprint]:
    """Five actions in four rooms with eight objects."""
    return [
        Quest(rooms=4, objects=8, length=5, seed=FIRST_SEED[split] + place)
        for place in range(count)
    ]


def meals(split: str, count: int) -> list[Blueprint]:
    """Two ingredients to find and prepare in six rooms; the foods of a split are its own."""
    return [
        Cooking(foods=split, recipe=2, take=2, go=6, seed=FIRST_SEED[split] + place)  # type: ignore[arg-type]
        for place in range(count)
    ]


LEVELS = MappingProxyType(
    {
        "easy": Level(walks, train=150, valid=40, test=80, patience=1),
        "coin": Level(coins),
        "quest": Level(quests),
        "cooking": Level(meals),
    }
)


@cache
def tasks_of(name: str) -> dict[str, tuple[Task, ...]]:
    """Split -> the tasks of a level.

    Raises:
        UnknownName: no such level.
    """
    if name not in LEVELS:
        raise UnknownName("level", name, LEVELS)
    level = LEVELS[name]
    counts = {"train": level.train, "valid": level.valid, "test": level.test}
    return {
        split: tuple(
            Task(id=f"{name}/{split}/{place:05d}", split=split, data=game.model_dump(mode="json"))
            for place, game in enumerate(level.games(split, counts[split]))
        )
        for split in SPLITS
    }
