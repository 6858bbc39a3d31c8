"""A session with a server, kept open by a task of its own. It lives on the background loop."""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from tempfile import TemporaryFile
from typing import Any, TextIO

import anyio
import httpx2
import mcp_types
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from agentgym.errors import ServerError
from agentgym.mcp.address import Address, HttpServer, StdioServer
from agentgym.mcp.server_folder import ServerFolder
from agentgym.runtime import supervisor

PROBE = 5.0  # seconds in which a server that is in doubt must show that it lives
CLOSING = 15.0  # seconds for all that the SDK does to end a server
CONNECTING = 10.0
SILENT = 3600.0  # the one who asks sets the time limit
LAST_WORDS = 2000  # characters

Transport = AbstractAsyncContextManager[Any]
"""Opens the streams of messages to and from a server."""
_tasks: set[asyncio.Task[None]] = set()  # the loop itself would let them be collected


class Connection:
    """Open until :meth:`close`, or until nobody refers to it."""

    def __init__(self, client: Client, closing: asyncio.Event, task: asyncio.Task[None]) -> None:
        """Of a session that :func:`connect` has opened."""
        self.unanswered = 0
        """Calls that have no answer, yet or for ever."""
        self.in_doubt = False
        """Whether a call ended in a way after which the server may be dead."""
        self._client, self._closing, self._task = client, closing, task
        loop = asyncio.get_running_loop()
        weakref.finalize(self, _close_soon, loop, closing).atexit = False

    async def call(self, name: str, given: dict[str, Any]) -> mcp_types.CallToolResult:
        """Call a tool; MCPError when the server refuses, is gone, or breaks the protocol."""
        in_doubt = True
        self.unanswered += 1
        try:
            answer = await self._client.call_tool(name, given)
            in_doubt = False
        except MCPError as error:
            in_doubt = error.code != mcp_types.INVALID_PARAMS
            raise
        finally:
            self.in_doubt |= in_doubt
            self.unanswered -= not in_doubt
        return answer

    async def listing(self) -> list[mcp_types.Tool]:
        """What the server offers now."""
        tools: list[mcp_types.Tool] = []
        cursor = None
        while True:
            page = await self._client.list_tools(cursor=cursor, cache_mode="bypass")
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                return tools

    async def alive(self) -> bool:
        """Whether it answers a question that costs it nothing."""
        try:
            with anyio.fail_after(PROBE):
                await self._client.list_tools(cache_mode="bypass")
        except Exception:  # noqa: BLE001  whatever it is, it is no answer
            return False
        return True

    async def close(self) -> None:
        """End the session, and the server if it is ours."""
        self._closing.set()
        with anyio.CancelScope(shield=True):
            await _ended(self._task)


async def connect(address: Address, folder: ServerFolder | None, seconds: float) -> Connection:
    """Start a server, or connect to a running one, and negotiate the protocol.

    Raises:
        ServerError: that failed, or took longer than ``seconds``.
    """
    closing = asyncio.Event()
    opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        task = asyncio.create_task(_hold(_transport(address, folder, said), opened, closing))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        try:
            await asyncio.wait({opened}, timeout=seconds)
            if opened.done():
                return Connection(opened.result(), closing, task)
            problem = f"waited {seconds:g} s for the MCP server {address} to start and answer"
        except Exception as error:  # noqa: BLE001  whatever it is, it did not start
            problem = f"the MCP server {address} does not start: {_cause(error)}"
        except asyncio.CancelledError:
            closing.set()
            raise
        task.cancel()
        await _ended(task)
        raise ServerError(problem + _last_words(said))


async def _hold(
    transport: Transport,
    opened: asyncio.Future[Client],
    closing: asyncio.Event,
) -> None:
    """Open and close in one task, as the SDK's cancel scopes demand."""
    try:
        async with Client(transport) as client:
            opened.set_result(client)
            await closing.wait()
    except Exception as error:  # noqa: BLE001  passed on, or seen by those who call
        if not opened.done():
            opened.set_exception(error)


def _transport(address: Address, folder: ServerFolder | None, said: TextIO) -> Transport:
    if isinstance(address, HttpServer):
        return _over_http(address)
    assert folder is not None
    return _over_stdio(address, folder, said)


def _over_stdio(address: StdioServer, folder: ServerFolder, said: TextIO) -> Transport:
    guarded = ["-I", "-S", supervisor.__file__, "talk", str(folder.transfer())]
    path = str(folder.path)
    parameters = StdioServerParameters(
        command=sys.executable,
        args=[*guarded, *address.command_in(path)],
        env=address.variables_in(path),
        encoding_error_handler="replace",
    )
    return stdio_client(parameters, said)


@asynccontextmanager
async def _over_http(address: HttpServer) -> AsyncIterator[Any]:
    timeout = httpx2.Timeout(SILENT, connect=CONNECTING)
    async with (
        httpx2.AsyncClient(headers=address.headers, timeout=timeout) as http,
        streamable_http_client(address.url, http_client=http) as streams,
    ):
        yield streams


async def _ended(task: asyncio.Task[None]) -> None:
    done, _ = await asyncio.wait({task}, timeout=CLOSING)
    if not done:
        task.cancel()


def _close_soon(loop: asyncio.AbstractEventLoop, closing: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop is closed, and with it every session
        loop.call_soon_threadsafe(closing.set)


def _cause(error: BaseException) -> str:
    """The first error in a group of them; the SDK's task groups wrap what is raised in them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


def _last_words(said: TextIO) -> str:
    said.seek(0)
    words = said.read()[-LAST_WORDS:].strip()
    return f"\nIts last words:\n{words}" if words else ""
