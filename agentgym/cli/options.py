"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from agentgym.paths import expanded

Env = Annotated[str, typer.Argument(help="An environment's id, as `agentgym list` shows it.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="An argument of the environment; repeatable."),
]
Engine = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="A setting of vLLM, as [policy.vllm] of a training config has them; repeatable.",
    ),
]
EpisodesPath = Annotated[
    Path,
    typer.Argument(parser=expanded, help="A file of episodes (JSONL), or a run's folder."),
]
Seed = Annotated[int, typer.Option(help="Of everything that is random.")]


def table_of(settings: list[str] | None) -> dict[str, Any]:
    """``key=value`` texts as a table; a value is TOML, or else text."""
    from agentgym.config import override

    return override({}, [f"--{setting}" for setting in settings or ()])


def short(text: str, width: int = 40) -> str:
    """``text`` on one line, cut in the middle."""
    line = " ".join(text.split())
    half = width // 2 - 1
    return line if len(line) <= width else f"{line[:half]}..{line[-half:]}"


def episodes_file(path: Path) -> Path:
    """A file of episodes: the path itself, or the last one of a run."""
    from agentgym.errors import BadInput

    if path.is_file():
        return path
    files = sorted(path.glob("trajectories/step-*.jsonl"))
    if not files:
        raise BadInput(f"{path} is neither a file nor a run with trajectories/step-*.jsonl")
    return files[-1]
