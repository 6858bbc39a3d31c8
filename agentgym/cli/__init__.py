"""The command line. Commands import what they need when they run, so that ``--help`` is quick.

A package adds commands through the entry-point group ``agentgym.commands``: each entry is a
function ``register(app)`` that gets the typer application.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any

import typer
from rich.console import Console

from agentgym.cli import check, doctor, evaluate, listing, mcp, play, replay, select, serve, tree
from agentgym.cli.as_written import AsWritten
from agentgym.errors import AgentGymError


def application() -> typer.Typer:
    """The commands of agentgym and of the installed packages."""
    app = typer.Typer(
        name="agentgym",
        cls=AsWritten,
        help="Text environments for language agents: look at them, play, evaluate, train.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for module in (listing, check, play, evaluate, select, replay, tree, serve, mcp, doctor):
        module.register(app)
    for point in entry_points(group="agentgym.commands"):
        try:
            point.load()(app)
        except Exception as error:  # noqa: BLE001  a broken plug-in must not take the others down
            problem = f"{type(error).__name__}: {error}"
            _say(f"command {point.name!r} of {point.value} is unavailable: {problem}", "yellow")
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command. Exit codes: 1 an error, 2 wrong usage, 130 interrupted."""
    _any_text(sys.stdout, sys.stderr)
    try:
        application()(args=None if arguments is None else list(arguments))
    except AgentGymError as error:
        _say(f"error: {error}", "red")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _say(text: str, style: str) -> None:
    Console(stderr=True).print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _any_text(*streams: Any) -> None:
    """Print what a terminal cannot show as an escape, rather than fail on it."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
