"""``agentgym list``: what is installed."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list")(list_installed)


def list_installed(
    containing: Annotated[
        str, typer.Argument(help="Only the environments that have this in their id or description.")
    ] = "",
    split: Annotated[
        str, typer.Option(help="Count the tasks of this split; makes every environment.")
    ] = "",
    parts: Annotated[
        bool, typer.Option("--parts", help="Describe the parts of training; imports torch.")
    ] = False,
) -> None:
    """Show the environments, suites, tools and parts of training that are installed."""
    from importlib.metadata import entry_points

    import gymnasium
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from agentgym.env import registry
    from agentgym.errors import BadInput
    from agentgym.evaluation.suite import suites
    from agentgym.parts import KINDS, part_class, parts as parts_of

    console = Console()
    table = Table(box=None, pad_edge=False)
    table.add_column("environment", no_wrap=True)
    for column in ("what one does there", "package"):
        table.add_column(column, overflow="fold")
    if split:
        table.add_column(f"{split} tasks", justify="right")
    for name, summary in registry.registered().items():
        if containing.lower() not in f"{name} {summary}".lower():
            continue
        home = gymnasium.spec(name).entry_point
        package = home if isinstance(home, str) else getattr(home, "__module__", "")
        row = [Text(name), Text(summary), Text(package.partition(".")[0])]
        if split:
            row.append(Text(_tasks_of(name, split)))
        table.add_row(*row)
    console.print(table)
    if containing:
        return

    table = Table("suite", "what it shows", box=None, pad_edge=False)
    for name, one in suites().items():
        table.add_row(Text(name), Text(f"{one.summary} ({len(one.entry)} environments)"))
    console.print("", table)

    table = Table("part of training", "what it is", box=None, pad_edge=False)
    for kind in KINDS:
        for name, point in sorted(parts_of(kind).items()):
            what = point.value
            if parts:
                try:
                    what = (part_class(kind, name).__doc__ or "").partition("\n")[0]
                except BadInput as error:
                    what = f"broken: {error}"
            table.add_row(f'{kind}.name = "{name}"', Text(what))
    console.print("", table)

    table = Table("tool", "where it is", box=None, pad_edge=False)
    for point in sorted(entry_points(group="agentgym.tools"), key=lambda p: p.name):
        table.add_row(point.name, Text(point.value))
    console.print("", table)


def _tasks_of(name: str, split: str) -> str:
    from agentgym.env import registry
    from agentgym.errors import MissingExtra

    try:
        env = registry.make(name)
    except MissingExtra:
        return "not installed"
    return str(len(env.tasks(split))) if split in env.splits else "-"
