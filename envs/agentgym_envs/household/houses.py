"""Tasks: houses and goals, functions of level, split, number and seed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from agentgym.env.seeded_random import SPLITS, SeededRandom, split_of
from agentgym.env.text_env import Task
from agentgym.errors import UnknownName
from agentgym_envs.household.goals import (
    FAMILIES,
    Family,
    Goal,
    goals_of,
    sensible_targets,
)
from agentgym_envs.household.kinds import FIXTURES, ROOMS, THINGS, kind_of

SIZES = {"train": 1000, "valid": 100, "test": 200}


@dataclass(frozen=True)
class Level:
    """How large the house is, and how much one sees."""

    families: tuple[Family, ...]
    rooms: int
    """How many rooms; the one that the goal needs is among them."""
    things: int
    """How many things lie about besides those of the goal."""
    open_plan: bool = False
    """A kitchen without doors, where everything is in sight wherever one stands."""


LEVELS = MappingProxyType(
    {
        "easy": Level(("place", "clean", "heat", "cool", "examine"), 1, 3, open_plan=True),
        "medium": Level(FAMILIES, 1, 8),
        "hard": Level(FAMILIES, 4, 24),
    }
)
EASY_SURFACES = ("counter", "table", "shelf")
EASY_FIXTURES = (*EASY_SURFACES, "sink", "microwave", "fridge", "lamp")
EASY_THINGS = ("apple", "potato", "tomato", "cup", "plate", "bowl", "pan", "fork")


class Problem(BaseModel):
    """A task's data: all that is needed to play it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instruction: str
    goal: Goal
    rooms: dict[str, tuple[str, ...]]
    """Room -> its fixtures, by name."""
    where: dict[str, str]
    """Thing -> the fixture that it is in or on."""
    room: str
    """Where one starts."""
    open_plan: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        fixtures = {name for names in self.rooms.values() for name in names}
        for what, names, known in (
            ("room", [self.room], self.rooms),
            ("fixture", self.where.values(), fixtures),
            ("kind of fixture", [*map(kind_of, fixtures), self.goal.fixture], FIXTURES),
            ("kind of thing", [*map(kind_of, self.where), self.goal.thing], THINGS),
        ):
            for name in names:
                if name not in known:
                    raise ValueError(f"no {what} {name!r}; there are {', '.join(sorted(known))}")
        return self


@lru_cache(maxsize=16)
def tasks_of(name: str, split: str, seed: int) -> Sequence[Task]:
    """The tasks of a level's split, in order; with the ids ``easy/train/00000`` and so on.

    Raises:
        UnknownName: no such split.
    """
    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    return tuple(
        Task(
            id=f"{name}/{split}/{number:05d}",
            split=split,
            data=problem(
                name, split, SeededRandom("household", seed, name, split, number)
            ).model_dump(mode="json"),
        )
        for number in range(SIZES[split])
    )


@cache
def goals_in(name: str, split: str) -> dict[Family, list[Goal]]:
    """The goals of a level's split by family; no goal is in two splits."""
    level = LEVELS[name]
    if level.open_plan:
        goals = goals_of(level.families, EASY_THINGS, lambda _: EASY_SURFACES)
    else:
        goals = goals_of(level.families, tuple(THINGS), sensible_targets)
    mine = [goal for goal in goals if split_of(goal.key) == split and rooms_for(level, goal)]
    return {family: [g for g in mine if g.family == family] for family in level.families}


def rooms_for(level: Level, goal: Goal) -> list[str]:
    """The rooms in which a goal can be reached without leaving them."""
    if level.open_plan or level.rooms > 1:
        return ["kitchen"]
    needs = {goal.fixture, *(["lamp"] if goal.family == "examine" else [])}
    return [
        room
        for room, fixtures in ROOMS.items()
        if needs <= set(fixtures)
        and set(THINGS[goal.thing].places) & set(fixtures) - {goal.fixture}
        and (not goal.treatment or any(FIXTURES[f].does == goal.treatment for f in fixtures))
    ]


def problem(name: str, split: str, rng: SeededRandom) -> Problem:
    """A house and what is wanted of it."""
    level = LEVELS[name]
    by_family = {family: goals for family, goals in goals_in(name, split).items() if goals}
    goal = rng.pick(by_family[rng.pick(tuple(by_family))])
    room = rng.pick(rooms_for(level, goal))
    plan = {"kitchen": EASY_FIXTURES} if level.open_plan else {room: ROOMS[room]}
    if level.rooms > 1:
        plan = {one: ROOMS[one] for one in rng.some(tuple(ROOMS), level.rooms)}
    rooms = numbered_rooms(plan)
    return Problem(
        instruction=goal.in_words(0 if level.open_plan else rng.below(2)),
        goal=goal,
        rooms=rooms,
        where=furnish(level, goal, [f for names in rooms.values() for f in names], rng),
        room=rng.pick(tuple(rooms)),
        open_plan=level.open_plan,
    )


def numbered_rooms(plan: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Room -> names of its fixtures; kinds are numbered through the house."""
    seen = Counter[str]()
    rooms = {}
    for room, kinds in plan.items():
        names = []
        for kind in kinds:
            seen[kind] += 1
            names.append(f"{kind} {seen[kind]}")
        rooms[room] = tuple(names)
    return rooms


def furnish(level: Level, goal: Goal, fixtures: Sequence[str], rng: SeededRandom) -> dict[str, str]:
    """Thing -> fixture. What the goal wants is there often enough, but not where it is wanted."""
    holding = [name for name in fixtures if FIXTURES[kind_of(name)].holds]
    if level.open_plan:  # all in sight: nothing in the appliances
        holding = [name for name in holding if not FIXTURES[kind_of(name)].inside]
    elsewhere = [name for name in holding if kind_of(name) != goal.fixture]
    others = [t for t in (EASY_THINGS if level.open_plan else THINGS) if t != goal.thing]
    wanted = goal.count + (0 if level.open_plan else rng.below(2))
    lying = [(goal.thing, likely(goal.thing, elsewhere, rng)) for _ in range(wanted)]
    drawn = rng.some(others, level.things) if level.open_plan else []
    drawn = drawn or [rng.pick(others) for _ in range(level.things)]
    lying += [(kind, likely(kind, holding, rng)) for kind in drawn]
    count = Counter[str]()
    where = {}
    for kind, place in rng.some(lying, len(lying)):
        count[kind] += 1
        where[f"{kind} {count[kind]}"] = place
    return where


def likely(thing: str, fixtures: Sequence[str], rng: SeededRandom) -> str:
    """A fixture where a thing is found; any, where the house has none of its places."""
    usual = [name for name in fixtures if kind_of(name) in THINGS[thing].places]
    return rng.pick(usual or fixtures)
