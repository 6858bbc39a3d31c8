"""``agentgym check``: whether an environment keeps the rules."""

from __future__ import annotations

from typing import Annotated

import typer

from agentgym.cli.options import Seed, Settings, table_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    env: Annotated[str, typer.Argument(help="An environment's id.")] = "",
    all_: Annotated[bool, typer.Option("--all", help="Every registered environment.")] = False,
    settings: Settings = None,
    episodes: Annotated[int, typer.Option(min=1, help="Tasks of each split to play.")] = 3,
    seed: Seed = 0,
) -> None:
    """Try an environment out: spaces, tasks, determinism, forks, malformed actions, the end."""
    from rich.console import Console
    from rich.text import Text

    from agentgym.env.registry import make, registered
    from agentgym.errors import MissingExtra
    from agentgym.testing import findings_of

    if bool(env) == all_:
        raise typer.BadParameter("name one environment, or give --all")
    console, failed = Console(soft_wrap=True), 0
    for name in registered() if all_ else [env]:
        console.print(Text(name, style="bold"))
        kwargs = table_of(settings)
        try:
            make(name, **kwargs).close()
        except MissingExtra as error:
            if not all_:
                raise
            console.print(Text(f"- not checked: {error}", "yellow"))
            continue
        for rule, problem in findings_of(
            lambda name=name, kwargs=kwargs: make(name, **kwargs),  # type: ignore[misc]
            episodes=episodes,
            seed=seed,
        ):
            mark = Text("✗ ", "red") if problem else Text("✓ ", "green")
            console.print(mark + Text(rule, style=""))
            if problem:
                failed += 1
                console.print(Text(f"    {problem}", "red"))
    if failed:
        console.print(Text(f"{failed} checks failed", "bold red"))
        raise typer.Exit(1)
