"""``agentgym train``: its options are the fields of the config."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand

from agentgym.paths import expanded

if TYPE_CHECKING:
    from agentgym_trainers.config import TrainConfig

ASKED = "agentgym.asked"


class TrainCommand(TyperCommand):
    """Adds every config field to ``--help``; with a key behind it, explains that one alone."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note what is asked about."""
        if "--help" in args:
            ctx.meta[ASKED] = args[args.index("--help") + 1 :]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The usual help and then every key, or the keys that are asked about."""
        from agentgym_trainers.command.keys import about, keys

        known, broken = keys()
        asked = ctx.meta.get(ASKED)
        console = Console(highlight=False)
        if not asked:
            super().format_help(ctx, formatter)
            console.print("Config, with its defaults")
        shown = [key for one in asked for key in about(known, one)] if asked else known
        for key in shown:
            console.print(Text(f"  {key.name}", "bold") + Text(key.default), soft_wrap=True)
            console.print(Padding(Text(key.description), (0, 0, 0, 6)))
        for what in broken:
            console.print(Text(f"broken: {what}", "red"), soft_wrap=True)


def train(
    context: typer.Context,
    config: Annotated[
        Path, typer.Argument(parser=expanded, help="A TOML file; examples/ has some.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the config and print all of it; train nothing.")
    ] = False,
) -> None:
    """Train an agent, or go on with a run that was stopped.

    Any key of the config can be set behind it: --steps=200 --credit.gamma=0.9

    What a key or a table is: agentgym train --help credit

    SIGTERM and SIGHUP save a checkpoint after the training step; the same command goes on from it.
    """
    from agentgym_trainers.config import load
    from agentgym_trainers.run.ready import require_ready

    settings = load(config, context.args, partial(typer.echo, err=True))
    require_ready(settings)
    if dry_run:
        _show(settings, config)
    else:
        _train(settings)


def _show(settings: TrainConfig, file: Path) -> None:
    """Print a config that reads as the settings do."""
    from agentgym_trainers.command.resolved import resolved

    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"# {file} as it would run; a default stands beside what differs from it"))
    for line in resolved(settings):
        if line.default:
            console.print(Text(f"{line.text:<40}", "bold") + Text(f"  # default: {line.default}"))
        else:
            console.print(Text(line.text))


def _train(settings: TrainConfig) -> None:
    """Train, and print success before and after; when stopped, say where the run goes on."""
    from agentgym_trainers.command.signals import first_signal
    from agentgym_trainers.display import Display
    from agentgym_trainers.run.run_folder import goes_on
    from agentgym_trainers.run.stopping import Stop, Stopped

    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # torch's idle threads sleep, not spin
    display, stop = Display(), Stop()
    heard: list[Signals] = []

    def ask(signal: Signals) -> None:
        heard.append(signal)
        stop.ask()

    display.say(f"training in {settings.run_dir}: loading PyTorch ...")
    try:
        with first_signal(ask), display.heartbeat():
            from agentgym.evaluation.evaluation import Report, compare
            from agentgym.runtime.sync import run
            from agentgym_trainers.run.loop import train as train_run

            before, after = run(train_run, settings, display, stop)
    except Stopped:
        display.say(f"stopped by {heard[0].name}: {goes_on(settings.run_dir)}")
        raise typer.Exit(128 + heard[0]) from None
    except KeyboardInterrupt:
        display.say(f"interrupted: {goes_on(settings.run_dir)}")
        raise
    table = Table("held out", "before", "after", "difference, paired by task", title="success")
    for kind, episodes in after.items():
        if kind in before:  # unless its file was deleted since
            first, last = Report.of(before[kind]).success, Report.of(episodes).success
            table.add_row(kind, str(first), str(last), str(compare(before[kind], episodes)))
    display.show(table)
    display.say(f"everything is in {settings.run_dir}")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "train",
        cls=TrainCommand,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(train)
