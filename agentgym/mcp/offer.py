"""Tools and environments offered to MCP clients, over stdio and streamable HTTP.

    await over_stdio(offer("calculator", lambda: [calculator]))

Every client has tools of its own, made when it first asks and let go when its session ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import anyio
import anyio.to_thread
import mcp_types
import uvicorn
from mcp import MCPError
from mcp.server.lowlevel import Server
from mcp.server.runner import serve_loop
from mcp.server.stdio import stdio_server
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from agentgym.errors import UnknownName
from agentgym.tools.tool import Tool, ToolResult

Client = Any
"""The SDK's request context."""
CALL = 120.0  # seconds that a call may take
LEAVING = 2.0  # seconds for open streams when the server is stopped


def offer(
    name: str, make_tools: Callable[[ExitStack], Sequence[Tool]], instructions: str | None = None
) -> Server[Any]:
    """A server whose clients each get tools of their own.

    Args:
        name: what clients show.
        make_tools: called in a thread, once for each client; what it puts on the stack is let go
            when the client has left.
        instructions: for the model.
    """

    async def tools(client: Client) -> dict[str, Tool]:
        connection = client.session._connection  # the SDK's own place for what a client has
        if client.protocol_version not in HANDSHAKE_PROTOCOL_VERSIONS:
            raise MCPError(
                mcp_types.INVALID_REQUEST,
                f"{name} remembers its clients, so it needs sessions, which end with protocol "
                f"{HANDSHAKE_PROTOCOL_VERSIONS[-1]}; you speak {client.protocol_version}",
            )
        async with connection.state.setdefault("turn", anyio.Lock()):
            if "tools" not in connection.state:
                stack = ExitStack()
                made = await anyio.to_thread.run_sync(make_tools, stack)
                connection.exit_stack.push_async_callback(anyio.to_thread.run_sync, stack.close)
                connection.state["tools"] = {tool.name: tool for tool in made}
        known: dict[str, Tool] = connection.state["tools"]
        return known

    async def on_list_tools(client: Client, _: Any) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(
            tools=[_offered(tool) for tool in (await tools(client)).values()]
        )

    async def on_call_tool(
        client: Client, params: mcp_types.CallToolRequestParams
    ) -> mcp_types.CallToolResult:
        known = await tools(client)
        if params.name not in known:
            raise MCPError(mcp_types.INVALID_PARAMS, str(UnknownName("tool", params.name, known)))
        return _answer(await known[params.name].call(params.arguments or {}, timeout=CALL))

    async def on_discover(_: Client, __: Any) -> mcp_types.DiscoverResult:
        return mcp_types.DiscoverResult(
            supported_versions=list(HANDSHAKE_PROTOCOL_VERSIONS),
            capabilities=server.get_capabilities(),
            instructions=instructions,
        )

    server = Server[Any](
        name, instructions=instructions, on_list_tools=on_list_tools, on_call_tool=on_call_tool
    )
    # Clients of later protocols, which have no sessions, are thus told to shake hands.
    server.add_request_handler("server/discover", mcp_types.RequestParams, on_discover)
    return server


async def over_stdio(server: Server[Any]) -> None:
    """Serve the one client at the other end of standard input and output until it leaves."""
    async with stdio_server() as (read, write):
        await serve_loop(server, read, write, lifespan_state={})


async def over_http(server: Server[Any], host: str, port: int) -> None:
    """Serve clients at ``http://host:port/mcp`` until interrupted."""
    config = uvicorn.Config(
        server.streamable_http_app(host=host),
        host=host,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=int(LEAVING),
    )
    await uvicorn.Server(config).serve()


def _offered(tool: Tool) -> mcp_types.Tool:
    function = tool.schema["function"]
    return mcp_types.Tool(
        name=tool.name, description=tool.description, input_schema=function["parameters"]
    )


def _answer(result: ToolResult) -> mcp_types.CallToolResult:
    """A result that is a JSON object is offered as such too."""
    try:
        value = json.loads(result.content)
    except ValueError:
        value = None
    return mcp_types.CallToolResult(
        content=[mcp_types.TextContent(text=result.content)],
        structured_content=value if isinstance(value, dict) else None,
        is_error=result.error is not None,
    )
