"""``agentgym eval``: how well policies do, with intervals."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentgym.cli.options import Engine, Seed, Settings, table_of

if TYPE_CHECKING:
    from agentgym.episode import Limits
    from agentgym.policy import Sampling
    from agentgym.policy.spec import Named
    from agentgym.trajectory import Trajectory


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("eval")(evaluate)


def evaluate(
    env: Annotated[str, typer.Argument(help="An environment's id; none with --from alone.")] = "",
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="random, expert, a run, checkpoint or model folder, vllm:FOLDER, vllm:URL, "
            "chat:MODEL@URL; repeatable."
        ),
    ] = None,
    saved: Annotated[
        list[Path] | None, typer.Option("--from", help="A file of saved episodes (JSONL).")
    ] = None,
    split: Annotated[str, typer.Option(help="Which tasks.")] = "test",
    tasks: Annotated[int, typer.Option(min=0, help="The first so many; 0 means all.")] = 0,
    samples: Annotated[int, typer.Option(min=1, help="Episodes of each task.")] = 1,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 1.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest action, in tokens.")] = 64,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Longest episode.")] = None,
    window: Annotated[
        int | None,
        typer.Option(min=0, help="Past turns to show; default: as in training, else all."),
    ] = None,
    device: Annotated[str, typer.Option(help="Where a model runs: cpu, cuda, cuda:1.")] = "cpu",
    engine: Engine = None,
    prices: Annotated[
        tuple[float, float],
        typer.Option(help="Of a million prompt and a million completion tokens (chat:)."),
    ] = (0.0, 0.0),
    concurrency: Annotated[int, typer.Option(min=1, help="Episodes in flight.")] = 64,
    seed: Seed = 0,
    settings: Settings = None,
    out: Annotated[
        Path | None, typer.Option(help="Save the episodes (JSONL); -1, -2, ... with several.")
    ] = None,
    transcripts: Annotated[int, typer.Option(min=0, help="Print so many episodes of each.")] = 0,
) -> None:
    """Evaluate policies, and compare each with the first on the same tasks."""
    from agentgym.cli import report
    from agentgym.config import validate
    from agentgym.context import Window
    from agentgym.episode import Limits
    from agentgym.errors import BadInput
    from agentgym.policy import Sampling
    from agentgym.policy.spec import Options, policy_of
    from agentgym.policy.vllm import EngineConfig
    from agentgym.trajectory import read_jsonl, write_jsonl

    if not (policy or saved):
        raise typer.BadParameter("name a --policy, or saved episodes with --from")
    if policy and not env:
        raise typer.BadParameter("name the environment to play: agentgym eval ENV --policy ...")
    options = Options(
        device=device,
        engine=validate(EngineConfig, table_of(engine), "--engine"),
        input_price=prices[0],
        output_price=prices[1],
        say=partial(typer.echo, err=True),
    )
    named = [policy_of(spec, options) for spec in policy or ()]
    if window is not None:
        named = [one._replace(context=Window(turns=window)) for one in named]
    results = {str(file): list(read_jsonl(file)) for file in saved or ()}
    for number, one in enumerate(named, start=1):
        sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
        limits = Limits(max_steps=max_steps)
        results[one.label] = _play(
            env, one, table_of(settings), split, tasks, samples, seed, sampling, limits, concurrency
        )
        if out:
            place = f"-{number}" if len(named) > 1 else ""
            file = out.with_name(f"{out.stem}{place}{out.suffix}")
            try:
                write_jsonl(file, results[one.label])
            except OSError as error:
                raise BadInput(f"cannot write {file}: {error}") from error
            typer.echo(f"{one.label}: episodes saved in {file}")
    report.show(results)
    for label, episodes in results.items():
        for trajectory in episodes[:transcripts]:
            report.show_transcript(label, trajectory)


def _play(
    env: str,
    named: Named,
    kwargs: dict[str, object],
    split: str,
    count: int,
    samples: int,
    seed: int,
    sampling: Sampling,
    limits: Limits,
    concurrency: int,
) -> list[Trajectory]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from agentgym.door import run
    from agentgym.errors import UnknownName
    from agentgym.evaluation import evaluate as play_all
    from agentgym.registry import make

    first = make(env, **kwargs)
    if split not in first.splits:
        raise UnknownName("split", split, first.splits)
    chosen = first.tasks(split)[: count or None]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task(named.label, total=len(chosen) * samples)

        async def played() -> list[Trajectory]:
            async with named.open() as policy:
                return await play_all(
                    lambda: make(env, **kwargs),
                    policy,
                    chosen,
                    samples=samples,
                    seed=seed,
                    context=named.context,
                    sampling=sampling,
                    limits=limits,
                    concurrency=concurrency,
                    on_trajectory=lambda _: progress.advance(bar),
                )

        return run(played)
