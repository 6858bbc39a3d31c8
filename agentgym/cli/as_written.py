"""Help texts as they are written: typer would take a word in brackets for markup, and lose it."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from typer.core import TyperGroup


class AsWritten(TyperGroup):
    """Commands whose help is shown word for word."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for command in self.commands.values():
            _as_written(command)


def _as_written(command: Any) -> None:
    """Escape the texts of a command, and of those below it."""
    for of in (command, *command.params):
        for name in ("help", "short_help", "epilog"):
            if text := getattr(of, name, None):
                setattr(of, name, escape(text))
    for below in getattr(command, "commands", {}).values():
        _as_written(below)
