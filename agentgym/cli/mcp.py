"""``agentgym mcp``: our tools, or an environment, for any MCP client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentgym.cli.options import Settings, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from agentgym.tools.tool import Tool


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("mcp")(mcp)


def mcp(
    env: Annotated[
        str, typer.Argument(help="An environment's id: its episodes are offered, not tools.")
    ] = "",
    settings: Settings = None,
    tool: Annotated[
        list[str] | None,
        typer.Option(help="A tool that `agentgym list` shows; repeatable; default: all."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Serve streamable HTTP there; default: standard input and output."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Only loopback is safe: who reaches it can call the tools.")
    ] = "127.0.0.1",
) -> None:
    """Offer tools, or an environment (reset, step, anchor), by the Model Context Protocol.

    Each client has tools and an episode of its own.
    """
    from agentgym.errors import BadInput
    from agentgym.mcp.offer import offer, over_http, over_stdio
    from agentgym.runtime.sync import run

    if env and tool:
        raise BadInput("an environment and tools are offered by two servers; leave one out")
    if env:
        server = offer(env, _episode(env, table_of(settings)))
    else:
        server = offer("agentgym", _chosen(tool))
    if port is None:
        run(over_stdio, server)
    else:
        typer.echo(f"{server.name} is offered at http://{host}:{port}/mcp; Ctrl-C stops it")
        run(over_http, server, host, port)


def _episode(env: str, settings: dict[str, Any]) -> Callable[[ExitStack], Sequence[Tool]]:
    from contextlib import ExitStack

    from agentgym.env.registry import make
    from agentgym.mcp.episode_tools import EpisodeTools
    from agentgym.tools.tool import tools_of

    def make_tools(stack: ExitStack) -> Sequence[Tool]:
        made = make(env, **settings)
        stack.callback(made.close)
        return tools_of(EpisodeTools(made))

    with ExitStack() as stack:
        make_tools(stack)  # what cannot be made is said now, not to the first client
    return make_tools


def _chosen(names: list[str] | None) -> Callable[[ExitStack], Sequence[Tool]]:
    """Tools of the entry-point group ``agentgym.tools``: those named, or all that can be loaded."""
    from importlib.metadata import entry_points

    from agentgym.errors import UnknownName
    from agentgym.tools.tool import Tool, tools_of

    points = {point.name: point for point in entry_points(group="agentgym.tools")}
    loaded = []
    for name in names or sorted(points):
        if name not in points:
            raise UnknownName("tool", name, points, "`agentgym list` shows them all.")
        try:
            loaded.append(points[name].load())
        except Exception as error:
            if names:
                raise
            typer.echo(f"tool {name} is unavailable: {type(error).__name__}: {error}", err=True)

    def make_tools(_: ExitStack) -> Sequence[Tool]:
        """A tool as it is; a class with tools as an object of the client's own."""
        own = ((one,) if isinstance(one, Tool) else tools_of(one()) for one in loaded)
        return [tool for tools in own for tool in tools]

    return make_tools
