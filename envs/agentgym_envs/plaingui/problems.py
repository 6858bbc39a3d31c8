"""Tasks: functions of level, split, number and seed. A task's data is all that is needed."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from agentgym.env.seeded_random import SPLITS, SeededRandom
from agentgym.env.text_env import Task
from agentgym.errors import UnknownName
from agentgym_envs.plaingui import world
from agentgym_envs.plaingui.apps import APPS
from agentgym_envs.plaingui.errands import ERRANDS
from agentgym_envs.plaingui.jobs import JOBS, QUESTIONS, settings_wish
from agentgym_envs.plaingui.model import Data
from agentgym_envs.plaingui.plot import Plot

LEVELS = ("easy", "medium", "hard")
SIZES = {"train": 1000, "valid": 100, "test": 200}


class Problem(BaseModel):
    """What is wanted, from where to where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instruction: str
    start: dict[str, dict[int, dict[str, str]]]
    """Program -> key -> field -> value."""
    goal: dict[str, dict[int, dict[str, str]]]
    """Those programs of ``start`` that shall end otherwise."""
    answer: str = ""
    """What ``answer`` must be given; empty: anything."""
    reads: tuple[str, ...] = ()
    """Pages without which it cannot be known what to do; the expert opens them first."""
    page: str = "home"
    """The page that is open at the start."""

    @model_validator(mode="after")
    def _fits_the_programs(self) -> Self:
        if self.goal.keys() - self.start.keys():
            raise ValueError("goal has programs that start has not")
        for data in (self.start, self.goal):
            for name, records in data.items():
                if name not in APPS:
                    raise ValueError(f"no program {name!r}; there are {', '.join(APPS)}")
                fields = [field.name for field in APPS[name].fields]
                for record in records.values():
                    if list(record) != fields:
                        raise ValueError(f"a record of {name} has the fields {fields}, in order")
        return self


@lru_cache(maxsize=16)
def tasks_of(level: str, split: str, seed: int) -> Sequence[Task]:
    """The tasks of a level's split, in order; with the ids ``easy/train/00000`` and so on.

    Raises:
        UnknownName: no such split.
    """
    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    return tuple(
        Task(
            id=f"{level}/{split}/{number:05d}",
            split=split,
            data=problem(level, split, number, seed).model_dump(mode="json"),
        )
        for number in range(SIZES[split])
    )


def problem(level: str, split: str, number: int, seed: int) -> Problem:
    """The problem of one task."""
    rng = SeededRandom("plaingui", seed, level, split, number)
    match level:
        case "easy":
            return easy(split, rng)
        case "medium":
            return medium(split, rng)
        case _:
            return hard(split, rng)


def easy(split: str, rng: SeededRandom) -> Problem:
    """Three changes in one form."""
    plot = Plot(split, {"settings": world.settings("settings", rng)}, rng)
    return finished(plot, [settings_wish(plot, "settings", 3)], page="settings")


def medium(split: str, rng: SeededRandom) -> Problem:
    """One job in one program."""
    plot = Plot(split, world.office(split, 7 + rng.below(4), rng), rng)
    job = rng.pick(JOBS[rng.pick(tuple(JOBS))])
    return finished(plot, [job(plot)])


def hard(split: str, rng: SeededRandom) -> Problem:
    """An errand through two programs and a job in a third, with long lists."""
    plot = Plot(split, world.office(split, 14 + rng.below(3), rng), rng)
    errand, touched = rng.pick(ERRANDS)
    parts = [errand(plot)]
    jobs = JOBS[rng.pick([name for name in JOBS if name not in touched])]
    parts.append(rng.pick([job for job in jobs if job not in QUESTIONS])(plot))
    return finished(plot, parts)


def finished(plot: Plot, parts: Sequence[str], page: str = "home") -> Problem:
    """The problem that a plot has become."""
    start: Data = plot.start
    return Problem.model_validate(
        {
            "instruction": "; then ".join(parts),
            "start": start,
            "goal": {
                name: records
                for name, records in plot.goal.items()
                if records != start[name] or list(records) != list(start[name])
            },
            "answer": plot.answer,
            "reads": plot.reads,
            "page": page,
        }
    )
