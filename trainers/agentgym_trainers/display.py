"""What a person sees while a run goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import IO, Any, cast

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

LONGEST_SILENCE = 8.0  # seconds; with what a busy machine adds, ten


class Lasting:
    """A stream that outlives its terminal, its reader and its disk.

    A log that nobody can read is no reason to end a run; what the run has to save itself is.
    """

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write, or lose it."""
        with suppress(OSError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or lose it."""
        with suppress(OSError):
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Display:
    """One bar for the stage at hand, with the numbers that matter beside it.

    On a terminal it is live; in a log file each stage ends in a line.
    """

    def __init__(self, console: Console | None = None) -> None:
        """Show on ``console``, by default the standard output."""
        self.console = console or Console(file=cast(IO[str], Lasting(sys.stdout)))
        self.stages: list[Stage] = []
        self.last_said = time.monotonic()
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

    @contextmanager
    def heartbeat(self, longest_silence: float = LONGEST_SILENCE) -> Iterator[None]:
        """Inside, a line says where the run is whenever nothing was said for so many seconds."""
        over = Event()

        def watch() -> None:
            while not over.wait(max(0.0, self.last_said + longest_silence - time.monotonic())):
                if time.monotonic() >= self.last_said + longest_silence:
                    self._beat()

        watcher = Thread(target=watch, name="heartbeat", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _beat(self) -> None:
        stages = self.stages.copy()
        if stages and self.console.is_terminal:
            self.last_said = time.monotonic()  # a live bar shows the time
        else:
            self.say(", ".join(map(str, stages)) or "working")

    @contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Stage]:
        """A bar for ``total`` things, ``done`` of which are."""
        bar = self.progress.add_task(name, total=total, completed=done, numbers="")
        stage = Stage(self, bar, name, total, done)
        if not self.stages:
            self.progress.start()
        self.stages.append(stage)
        try:
            yield stage
        finally:
            self.stages.remove(stage)
            self.progress.remove_task(bar)
            if not self.stages:
                self.progress.stop()
        if not self.console.is_terminal and stage.numbers:
            self.say(f"{name}: {stage.numbers}")

    def say(self, text: str) -> None:
        """A line that stays."""
        self.last_said = time.monotonic()
        self.show(Text(text))

    def show(self, what: RenderableType) -> None:
        """Text or a table that stays."""
        self.console.print(what, highlight=False, soft_wrap=isinstance(what, Text))


class Stage:
    """A stage in progress."""

    def __init__(self, display: Display, bar: TaskID, name: str, total: int, done: int) -> None:
        self.display, self.bar, self.name, self.total, self.done = display, bar, name, total, done
        self.numbers = ""
        self.started = time.monotonic()

    def __str__(self) -> str:
        return f"{self.name} {self.done}/{self.total} ({time.monotonic() - self.started:.0f} s)"

    def advance(self, numbers: str | None = None) -> None:
        """One more is done; ``numbers`` replaces the text beside the bar."""
        self.done += 1
        if numbers is not None:
            self.numbers = numbers
        self.display.progress.update(self.bar, advance=1, numbers=self.numbers)
        tenth = max(1, self.total // 10)
        if numbers and not self.display.console.is_terminal and self.done % tenth == 0:
            self.display.say(f"{self.name} {self.done}/{self.total}: {numbers}")
