"""The tasks of each domain: numbers, of which database, wish and plan are made anew.

A wish goes to the split that a checksum of its words names, so no two splits share one, however
the rest of the database differs.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import count
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict

from agentgym.env.seeded_random import SeededRandom
from agentgym.env.text_env import Task
from agentgym.errors import UnknownName
from agentgym_envs.tooluse.bank.easy import EasyBank
from agentgym_envs.tooluse.bank.wishes import Bank
from agentgym_envs.tooluse.calendar.easy import EasyCalendar
from agentgym_envs.tooluse.calendar.wishes import Calendar
from agentgym_envs.tooluse.case import Case
from agentgym_envs.tooluse.domain import Domain
from agentgym_envs.tooluse.files.easy import EasyFiles
from agentgym_envs.tooluse.files.wishes import Files
from agentgym_envs.tooluse.retail.easy import EasyRetail
from agentgym_envs.tooluse.retail.wishes import Retail
from agentgym_envs.tooluse.travel.easy import EasyTravel
from agentgym_envs.tooluse.travel.wishes import Travel

SPLITS = ("train", "valid", "test")
DOMAINS: MappingProxyType[str, dict[str, type[Domain]]] = MappingProxyType(
    {
        "retail": {"easy": EasyRetail, "full": Retail},
        "travel": {"easy": EasyTravel, "full": Travel},
        "calendar": {"easy": EasyCalendar, "full": Calendar},
        "files": {"easy": EasyFiles, "full": Files},
        "bank": {"easy": EasyBank, "full": Bank},
    }
)
SIZES = MappingProxyType(
    {
        "easy": {"train": 2000, "valid": 200, "test": 300},
        "full": {"train": 1000, "valid": 100, "test": 200},
    }
)


class Origin(BaseModel):
    """A task's data: what its database, wish and plan are made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    domain: str
    level: str
    seed: int


def domain_of(name: str, level: str) -> type[Domain]:
    """The domain at a level.

    Raises:
        UnknownName: there is none.
    """
    if name not in DOMAINS:
        raise UnknownName("domain", name, DOMAINS)
    if level not in DOMAINS[name]:
        raise UnknownName("level", level, DOMAINS[name])
    return DOMAINS[name][level]


@lru_cache(1024)
def opened(origin: Origin) -> tuple[Domain, Case]:
    """The database at the beginning and the wish. Both are shared: copy before you change."""
    start = domain_of(origin.domain, origin.level)()
    return start, start.begin(SeededRandom(origin.domain, origin.level, origin.seed))


@cache
def tasks_of(domain: str, level: str) -> dict[str, Sequence[Task]]:
    """The tasks by split, no two alike."""
    sizes = SIZES[level]
    found: dict[str, list[Task]] = {split: [] for split in SPLITS}
    seen: set[str] = set()
    for seed in count():
        if all(len(found[split]) == sizes[split] for split in SPLITS):
            break
        origin = Origin(domain=domain, level=level, seed=seed)
        case = opened.__wrapped__(origin)[1]
        split = split_of(case)
        problem = f"{case.told_at_once()} {case.plan}"
        if problem in seen or len(found[split]) == sizes[split]:
            continue
        seen.add(problem)
        name = f"{level}/{split}/{len(found[split]):05d}"
        found[split].append(Task(id=name, split=split, data=origin.model_dump()))
    return {split: tuple(tasks) for split, tasks in found.items()}


def split_of(case: Case) -> str:
    """Of ten wishes one is for validation, two are for testing."""
    tenth = zlib.crc32(case.request.encode()) % 10
    return "valid" if tenth == 0 else "test" if tenth <= 2 else "train"
