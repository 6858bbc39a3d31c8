"""What a person sees while a run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Display:
    """One bar for the stage at hand, with the numbers that matter beside it.

    On a terminal it is live; in a log file each stage ends in a line.
    """

    def __init__(self, console: Console | None = None) -> None:
        """Show on ``console``, by default the standard output."""
        self.console = console or Console()
        self.progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.open_stages = 0

    @contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Stage]:
        """A bar for ``total`` things, ``done`` of which are."""
        bar = self.progress.add_task(name, total=total, completed=done, numbers="")
        stage = Stage(self, bar, name, total, done)
        if self.open_stages == 0:
            self.progress.start()
        self.open_stages += 1
        try:
            yield stage
        finally:
            self.open_stages -= 1
            self.progress.remove_task(bar)
            if self.open_stages == 0:
                self.progress.stop()
        if not self.console.is_terminal and stage.numbers:
            self.say(f"{name}: {stage.numbers}")

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, highlight=False)


class Stage:
    """A stage in progress."""

    def __init__(self, display: Display, bar: TaskID, name: str, total: int, done: int) -> None:
        self.display, self.bar, self.name, self.total, self.done = display, bar, name, total, done
        self.numbers = ""

    def advance(self, numbers: str | None = None) -> None:
        """One more is done; ``numbers`` replaces the text beside the bar."""
        self.done += 1
        if numbers is not None:
            self.numbers = numbers
        self.display.progress.update(self.bar, advance=1, numbers=self.numbers)
        tenth = max(1, self.total // 10)
        if numbers and not self.display.console.is_terminal and self.done % tenth == 0:
            self.display.say(f"{self.name} {self.done}/{self.total}: {numbers}")
