"""``agentgym play``: an episode by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from agentgym.cli.options import Env, Seed, Settings, table_of

if TYPE_CHECKING:
    from agentgym.env.text_env import TextEnv
    from agentgym.tools.tool import Tool

KEYS = "? some possible actions    ! let the expert act    q quit"
SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("play")(play)


def play(
    env: Env,
    task: Annotated[str, typer.Option(help="A task id; default: drawn with the seed.")] = "",
    seed: Seed = 0,
    settings: Settings = None,
) -> None:
    """Play an episode in the terminal."""
    from agentgym.env.registry import make

    with make(env, **table_of(settings)) as played:
        _play(played, task, seed)


def _play(played: TextEnv, task: str, seed: int) -> None:
    typer.echo(played.system_prompt)
    for tool in played.tools:
        typer.echo(_signature(tool))
    typer.secho(KEYS, dim=True)
    observation, _ = played.reset(seed=seed, options={"task": task} if task else None)
    total, steps = 0.0, 0
    while True:
        typer.echo(f"\n{observation}")
        action = _ask(played)
        if action is None:
            typer.echo(f"left after {steps} steps, return {total:g}")
            return
        observation, reward, terminated, truncated, info = played.step(action)
        total, steps = total + float(reward), steps + 1
        if reward:
            typer.secho(f"reward {reward:g}", fg="green" if float(reward) > 0 else "red")
        if not info.get("valid", True):
            typer.secho("not a valid action", fg="yellow")
        if terminated or truncated:
            success = bool(info.get("success", total > 0))
            typer.echo(f"\n{observation}\n")
            typer.secho(
                f"{'success' if success else 'no success'}: return {total:g} in {steps} steps",
                fg="green" if success else "red",
            )
            return


def _signature(tool: Tool) -> str:
    """A line for people; a model is given the whole schema."""
    parameters = tool.schema["function"]["parameters"].get("properties", {})
    return f"{tool.name}({', '.join(parameters)})  {tool.description.partition(chr(10))[0]}"


def _ask(env: TextEnv) -> str | None:
    """The player's next action; None to leave."""
    while True:
        try:
            answer = input("> ").strip()
        except EOFError:
            return None
        match answer:
            case "q":
                return None
            case "?":
                possible = env.actions()
                typer.echo("\n".join(possible[:SHOWN]) or "this environment lists no actions")
                if len(possible) > SHOWN:
                    typer.echo(f"... and {len(possible) - SHOWN} more")
            case "!":
                action = env.expert()
                if action is not None:
                    typer.secho(f"the expert: {action}", fg="cyan")
                    return action
                typer.echo("this environment has no expert")
            case _:
                return answer
