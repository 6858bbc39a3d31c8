"""``agentgym tree``: how the saved episodes of a group branched off each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentgym.cli.options import EpisodesPath, episodes_file, short
from agentgym.paths import expanded

if TYPE_CHECKING:
    from agentgym.trajectory import Group, Step, Trajectory


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("tree")(tree)


def tree(
    path: EpisodesPath,
    group: Annotated[int, typer.Option(min=0, help="Which group of the file, from 0.")] = 0,
    png: Annotated[
        Path | None, typer.Option(parser=expanded, help="Draw the tree into this file.")
    ] = None,
) -> None:
    """Show where episodes branched, what each path did there, and how uncertain it was."""
    from rich.console import Console

    from agentgym.errors import BadInput
    from agentgym.trajectory import grouped, read_jsonl

    file = episodes_file(path)
    groups = grouped(list(read_jsonl(file)))
    if group >= len(groups):
        raise BadInput(f"{file} has {len(groups)} groups; --group counts from 0")
    chosen = groups[group]
    console = Console(highlight=False)
    console.print(_text(chosen))
    leaves = chosen.trajectories
    sampled = sum(leaf.tokens for leaf in leaves)
    alone = sum(len(step.ids) for leaf in leaves for step in leaf.steps)
    console.print(
        f"{len(leaves)} episodes; {sampled} tokens were sampled for them, "
        f"{alone} would have been without branches"
    )
    if png:
        _draw(png, chosen)
        console.print(f"drawn in {png}", soft_wrap=True)


def _mean(step: Step) -> float:
    return sum(step.entropies) / len(step.entropies) if step.entropies else 0.0


def _outcome(leaf: Trajectory) -> str:
    return "failed" if leaf.failure else f"return {leaf.reward:g}"


def _text(group: Group) -> Any:
    """An indented tree: under each path, at their step, those that branched off it."""
    from rich.text import Text
    from rich.tree import Tree

    seen = [step.observation for leaf in group.trajectories for step in leaf.steps[:1]]
    top = Tree(Text(f"{group.id}: {short(seen[0]) if seen else 'nobody took a step'}"))

    def add(above: Any, leaf: Trajectory) -> None:
        own = leaf.steps[leaf.branch_step :]
        name = leaf.id.rpartition("/")[2]
        line = " ".join(f"{i}:{_mean(s):.2f}" for i, s in enumerate(own, start=leaf.branch_step))
        node = above.add(Text(f"[{name}] {_outcome(leaf)}, step:entropy {line}"))
        children = [other for other in group.trajectories if other.parent == leaf.id]
        for child in sorted(children, key=lambda other: other.branch_step):
            did = "".join(short(step.action) for step in child.steps[child.branch_step :][:1])
            add(node.add(Text(f"branched before step {child.branch_step}: {did}")), child)

    known = {leaf.id for leaf in group.trajectories}
    for leaf in group.trajectories:
        if leaf.parent not in known:
            add(top, leaf)
    return top


def _draw(png: Path, group: Group) -> None:
    """Steps from left to right, a line for each path; colour is entropy, a ring the return."""
    from agentgym.errors import BadInput, MissingExtra

    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("--png", "train") from error
    leaves = group.trajectories
    height = {leaf.id: place for place, leaf in enumerate(_in_order(leaves))}
    figure = Figure(figsize=(8, 1 + 0.35 * len(leaves)), layout="constrained")
    axes = figure.subplots()
    dots: list[tuple[int, int, float]] = []
    for leaf in leaves:
        y, first = height[leaf.id], leaf.branch_step
        own = leaf.steps[first:]
        axes.plot([first, len(leaf.steps)], [y, y], color="0.7", zorder=1)
        if leaf.parent in height:
            axes.plot([first, first], [height[leaf.parent], y], color="0.7", zorder=1)
        dots += [(first + i, y, _mean(step)) for i, step in enumerate(own)]
        axes.annotate(f" {_outcome(leaf)}", (len(leaf.steps), y), va="center")
    if not dots:
        raise BadInput(f"{group.id} has no steps to draw")
    steps, places, entropies = zip(*dots, strict=True)
    shown = axes.scatter(steps, places, c=entropies, cmap="viridis", zorder=2)
    figure.colorbar(shown, label="mean entropy, nats")
    axes.set(xlabel="step", yticks=[], title=f"{group.id}: return at the end of each path")
    try:
        figure.savefig(png, dpi=150)
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot draw {png}: {error}") from error


def _in_order(leaves: list[Trajectory]) -> list[Trajectory]:
    """Each path followed by those that branched off it, the latest branch nearest."""
    known = {leaf.id for leaf in leaves}
    ordered: list[Trajectory] = []

    def follow(leaf: Trajectory) -> None:
        ordered.append(leaf)
        children = [other for other in leaves if other.parent == leaf.id]
        for child in sorted(children, key=lambda other: -other.branch_step):
            follow(child)

    for leaf in leaves:
        if leaf.parent not in known:
            follow(leaf)
    return ordered
