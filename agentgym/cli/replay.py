"""``agentgym replay``: what credit two algorithms would give to the same saved episodes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from agentgym.cli.options import EpisodesPath, episodes_file, short, table_of
from agentgym.paths import expanded

if TYPE_CHECKING:
    from agentgym.credit import Credit, Floats, Integers
    from agentgym.trajectory import Trajectory


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def replay(
    path: EpisodesPath,
    credit: Annotated[
        list[str] | None, typer.Option(help="An algorithm; repeatable. Default: gigpo and grpo.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME.KEY=VALUE", help="E.g. gigpo.gamma=0.9; repeatable."),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Steps to show.")] = 15,
    png: Annotated[
        Path | None, typer.Option(parser=expanded, help="Draw the advantages into this file.")
    ] = None,
) -> None:
    """Recompute the advantages of saved episodes and show where algorithms differ most.

    Where an algorithm gives credit to single tokens, a step has their mean.
    """
    import numpy as np
    from rich.console import Console

    from agentgym.credit import Steps
    from agentgym.errors import BadInput
    from agentgym.trajectory import read_jsonl

    chosen = _algorithms(credit or ["gigpo", "grpo"], table_of(settings))
    file = episodes_file(path)
    every = list(read_jsonl(file))
    complete = [t for t in every if t.failure is None and t.steps]
    console = Console(highlight=False)
    if len(complete) < len(every):
        console.print(f"left out: {len(every) - len(complete)} failed or empty episodes")
    if not complete:
        raise BadInput(f"{file} has no episode to give credit to; all {len(every)} failed")
    steps = Steps.of(complete)
    advantages = {n: _of_steps(chosen[n].advantages(steps), steps.tokens) for n in chosen}
    spread = np.ptp(np.array(list(advantages.values())), axis=0)
    order = np.argsort(-spread, kind="stable")[:rows]
    places = [(t, index) for t in complete for index in range(len(t.steps))]
    console.print(_table([(*places[i], int(i)) for i in order], advantages, spread))
    groups = len(set(steps.group))
    console.print(f"{file}: {len(complete)} episodes in {groups} groups, {len(steps)} steps")
    console.soft_wrap = True
    first, *others = advantages
    for other in others:
        console.print(f"{first} against {other}: {_summary(advantages[first], advantages[other])}")
    if png:
        _draw(png, advantages)
        console.print(f"drawn in {png}")


def _of_steps(advantages: Floats, tokens: Integers) -> Floats:
    """Advantages of tokens become those of steps: their means."""
    import numpy as np

    if len(advantages) == len(tokens):
        return advantages
    step = np.repeat(np.arange(len(tokens)), tokens)
    means: Floats = np.bincount(step, advantages, len(tokens)) / np.maximum(tokens, 1)
    return means


def _algorithms(names: list[str], tables: dict[str, Any]) -> dict[str, Credit]:
    from agentgym.errors import BadInput
    from agentgym.parts import part_of

    if len(set(names)) < 2:
        raise typer.BadParameter("name two algorithms or more: --credit gigpo --credit grpo")
    chosen: dict[str, Credit] = {}
    for name in names:
        settings = tables.pop(name, {})
        if not isinstance(settings, dict):
            raise typer.BadParameter(f"--set {name} lacks a key: --set {name}.KEY={settings}")
        table = {"name": name} | settings
        credit = chosen[name] = cast("Credit", part_of("credit", table, f"--set {name}.*"))
        if missing := credit.needs - {"entropies"}:
            needed = " and ".join(sorted(missing))
            raise BadInput(f"credit {name!r} needs {needed}, which saved episodes do not hold")
    if tables:
        raise typer.BadParameter(f"--set names {', '.join(tables)}, which is not under --credit")
    return chosen


def _table(
    places: list[tuple[Trajectory, int, int]], advantages: dict[str, Floats], spread: Floats
) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="where they differ most", box=None, pad_edge=False, expand=True)
    for name in ("episode:step", "state", "action"):
        table.add_column(name, no_wrap=True, ratio=1)
    for name in ("reward", *advantages, "apart"):
        table.add_column(name, justify="right", no_wrap=True)
    for trajectory, index, i in places:
        step = trajectory.steps[index]
        values = [step.reward, *(values[i] for values in advantages.values()), spread[i]]
        texts = (f"{trajectory.id}:{index}", short(step.anchor), short(step.action))
        table.add_row(*map(Text, texts), *(f"{value:.2f}" for value in values))
    return table


def _summary(one: Floats, other: Floats) -> str:
    import numpy as np

    varied = one.std() > 0 and other.std() > 0
    correlation = f"{np.corrcoef(one, other)[0, 1]:.2f}" if varied else "undefined (no spread)"
    opposite = float(np.mean(np.sign(one) * np.sign(other) < 0))
    return (
        f"correlation {correlation}, opposite signs in {opposite:.1%} of the steps, "
        f"mean |difference| {np.abs(one - other).mean():.3f}"
    )


def _draw(png: Path, advantages: dict[str, Floats]) -> None:
    from agentgym.errors import BadInput, MissingExtra

    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("--png", "train") from error
    first, *others = advantages
    figure = Figure(figsize=(5 * len(others), 5), layout="constrained")
    for axes, other in zip(figure.subplots(1, len(others), squeeze=False)[0], others, strict=True):
        axes.axhline(0, color="0.8")
        axes.axvline(0, color="0.8")
        axes.scatter(advantages[other], advantages[first], s=12, alpha=0.4)
        axes.set(xlabel=f"advantage, {other}", ylabel=f"advantage, {first}")
        axes.set_title(_summary(advantages[first], advantages[other]).split(",")[0])
    try:
        figure.savefig(png, dpi=150)
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot draw {png}: {error}") from error
