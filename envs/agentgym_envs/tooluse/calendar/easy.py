"""The calendar in a few words: ask leave, see when somebody is free, meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import JsonValue

from agentgym.env.seeded_random import SeededRandom
from agentgym.tools.tool import tool
from agentgym_envs.tooluse.case import Case, Id, Plan, call
from agentgym_envs.tooluse.domain import Domain, NotFound, find
from agentgym_envs.tooluse.names import EASY

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")


@dataclass(frozen=True)
class Meeting:
    """A meeting."""

    name: str
    day: str
    hour: str


@dataclass(eq=False)
class EasyCalendar(Domain):
    """Three tools, every wish is a meeting."""

    policy: ClassVar[str] = "ask first. look when they are free. meet at that hour. say done."

    hours: dict[str, dict[str, str]] = field(default_factory=dict)
    """Name -> day -> the only free hour."""
    meetings: dict[str, Meeting] = field(default_factory=dict)

    def begin(self, rng: SeededRandom) -> Case:
        """Three people, one of whom is to be met."""
        me, *others = rng.some(EASY, 4)
        for name in others:
            hours = rng.numbers(len(DAYS), 8, 19)
            self.hours[name] = dict(zip(DAYS, map(str, hours), strict=True))
        name, day = rng.pick(list(self.hours)), rng.pick(DAYS)
        plan = Plan(
            (
                (call("ask", name=name),),
                (call("free", name=name, day=day),),
                (call("meet", name=name, day=day, hour=self.hours[name][day]),),
            ),
            "done",
        )
        return Case(
            request=f"i am {me}. i want to meet {name}.",
            details={"day": f"we meet on {day}."},
            plan=plan,
            hasty=plan.without("meet"),
        )

    def known(self) -> Mapping[str, Sequence[JsonValue]]:
        """See :class:`Domain`."""
        hours = [hour for week in self.hours.values() for hour in week.values()]
        return {"name": list(self.hours), "day": DAYS, "hour": hours}

    @tool
    def ask(self, name: str) -> str:
        """Ask somebody."""
        find(self.hours, name, "person")
        self.checked.add(name)
        return "ok"

    @tool
    def free(self, name: str, day: str) -> str:
        """See a free hour."""
        week = find(self.hours, name, "person")
        self.need(name, "not asked")
        return find(week, day, "day")

    @tool
    def meet(self, name: str, day: str, hour: Id) -> str:
        """Meet somebody."""
        week = find(self.hours, name, "person")
        self.need(name, "not asked")
        if find(week, day, "day") != hour:
            raise NotFound(f"{name} is not free at {hour}")
        self.meetings[f"{name} {day}"] = Meeting(name, day, hour)
        return "ok"
