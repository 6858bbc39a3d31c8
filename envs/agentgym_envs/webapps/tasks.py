"""The tasks of the apps: a function of app, level and seed, the same on every machine."""

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from agentgym.env.seeded_random import SeededRandom, split_of
from agentgym.env.text_env import Task
from agentgym_envs.webapps import calendar, mail, settings, shop
from agentgym_envs.webapps.problem import Problem

APPS = {"mail": mail, "calendar": calendar, "shop": shop, "settings": settings}
SPLITS = {"train": 300, "valid": 50, "test": 100}
"""How many tasks each has. No instruction is in two of them."""


class Level(NamedTuple):
    """A rung of difficulty."""

    size: int
    """Records in a table."""
    errands: int
    """Things to do in one task."""
    simple: bool = False
    """Pages that offer little, and one or two kinds of errand."""


LEVELS: Mapping[str, Level] = MappingProxyType(
    {"easy": Level(3, 1, simple=True), "medium": Level(6, 1), "hard": Level(8, 3)}
)


@cache
def tasks(app: str, level: str, seed: int) -> Mapping[str, Sequence[Task]]:
    """Each split's tasks."""
    made: dict[str, list[Task]] = {split: [] for split in SPLITS}
    number = 0
    while any(len(made[split]) < count for split, count in SPLITS.items()):
        problem = make_problem(app, LEVELS[level], SeededRandom(app, level, seed, number))
        number += 1
        split = split_of(problem.instruction)
        if len(made[split]) < SPLITS[split]:
            name = f"{app}/{level}/{split}/{len(made[split]):05}"
            made[split].append(Task(id=name, split=split, data=problem.model_dump(mode="json")))
    return MappingProxyType(made)


def make_problem(app: str, level: Level, rng: SeededRandom) -> Problem:
    """A task's problem: some errands, or at times a question."""
    kind = APPS[app]
    tables = kind.fill(rng, level.size, level.simple)
    if not level.simple and rng.below(4) == 0:
        question = rng.pick(kind.questions(rng, tables))
        return Problem(
            app=app,
            instruction=question.phrase,
            tables=tables,
            answer=question.answer,
            route=question.route,
            page=question.page,
        )
    chosen = rng.some(kind.errands(rng, tables, level.simple), level.errands)
    return Problem(
        app=app,
        instruction=", and ".join(errand.phrase for errand in chosen),
        tables=tables,
        simple=level.simple,
        edits=tuple(errand.edit for errand in chosen),
    )
