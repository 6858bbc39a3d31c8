"""``agentgym train``: its options are the fields of the config."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand


class TrainCommand(TyperCommand):
    """Adds every config field to ``--help``."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The usual help, then the fields."""
        super().format_help(ctx, formatter)
        from agentgym.config import describe
        from agentgym.errors import BadInput
        from agentgym.parts import KINDS, part_class, parts
        from agentgym_trainers.config import TrainConfig

        broken: list[str] = []
        fields = [(n, f) for n, f in describe(TrainConfig) if n.partition(".")[0] not in KINDS]
        for kind in KINDS:
            for name in sorted(parts(kind)):
                try:
                    fields += describe(part_class(kind, name), f"{kind}[{name}].")
                except BadInput as error:
                    broken.append(str(error))
        console = Console(highlight=False)
        console.print("Config, with its defaults")
        for name, field in fields:
            if field.description:
                default = "" if field.is_required() else f" = {field.default}"
                console.print(Text(f"  {name}", "bold") + Text(default), soft_wrap=True)
                console.print(Padding(" ".join(field.description.split()), (0, 0, 0, 6)))
        for what in broken:
            console.print(Text(f"broken: {what}", "red"), soft_wrap=True)


def train(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="A TOML file; examples/ has some.")],
) -> None:
    """Train an agent, or go on with a run that was stopped.

    Any key of the config can be set behind it: --steps=200 --credit.gamma=0.9
    """

    from agentgym_trainers.display import Display

    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # torch's idle threads sleep, not spin
    display = Display()
    display.say(f"training by {config}: loading PyTorch ...")
    with display.awake():
        from agentgym.evaluation.evaluation import Report, compare
        from agentgym.runtime.sync import run
        from agentgym_trainers.config import load
        from agentgym_trainers.run.loop import train as train_run

        settings = load(config, context.args)
        before, after = run(train_run, settings, display)
    table = Table("held out", "before", "after", "difference, paired by task", title="success")
    for kind, episodes in after.items():
        if kind in before:  # unless its file was deleted since
            first, last = Report.of(before[kind]).success, Report.of(episodes).success
            table.add_row(kind, str(first), str(last), str(compare(before[kind], episodes)))
    display.console.print(table)
    display.say(f"everything is in {settings.run_dir}")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "train",
        cls=TrainCommand,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(train)
