"""Towns: places with ways between them, and an errand in each.

No pair of a thing and the place it is brought to that occurs in one split occurs in another.
"""

from functools import lru_cache
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, model_validator

from agentgym.env.seeded_random import SeededRandom, split_of
from agentgym.env.text_env import Task

SIZES = {"train": 1000, "valid": 100, "test": 200}
PLACES = (
    *("bakery", "barn", "bridge", "church", "farm", "forge", "gate", "inn"),
    *("library", "market", "mill", "park", "pier", "school", "tower", "well"),
)
THINGS = (
    *("basket", "bell", "book", "broom", "clock", "drum", "flute", "hammer"),
    *("kettle", "lamp", "map", "mirror", "rope", "shovel", "vase", "violin"),
)
OFFERED = 2
"""Things that can be had in a town."""


class Level(NamedTuple):
    """How large a town is."""

    places: int
    shortcuts: int
    """Ways beyond those that connect every place with every other."""
    things: int = len(THINGS)
    """How many names of things there are."""
    one_town: bool = False
    """The same town in every task: it can be learnt by heart."""


LEVELS = {
    "easy": Level(6, 1, things=6, one_town=True),
    "medium": Level(8, 2),
    "hard": Level(14, 3),
}


class Town(BaseModel):
    """A task's data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ways: dict[str, list[str]]
    """Place -> the places next to it, in the order in which a page names them."""
    start: str
    thing: str
    offered: list[str]
    """What can be had where the thing is, the thing among it."""
    source: str
    """Where that is."""
    target: str
    """Where it is wanted."""

    @model_validator(mode="after")
    def _walkable(self) -> Self:
        for place in (self.start, self.source, self.target):
            if place not in self.ways:
                raise ValueError(f"no place {place!r}; there are {', '.join(self.ways)}")
        for place, others in self.ways.items():
            for other in others:
                if place not in self.ways.get(other, []):
                    raise ValueError(f"there is a way from {place!r} to {other!r} but none back")
        if self.thing not in self.offered:
            raise ValueError(f"no {self.thing!r} can be had; there are {', '.join(self.offered)}")
        if self.source == self.target:
            raise ValueError(f"the {self.thing} is at the {self.target} already")
        if self.way(self.start, self.source) is None or self.way(self.source, self.target) is None:
            raise ValueError("the places of the errand are not connected")
        return self

    def way(self, here: str, there: str) -> str | None:
        """The next place on a shortest way (``here`` itself at the end of it), None without one."""
        reached, nearer = [there], {there: there}
        for place in reached:  # it grows: breadth first, from the end of the way
            for other in self.ways[place]:
                if other not in nearer:
                    nearer[other] = place
                    reached.append(other)
        return nearer.get(here)


@lru_cache
def tasks_of(level: str, split: str, seed: int) -> tuple[Task, ...]:
    """The tasks of a split."""
    rung, made = LEVELS[level], []
    for number in range(SIZES[split]):
        name = f"{level}/{split}/{number:05}"
        rng = SeededRandom("errand", seed, name)
        ways = _ways(rung, SeededRandom("errand", seed, level) if rung.one_town else rng)
        while True:
            offered = rng.some(THINGS[: rung.things], OFFERED)
            thing = rng.pick(offered)
            start, source, target = rng.some(list(ways), 3)
            if split_of(f"{thing} {target}", 5) == split:
                break
        errand = {"thing": thing, "offered": offered, "source": source, "target": target}
        town = Town.model_validate({"ways": ways, "start": start, **errand})
        made.append(Task(id=name, split=split, data=town.model_dump()))
    return tuple(made)


def _ways(level: Level, rng: SeededRandom) -> dict[str, list[str]]:
    """A tree that grows at random, and some ways across it."""
    places = rng.some(PLACES, level.places)
    pairs = [(place, rng.pick(places[:n])) for n, place in enumerate(places) if n]
    across = [(a, b) for n, a in enumerate(places) for b in places[:n] if (a, b) not in pairs]
    pairs += rng.some(across, level.shortcuts)
    both = [*pairs, *((b, a) for a, b in pairs)]
    return {place: rng.some([b for a, b in both if a == place], len(places)) for place in places}
