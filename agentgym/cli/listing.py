"""``agentgym list``: what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table


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
    parts: Annotated[bool, typer.Option("--parts", help="Describe the parts of training.")] = False,
) -> None:
    """Show the environments, suites, tools and parts of training that are installed."""
    from importlib.metadata import entry_points

    from rich.console import Console
    from rich.text import Text

    from agentgym.errors import BadInput
    from agentgym.evaluation.suite import suites
    from agentgym.parts import KINDS, part_class, parts as parts_of

    console = Console()
    for package, ids in _by_package(containing).items():
        table = _table(f"environment of {package}", "what one does there")
        if split:
            table.add_column(f"{split} tasks", justify="right")
        for name, summary in ids.items():
            tasks = [_tasks_of(name, split)] if split else []
            table.add_row(*map(Text, (name, summary, *tasks)))
        console.print(table)
    if containing:
        return

    table = _table("suite", "what it shows")
    for name, one in suites().items():
        table.add_row(Text(name), Text(f"{one.summary} ({len(one.entry)} environments)"))
    console.print("", table)

    table = _table("part of training", "what it is")
    for kind in KINDS:
        for name, point in sorted(parts_of(kind).items()):
            what = point.value
            if parts:
                try:
                    what = (part_class(kind, name).__doc__ or "").partition("\n")[0]
                except BadInput as error:
                    what = f"broken: {error}"
            table.add_row(Text(f'{kind}.name = "{name}"'), Text(what))
    console.print("", table)

    table = _table("tool", "where it is")
    for point in sorted(entry_points(group="agentgym.tools"), key=lambda p: p.name):
        table.add_row(Text(point.name), Text(point.value))
    console.print("", table)


def _table(name: str, what: str) -> Table:
    """Two columns: names, which are never cut, and what is said of them, which wraps."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(name, no_wrap=True, overflow="ignore")
    table.add_column(what, overflow="fold")
    return table


def _by_package(containing: str) -> dict[str, dict[str, str]]:
    """Package -> id -> summary of the environments that have this in one of the two."""
    import gymnasium

    from agentgym.env.registry import registered

    found: dict[str, dict[str, str]] = {}
    for name, summary in registered().items():
        if containing.lower() in f"{name} {summary}".lower():
            home = gymnasium.spec(name).entry_point
            module = home if isinstance(home, str) else getattr(home, "__module__", "")
            found.setdefault(module.partition(".")[0], {})[name] = summary
    return found


def _tasks_of(name: str, split: str) -> str:
    from agentgym.env import registry
    from agentgym.errors import MissingExtra

    try:
        env = registry.make(name)
    except MissingExtra:
        return "not installed"
    return str(len(env.tasks(split))) if split in env.splits else "-"
