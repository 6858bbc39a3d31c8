"""``agentgym check``: whether an environment keeps the rules, or a model is exact here."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from agentgym.cli.options import Seed, Settings, table_of

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    env: Annotated[str, typer.Argument(help="An environment's id.")] = "",
    all_: Annotated[bool, typer.Option("--all", help="Every registered environment.")] = False,
    settings: Settings = None,
    episodes: Annotated[int, typer.Option(min=1, help="Tasks of each split to play.")] = 3,
    seed: Seed = 0,
    model: Annotated[
        str, typer.Option(help="A model, adapter, checkpoint or run folder, or smollm2.")
    ] = "",
    engine: Annotated[
        Literal["local", "vllm"], typer.Option(help="With vllm, a model is tried there too.")
    ] = "local",
    device: Annotated[str, typer.Option(help="Where a model runs: cpu, cuda, ...")] = "cpu",
) -> None:
    """Try out an environment, or a model.

    An environment: spaces, tasks, determinism, forks, malformed actions, the end.

    A model: weights, tokenizer, chat template, sampling against the learner, LoRA; with
    --engine vllm also whether vLLM computes the same and takes new weights.
    """
    from rich.console import Console

    if [bool(env), all_, bool(model)].count(True) != 1:
        raise typer.BadParameter("name one environment, or give --all or --model FOLDER")
    console = Console(soft_wrap=True)
    if model:
        failed = _model(console, model, engine == "vllm", device)
    else:
        failed = _environments(console, env, settings, episodes, seed)
    if failed:
        console.print(f"{failed} checks failed", style="bold red")
        raise typer.Exit(1)


def _model(console: Console, name: str, vllm: bool, device: str) -> int:
    """Print what was found about a model; how many checks failed."""
    from rich.text import Text

    from agentgym.errors import MissingExtra

    points = entry_points(group="agentgym.checks", name="model")
    if not points:
        raise MissingExtra("a check of models", "train")
    (point,) = points
    failed = 0
    for rule, found, holds in point.load()(name, vllm=vllm, device=device):
        failed += not holds
        console.print(Text("✓ " if holds else "✗ ", "green" if holds else "red") + Text(rule, ""))
        console.print(Text(f"    {found}", "dim" if holds else "red"))
    return failed


def _environments(
    console: Console, env: str, settings: list[str] | None, episodes: int, seed: int
) -> int:
    """Print what was found about one or all environments; how many checks failed."""
    from rich.text import Text

    from agentgym.env.registry import make, registered
    from agentgym.errors import MissingExtra
    from agentgym.testing import findings_of

    failed = 0
    for name in [env] if env else registered():
        console.print(Text(name, style="bold"))
        kwargs = table_of(settings)
        try:
            make(name, **kwargs).close()
        except MissingExtra as error:
            if env:
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
    return failed
