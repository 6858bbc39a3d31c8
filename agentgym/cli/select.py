"""``agentgym select``: the tasks worth training on, by how often saved episodes solved them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentgym.paths import expanded


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("select")(select)


def select(
    episodes: Annotated[
        Path,
        typer.Argument(
            parser=expanded, help="Saved episodes (JSONL): agentgym eval ... --samples 16 --out F"
        ),
    ],
    out: Annotated[
        Path, typer.Option(parser=expanded, help="Write the task ids here, a line each.")
    ],
    least: Annotated[int, typer.Option(min=0, help="Solved at least so often.")] = 1,
    most: Annotated[
        int | None, typer.Option(min=0, help="... and at most so often; default: any number.")
    ] = None,
) -> None:
    """Choose the tasks that a policy solves sometimes; `env.tasks` of a config takes the file."""
    from agentgym.errors import BadInput
    from agentgym.evaluation.selection import solved, write_selection
    from agentgym.trajectory import read_jsonl

    played = list(read_jsonl(episodes))
    ids = solved(played, least, most)
    tasks = len({trajectory.task.id for trajectory in played})
    if not ids:
        raise BadInput(f"none of the {tasks} tasks was solved that often; lower --least")
    try:
        write_selection(out, ids)
    except OSError as error:
        raise BadInput(f"cannot write {out}: {error}") from error
    typer.echo(f"{len(ids)} of {tasks} tasks are in {out}; train on them: --env.tasks={out}")
