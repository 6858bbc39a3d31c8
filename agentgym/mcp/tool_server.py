"""An MCP server that is started when it is needed, and again when it has died.

    clock = ToolServer(StdioServer(command=["mcp-server-time"]))
    clock.tools                                        # for a ToolEnv or a ToolCaller
    clock.call("get_current_time", {"timezone": "UTC"})  # from ordinary code

One server for any number of episodes at once: right for servers that keep no state between calls.
For the others there is :class:`agentgym.mcp.ServerPool`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar, TypeVarTuple

import anyio
import mcp_types
from mcp import MCPError

from agentgym.errors import BadInput, ServerError, UnknownName
from agentgym.mcp.address import Address, StdioServer
from agentgym.mcp.connection import Connection, connect
from agentgym.mcp.server_folder import ServerFolder
from agentgym.mcp.server_tool import result, server_tools
from agentgym.runtime import background
from agentgym.tools.tool import Tool, ToolResult

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


class ToolServer:
    """Methods may be called from any event loop; ``tools``, ``call`` and ``close`` from none.

    A server that dies costs the calls that it was answering: each gets a result that says so, and
    the next call starts it again. One that left a call without an answer must show that it lives
    before the next, or is started again too.
    """

    def __init__(self, address: Address, *, start_timeout: float = 20.0) -> None:
        """Nothing is started yet.

        Args:
            address: how the server is reached.
            start_timeout: seconds in which it must be ready for calls. Less than a call's own
                limit, or a slow start is reported as a slow call.
        """
        self.address, self.start_timeout = address, start_timeout
        self._folder: ServerFolder | None = None
        self._connection: Connection | None = None
        self._tools: tuple[Tool, ...] | None = None
        self._used = False
        self._lock = anyio.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copies of an environment share it."""
        return self

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What the server offers; starts it at the first use."""
        return self._tools or background.call(self.atools)

    async def atools(self) -> tuple[Tool, ...]:
        """``tools``, on an event loop."""
        if self._tools is None:
            self._tools = server_tools(await self.listing(), self)
        return self._tools

    async def listing(self) -> list[mcp_types.Tool]:
        """What the server offers, in the words of MCP."""
        return await background.acall(self._listing)

    @property
    def folder(self) -> Path:
        """What ``{folder}`` stands for in its command, from its start to its next restart."""
        if self._folder is None:
            raise BadInput(f"the MCP server {self.address} has no folder: it was not started by us")
        return self._folder.path

    def call(self, name: str, arguments: Mapping[str, Any], timeout: float = 30.0) -> ToolResult:
        """:meth:`acall` for ordinary code."""
        return background.call(self.acall, name, arguments, timeout)

    async def acall(
        self,
        name: str,
        arguments: Mapping[str, Any],
        timeout: float = 30.0,  # noqa: ASYNC109
    ) -> ToolResult:
        """Call a tool by name.

        Raises:
            UnknownName: the server offers no such tool.
            ServerError: it does not start.
        """
        tools = {tool.name: tool for tool in await self.atools()}
        if name not in tools:
            raise UnknownName("tool", name, tools)
        return await tools[name].call(arguments, timeout)

    async def ask(self, name: str, given: dict[str, Any]) -> ToolResult:
        """Call a tool with unchecked arguments and no time limit: what its ``tools`` do."""
        return await background.acall(self._ask, name, given)

    async def settle(self) -> None:
        """Make it ready for another episode; ServerError if that fails.

        It is started where it does not run, and anew where it is dead or may still be at work on a
        call that nobody waits for.
        """
        await background.acall(self._settle)

    async def restart(self) -> None:
        """End it, with its folder, and start it anew; ServerError if that fails."""
        await background.acall(self._restart)

    async def refresh(self) -> None:
        """:meth:`restart` it if it may remember something: if it was called since the last time."""
        await background.acall(self._refresh)

    def close(self) -> None:
        """:meth:`aclose` for ordinary code."""
        background.call(self.aclose)

    async def aclose(self) -> None:
        """End the session, and the server if it is ours; a later call starts it again."""
        await background.acall(self._close)

    async def _ask(self, name: str, given: dict[str, Any]) -> ToolResult:
        async with self._lock:
            connection = await self._ready()
        self._used = True
        try:
            return result(await connection.call(name, given))
        except MCPError as error:
            if error.code == mcp_types.CONNECTION_CLOSED:
                raise ConnectionError(
                    f"the server of {name} died during this call; the next one starts it again"
                ) from error
            kind = "arguments" if error.code == mcp_types.INVALID_PARAMS else "exception"
            return ToolResult(content=f"{name} was refused: {error.message}", error=kind)

    async def _listing(self) -> list[mcp_types.Tool]:
        async with self._lock:
            connection = await self._ready()
        try:
            with anyio.fail_after(self.start_timeout):
                return await connection.listing()
        except TimeoutError as error:
            waited = f"waited {self.start_timeout:g} s for the MCP server {self.address}"
            raise ServerError(f"{waited} to list its tools") from error
        except MCPError as error:
            raise ServerError(f"{self.address} does not list its tools: {error}") from error

    async def _settle(self) -> None:
        async with self._lock:
            old = self._connection
            if old is not None and (old.unanswered or not await old.alive()):
                await self._end()
            await self._ready()

    async def _restart(self) -> None:
        async with self._lock:
            await self._end()
            await self._ready()

    async def _refresh(self) -> None:
        async with self._lock:
            if self._used:
                await self._end()
            await self._ready()

    async def _close(self) -> None:
        async with self._lock:
            await self._end()

    async def _ready(self) -> Connection:
        """A session that is not known to be dead; to be called with the lock held."""
        old = self._connection
        if old is not None:
            if not old.in_doubt or await old.alive():
                old.in_doubt = False
                return old
            self._connection = None
        if self._folder is None and isinstance(self.address, StdioServer):
            self._folder = ServerFolder()
        with anyio.CancelScope(shield=True):  # a start given up would take the folder with it
            try:
                new = await connect(self.address, self._folder, self.start_timeout)
            except BaseException:
                if self._folder is not None:
                    self._folder.remove()
                    self._folder = None
                raise
            finally:
                if old is not None:
                    await old.close()
        self._connection = new
        return new

    async def _end(self) -> None:
        old, self._connection, self._folder = self._connection, None, None
        self._used = False
        if old is not None:
            await old.close()
