"""``agentgym eval``: how well policies do, with intervals."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentgym.cli.options import Engine, Seed, Settings, table_of
from agentgym.paths import expanded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentgym.cli.playing import Round
    from agentgym.trajectory import Trajectory


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("eval")(evaluate)


def evaluate(
    env: Annotated[str, typer.Argument(help="An environment's id; none with --suite.")] = "",
    suite: Annotated[
        str, typer.Option(help="Instead of one environment: agentgym/core, or a TOML file.")
    ] = "",
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="random, expert, a run, checkpoint or model folder, vllm:FOLDER, vllm:URL, "
            "chat:MODEL@URL; repeatable."
        ),
    ] = None,
    saved: Annotated[
        list[Path] | None,
        typer.Option("--from", parser=expanded, help="A file of saved episodes (JSONL)."),
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
        Path | None,
        typer.Option(parser=expanded, help="Save the episodes (JSONL); -1, -2, ... with several."),
    ] = None,
    transcripts: Annotated[int, typer.Option(min=0, help="Print so many episodes of each.")] = 0,
) -> None:
    """Evaluate policies, and compare each with the first on the same tasks."""
    from agentgym.cli import report, suite as of_suite
    from agentgym.cli.playing import Manner, play
    from agentgym.config import validate
    from agentgym.context.context import Window
    from agentgym.evaluation.suite import suite as named_suite
    from agentgym.policy import Sampling
    from agentgym.policy.spec import Options, policy_of
    from agentgym.policy.vllm import EngineConfig
    from agentgym.rollouts.limits import Limits
    from agentgym.trajectory import read_jsonl

    if not (policy or saved):
        raise typer.BadParameter("name a --policy, or saved episodes with --from")
    if policy and bool(env) == bool(suite):
        raise typer.BadParameter("name what to play: agentgym eval ENV, or --suite NAME")
    if suite and (saved or tasks or settings):
        raise typer.BadParameter("a suite names its own tasks: no --from, --tasks or --set with it")
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
    manner = Manner(
        samples=samples,
        seed=seed,
        sampling=Sampling(temperature=temperature, max_tokens=max_tokens),
        limits=Limits(max_steps=max_steps),
        concurrency=concurrency,
    )
    rounds: list[Round] = []
    if suite:
        rounds = of_suite.rounds_of(named_suite(suite))
    elif env:
        rounds = [_round(env, table_of(settings), split, tasks)]
    played: dict[str, list[list[Trajectory]]] = {}
    for number, one in enumerate(named, start=1):
        played[one.label] = play(one, rounds, manner)
        if out:
            place = f"-{number}" if len(named) > 1 else ""
            file = out.with_name(f"{out.stem}{place}{out.suffix}")
            _save(file, [episode for of in played[one.label] for episode in of])
            typer.echo(f"{one.label}: episodes saved in {file}")
    if suite:
        of_suite.show(rounds, played)
    else:
        from_files = {str(file): list(read_jsonl(file)) for file in saved or ()}
        report.show(from_files | {label: of[0] for label, of in played.items()})
    for label, of in played.items():
        for trajectory in (one for episodes in of for one in episodes[:transcripts]):
            report.show_transcript(label, trajectory)


def _round(env: str, kwargs: dict[str, object], split: str, count: int) -> Round:
    from agentgym.cli.playing import Round
    from agentgym.env.registry import make
    from agentgym.errors import UnknownName

    first = make(env, **kwargs)
    if split not in first.splits:
        raise UnknownName("split", split, first.splits)
    return Round(env, lambda: make(env, **kwargs), first.tasks(split)[: count or None])


def _save(file: Path, episodes: Sequence[Trajectory]) -> None:
    from agentgym.errors import BadInput
    from agentgym.trajectory import write_jsonl

    try:
        write_jsonl(file, episodes)
    except OSError as error:
        raise BadInput(f"cannot write {file}: {error}") from error
