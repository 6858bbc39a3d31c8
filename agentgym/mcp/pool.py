"""Servers for episodes: each serves one at a time, and is clean when the episode begins.

    graphs = ServerPool(StdioServer(command=[...]), size=64)
    lease = graphs.lease()
    lease.begin()                     # a clean server, for this episode alone
    lease.call("read_graph", {})
    lease.end()                       # it may serve another episode

What makes a server clean is a coroutine function of it: :func:`restarted` (the default),
``calling(...)``, or one of your own, which raises ServerError when it fails.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import anyio
import mcp_types

from agentgym.errors import BadInput, ServerError
from agentgym.mcp.address import Address
from agentgym.mcp.server_tool import server_tools
from agentgym.mcp.tool_server import ToolServer
from agentgym.runtime import background
from agentgym.tools.tool import Tool, ToolCall, ToolResult

Reset = Callable[[ToolServer], Awaitable[None]]


async def restarted(server: ToolServer) -> None:
    """Clean because it is new: a server that was called is started again, in an empty folder."""
    await server.refresh()


def calling(*calls: ToolCall) -> Reset:
    """Clean after these calls, in this order; one that fails is followed by a restart."""

    async def reset(server: ToolServer) -> None:
        for call in calls:
            result = await server.acall(call.name, call.arguments)
            if result.error:
                raise ServerError(f"resetting {server.address}: {call.name}: {result.content}")

    return reset


class ServerPool:
    """Starts servers as they are asked for. Its state is touched on the background loop alone."""

    def __init__(
        self,
        address: Address,
        *,
        size: int = 16,
        reset: Reset = restarted,
        reset_timeout: float = 60.0,
        wait_timeout: float = 120.0,
        start_timeout: float = 20.0,
    ) -> None:
        """Nothing is started yet.

        Args:
            address: how each server is reached.
            size: servers at most; at least the episodes that run at once, or some wait.
            reset: makes a server clean for the next episode; start and restarts included it may
                take ``reset_timeout`` seconds.
            reset_timeout: seconds.
            wait_timeout: seconds that an episode waits for a free server.
            start_timeout: see :class:`ToolServer`.
        """
        self.address, self.size, self.reset = address, size, reset
        self.reset_timeout, self.wait_timeout = reset_timeout, wait_timeout
        self.start_timeout = start_timeout
        self._servers: list[ToolServer] = []
        self._idle: list[ToolServer] = []
        self._listed: list[mcp_types.Tool] | None = None
        self._free = anyio.Semaphore(size)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed = False

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copies of an environment share it."""
        return self

    def __enter__(self) -> Self:
        """The pool, for the time of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """See :meth:`close`."""
        self.close()

    def lease(self) -> Lease:
        """For one environment, which has one episode at a time."""
        return Lease(self)

    def close(self) -> None:
        """End all servers, those on lease too; not from an event loop."""
        background.call(self.aclose)

    async def aclose(self) -> None:
        """:meth:`close`, on an event loop."""
        await background.acall(self._close)

    def tools(self, lease: Lease) -> tuple[Tool, ...]:
        """What the servers offer, as tools of a lease; starts one at the first use."""
        return server_tools(self._listed or background.call(self._listing), lease, owner=lease)

    async def acquire(self) -> ToolServer:
        """A clean server that nobody else has; to be called on the background loop.

        Raises:
            ServerError: none became free in time, or it cannot be started or made clean.
            BadInput: the pool is closed.
        """
        server = await self._next()
        try:
            await self._clean(server)
            self._listed = self._listed or await server.listing()
        except BaseException:
            self.release([server])
            raise
        return server

    def release(self, held: list[ToolServer]) -> None:
        """Let other episodes have these; on the background loop too."""
        while held:
            self._idle.append(held.pop())
            self._free.release()

    def give_back_soon(self, held: list[ToolServer]) -> None:
        """:meth:`release` from any thread, without waiting."""
        if held and self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and all servers with it
                self._loop.call_soon_threadsafe(self.release, held)

    async def _next(self) -> ToolServer:
        if self.closed:
            raise BadInput(f"the pool of MCP servers {self.address} is closed")
        self._loop = asyncio.get_running_loop()
        try:
            with anyio.fail_after(self.wait_timeout):
                await self._free.acquire()
        except TimeoutError as error:
            raise ServerError(
                f"waited {self.wait_timeout:g} s for one of {self.size} MCP servers {self.address}:"
                " other episodes have them all. Make the pool as large as the number of episodes"
                " at once, and end leases that are not used"
            ) from error
        if not self._idle:
            self._idle.append(ToolServer(self.address, start_timeout=self.start_timeout))
            self._servers.append(self._idle[0])
        return self._idle.pop()

    async def _clean(self, server: ToolServer) -> None:
        """Reset a server; one that cannot be reset is restarted, and reset once more."""
        try:
            await self._reset(server)
        except ServerError:
            await server.restart()
            await self._reset(server)

    async def _reset(self, server: ToolServer) -> None:
        try:
            with anyio.fail_after(self.reset_timeout):
                await server.settle()
                await self.reset(server)
        except TimeoutError as error:
            waited = f"waited {self.reset_timeout:g} s for the reset of the MCP server"
            raise ServerError(f"{waited} {self.address}") from error

    async def _listing(self) -> list[mcp_types.Tool]:
        server = await self._next()
        try:
            self._listed = await server.listing()
        finally:
            self.release([server])
        return self._listed

    async def _close(self) -> None:
        self.closed = True
        async with anyio.create_task_group() as group:
            for server in self._servers:
                group.start_soon(server.aclose)


class Lease:
    """The servers of one environment, one after the other.

    ``tools`` stay the same from episode to episode; a call goes to the server of the episode. What
    is not ended is ended by the next beginning, or when nobody refers to the lease any more.
    """

    def __init__(self, pool: ServerPool) -> None:
        """Without a server."""
        self._pool = pool
        self._held: list[ToolServer] = []
        weakref.finalize(self, pool.give_back_soon, self._held).atexit = False

    def __deepcopy__(self, memo: dict[int, Any]) -> Lease:
        """A lease of the same pool, without a server: two episodes must not share one."""
        return Lease(self._pool)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What the servers offer; starts one at the first use in the pool."""
        return self._pool.tools(self)

    @property
    def folder(self) -> Path:
        """What ``{folder}`` stands for in the command of the episode's server."""
        return self.server.folder

    @property
    def server(self) -> ToolServer:
        """The server of the episode; BadInput where there is none."""
        if not self._held or self._pool.closed:
            raise BadInput(f"no episode has begun on an MCP server {self._pool.address}")
        return self._held[0]

    def begin(self) -> None:
        """Take a clean server for a new episode; ServerError where there is none in time."""
        background.call(self.abegin)

    async def abegin(self) -> None:
        """:meth:`begin`, on an event loop."""
        await background.acall(self._begin)

    def end(self) -> None:
        """Let another episode have the server; at once, from everywhere."""
        ended = self._held.copy()
        self._held.clear()
        self._pool.give_back_soon(ended)

    def call(self, name: str, arguments: Mapping[str, Any], timeout: float = 30.0) -> ToolResult:
        """Call a tool by name on the server of the episode; see :meth:`ToolServer.call`."""
        return self.server.call(name, arguments, timeout)

    async def acall(
        self,
        name: str,
        arguments: Mapping[str, Any],
        timeout: float = 30.0,  # noqa: ASYNC109
    ) -> ToolResult:
        """:meth:`call`, on an event loop."""
        return await self.server.acall(name, arguments, timeout)

    async def ask(self, name: str, given: dict[str, Any]) -> ToolResult:
        """What its ``tools`` do."""
        return await self.server.ask(name, given)

    async def _begin(self) -> None:
        self._pool.release(self._held)
        self._held.append(await self._pool.acquire())
