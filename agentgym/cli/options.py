"""Options that several commands share."""

from typing import Annotated, Any

import typer

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
