"""The agency in a few words: check the code, find the flight, book it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import JsonValue

from agentgym.env.seeded_random import SeededRandom
from agentgym.tools.tool import tool
from agentgym_envs.tooluse.case import Case, Id, Plan, call
from agentgym_envs.tooluse.domain import Domain, find
from agentgym_envs.tooluse.names import CODES, EASY, words

CITIES = words("oslo rome lima cairo paris delhi quito seoul porto bern kyoto dakar")
TIMES = ("dawn", "noon", "dusk", "midnight")


@dataclass(frozen=True)
class Flight:
    """A flight."""

    id: str
    city: str
    time: str


@dataclass(eq=False)
class EasyTravel(Domain):
    """Three tools, every wish is a flight."""

    policy: ClassVar[str] = "check the code. find the flight. book it. say done."

    codes: dict[str, str] = field(default_factory=dict)
    offers: dict[str, Flight] = field(default_factory=dict)
    seats: dict[str, str] = field(default_factory=dict)
    """Flight -> name of who flies."""

    def begin(self, rng: SeededRandom) -> Case:
        """Three travellers, one of whom wants one of three flights to a city."""
        self.codes |= dict(zip(rng.some(EASY, 3), rng.some(CODES, 3), strict=True))
        (name, code), city = rng.pick(list(self.codes.items())), rng.pick(CITIES)
        for time, number in zip(rng.some(TIMES, 3), rng.numbers(3, 100, 999), strict=True):
            self.offers[str(number)] = Flight(str(number), city, time)
        flight = rng.pick(list(self.offers.values()))
        plan = Plan(
            (
                (call("check", name=name, code=code),),
                (call("find", city=city, time=flight.time),),
                (call("book", name=name, id=flight.id),),
            ),
            "done",
        )
        return Case(
            request=f"i am {name}. i fly to {city}.",
            details={"time": f"i fly at {flight.time}.", "code": f"my code is {code}."},
            plan=plan,
            hasty=plan.without("book"),
        )

    def known(self) -> Mapping[str, Sequence[JsonValue]]:
        """See :class:`Domain`."""
        return {
            "name": list(self.codes),
            "code": list(self.codes.values()),
            "city": [flight.city for flight in self.offers.values()],
            "time": [flight.time for flight in self.offers.values()],
            "id": list(self.offers),
        }

    @tool
    def check(self, name: str, code: str) -> str:
        """Check a code."""
        if find(self.codes, name, "traveller") != code:
            return "wrong"
        self.checked.add(name)
        return "ok"

    @tool
    def find(self, city: str, time: str) -> str:
        """Find a flight."""
        flights = {one.time: one.id for one in self.offers.values() if one.city == city}
        return find(flights, time, f"flight to {city} at")

    @tool
    def book(self, name: str, id: Id) -> str:  # noqa: A002  the model's word
        """Book a flight."""
        find(self.codes, name, "traveller")
        self.need(name, "code not checked")
        self.seats[find(self.offers, id, "flight").id] = name
        return "ok"
