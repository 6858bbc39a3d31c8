"""Thinking a task up: what is wanted, while it is being made."""

from collections.abc import Callable

from agentgym.env.seeded_random import SeededRandom
from agentgym_envs.plaingui.apps import APPS
from agentgym_envs.plaingui.model import Data, Page, Record, new_key, with_record


class Plot:
    """Start and goal of a task. Its methods set one of them, or both."""

    def __init__(self, split: str, start: Data, rng: SeededRandom) -> None:
        self.split = split
        self.start = start
        self.goal = start
        self.rng = rng
        self.answer = ""
        self.reads: list[str] = []
        """Paths of the pages that tell what the task does not."""

    def any(self, app: str, fits: Callable[[Record], bool] | None = None) -> tuple[int, Record]:
        """The key of a record of the goal, and the record; one that fits, where there is any."""
        records = list(self.goal[app].items())
        fitting = [item for item in records if fits and fits(item[1])]
        return self.rng.pick(fitting or records)

    def add(self, app: str, **values: str) -> None:
        """The goal has a new record, as the form makes it."""
        first = {field.name: field.first for field in APPS[app].fields}
        self._goal(app, new_key(self.goal, app), first | values)

    def change(self, app: str, key: int, values: Record) -> None:
        """The goal has these values in a record."""
        self._goal(app, key, {**self.goal[app][key], **values})

    def remove(self, app: str, key: int) -> None:
        """The goal lacks a record."""
        self._goal(app, key, None)

    def begin(self, app: str, key: int, values: Record) -> None:
        """Start and goal have these values in a record."""
        self.start = with_record(self.start, app, key, {**self.start[app][key], **values})
        self.change(app, key, values)

    def read(self, app: str, key: int) -> None:
        """The task cannot be done without reading this record."""
        self.reads.append(Page(app, key).path)

    def other(self, options: tuple[str, ...], than: str) -> str:
        """One of the options that is another one."""
        return self.rng.pick([option for option in options if option != than])

    def _goal(self, app: str, key: int, record: Record | None) -> None:
        self.goal = with_record(self.goal, app, key, record)
