"""Buildings: a meter in every room, and one question about them.

A fact is a room with its reading, as "red 42", or the first room with the password. No fact that is
asked for in one split is asked for in another, so what is answered must have been read.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agentgym.env.seeded_random import SeededRandom, split_of
from agentgym.env.text_env import Task

Question = Literal["password", "reading", "higher", "sum"]
ASKED: dict[Question, int] = {"password": 0, "reading": 1, "higher": 2, "sum": 2}
"""About how many rooms a question is."""
Reading = Annotated[int, Field(ge=10, le=99)]
SIZES = {"train": 1000, "valid": 100, "test": 200}
COLORS = (
    *("red", "blue", "green", "black", "white", "brown", "pink", "grey", "gold", "purple"),
    *("silver", "amber", "orange", "violet", "ivory", "copper", "olive", "cream", "coral", "teal"),
)
PASSWORDS = ("anchor", "candle", "falcon", "guitar", "island", "meadow", "pepper", "ribbon")
LATEST = 2
"""Nothing is asked about the last rooms: whoever sees only these can but guess."""


class Level(NamedTuple):
    """How much there is to remember."""

    rooms: tuple[int, int]
    """Fewest and most."""
    words: int
    """Of a report, about."""
    questions: Sequence[Question]
    colors: int = len(COLORS)
    """How many names of rooms there are."""
    digits_once: bool = False
    """No digit occurs twice in the readings of a building, so that it says where it was copied."""
    labels: bool = True
    """Clutter has numbers too."""


LEVELS = {
    "password": Level((10, 10), 30, ["password"], labels=False),
    "easy": Level((4, 5), 30, ["reading"], colors=10, digits_once=True, labels=False),
    "medium": Level((8, 8), 60, ["reading"]),
    "hard": Level((16, 16), 120, ["reading", "higher", "sum"]),
}


class Building(BaseModel):
    """A task's data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Literal["password", "easy", "medium", "hard"]
    """What the clutter is like."""
    readings: dict[str, Reading]
    """Color of the room -> what its meter says; in the order of the walk."""
    question: Question
    about: list[str]
    """The rooms that are asked about: none for ``password``, one for ``reading``, else two."""
    password: str = ""
    """Told at the door; none unless it is asked for."""
    clutter: int = 0
    """Seeds the rest of the reports."""

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        asked = len(set(self.about) & self.readings.keys())
        if not asked == len(self.about) == ASKED[self.question]:
            raise ValueError(f"{self.question!r} cannot be asked about {self.about}")
        if bool(self.password) != (self.question == "password"):
            raise ValueError(f"password {self.password!r} does not go with {self.question!r}")
        values = [self.readings[room] for room in self.about]
        if self.question == "higher" and len(set(values)) < len(values):
            raise ValueError("neither reading is higher")
        return self

    @property
    def rooms(self) -> list[str]:
        """Their colors, in the order of the walk."""
        return list(self.readings)

    @property
    def answer(self) -> str:
        """What is right."""
        if self.question == "password":
            return self.password
        if self.question == "higher":
            return max(self.about, key=self.readings.__getitem__)
        return str(sum(self.readings[room] for room in self.about))


@lru_cache
def tasks_of(level: str, split: str, seed: int) -> tuple[Task, ...]:
    """The tasks of a split."""
    made = []
    for number in range(SIZES[split]):
        name = f"{level}/{split}/{number:05}"
        building = _building(level, split, SeededRandom("inspection", seed, name))
        made.append(Task(id=name, split=split, data=building.model_dump(exclude_defaults=True)))
    return tuple(made)


def _building(level: str, split: str, rng: SeededRandom) -> Building:
    rung = LEVELS[level]
    fewest, most = rung.rooms
    while True:
        rooms = rng.some(COLORS[: rung.colors], fewest + rng.below(most - fewest + 1))
        if rung.digits_once:
            values = _pairs(rng.some("0123456789", 10))[: len(rooms)]
        else:
            values = rng.some(range(10, 100), len(rooms))
        readings = dict(zip(rooms, values, strict=True))
        question = rng.pick(rung.questions)
        password = rng.pick(PASSWORDS) if question == "password" else ""
        told = password and split_of(f"{password} {rooms[0]}", 5) == split
        early = [
            room for room in rooms[:-LATEST] if split_of(f"{room} {readings[room]}", 5) == split
        ]
        about = rng.some(early, ASKED[question])
        if told or 0 < len(about) == ASKED[question]:
            asked = {"question": question, "about": about, "password": password}
            made = {"level": level, "readings": readings, "clutter": rng.below(10**9)}
            return Building.model_validate({**made, **asked})


def _pairs(digits: Sequence[str]) -> list[int]:
    """Numbers of two digits, none of which begins with 0."""
    numbers = [int(a + b) for a, b in zip(digits[::2], digits[1::2], strict=True)]
    return [number if number > 9 else 10 * number for number in numbers]
