"""Buildings: a meter in every room, and one question about them.

A fact is a room with its reading, as "red 42". No fact that is asked for in one split is asked for
in another, so what is answered must have been read.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agentgym.dice import Dice, split_of
from agentgym.env import Task

Question = Literal["reading", "higher", "sum"]
Reading = Annotated[int, Field(ge=10, le=99)]
SIZES = {"train": 1000, "valid": 100, "test": 200}
COLORS = (
    *("red", "blue", "green", "black", "white", "brown", "pink", "grey", "gold", "purple"),
    *("silver", "amber", "orange", "violet", "ivory", "copper", "olive", "cream", "coral", "teal"),
)
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
    "easy": Level((4, 5), 30, ["reading"], colors=10, digits_once=True, labels=False),
    "medium": Level((8, 8), 60, ["reading"]),
    "hard": Level((16, 16), 120, ["reading", "higher", "sum"]),
}


class Building(BaseModel):
    """A task's data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Literal["easy", "medium", "hard"]
    """What the clutter is like."""
    readings: dict[str, Reading]
    """Color of the room -> what its meter says; in the order of the walk."""
    question: Question
    about: list[str]
    """The rooms that are asked about: one for ``reading``, else two."""
    clutter: int = 0
    """Seeds the rest of the reports."""

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        asked = len(set(self.about) & self.readings.keys())
        if not asked == len(self.about) == (1 if self.question == "reading" else 2):
            raise ValueError(f"{self.question!r} cannot be asked about {self.about}")
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
        if self.question == "higher":
            return max(self.about, key=self.readings.__getitem__)
        return str(sum(self.readings[room] for room in self.about))


@lru_cache
def tasks_of(level: str, split: str, seed: int) -> tuple[Task, ...]:
    """The tasks of a split."""
    made = []
    for number in range(SIZES[split]):
        name = f"{level}/{split}/{number:05}"
        building = _building(level, split, Dice("inspection", seed, name))
        made.append(Task(id=name, split=split, data=building.model_dump()))
    return tuple(made)


def _building(level: str, split: str, dice: Dice) -> Building:
    rung = LEVELS[level]
    fewest, most = rung.rooms
    while True:
        rooms = dice.some(COLORS[: rung.colors], fewest + dice.below(most - fewest + 1))
        if rung.digits_once:
            values = _pairs(dice.some("0123456789", 10))[: len(rooms)]
        else:
            values = dice.some(range(10, 100), len(rooms))
        readings = dict(zip(rooms, values, strict=True))
        question = dice.pick(rung.questions)
        early = [
            room for room in rooms[:-LATEST] if split_of(f"{room} {readings[room]}", 5) == split
        ]
        about = dice.some(early, 1 if question == "reading" else 2)
        if len(about) == (1 if question == "reading" else 2):
            data = {"readings": readings, "question": question, "about": about}
            return Building.model_validate({**data, "level": level, "clutter": dice.below(10**9)})


def _pairs(digits: Sequence[str]) -> list[int]:
    """Numbers of two digits, none of which begins with 0."""
    numbers = [int(a + b) for a, b in zip(digits[::2], digits[1::2], strict=True)]
    return [number if number > 9 else 10 * number for number in numbers]
