"""An event loop in a thread of its own, for what outlives an episode: browsers, servers of tools.

A browser page belongs to the loop that opened it, but an environment may be stepped from any loop
and from none. What it owns lives here, and both of its doors lead here:

    background.call(page.click, "#buy")            from ordinary code
    await background.acall(page.click, "#buy")     from a coroutine on any loop
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TypeVar, TypeVarTuple

from anyio.from_thread import BlockingPortal, start_blocking_portal

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

NAME = "agentgym-background"

_lock = threading.Lock()
_running: BlockingPortal | None = None


def portal() -> BlockingPortal:
    """The loop; started at the first use, ended with the process."""
    global _running  # noqa: PLW0603  one for the process
    with _lock:
        if _running is None:
            stack = ExitStack()
            _running = stack.enter_context(start_blocking_portal(name=NAME))
            atexit.register(stack.close)
        return _running


def call(function: Callable[[*Arguments], Awaitable[T]], *arguments: *Arguments) -> T:
    """Run a coroutine function there and wait; not from a coroutine, which it would block."""
    return portal().call(function, *arguments)


async def acall(function: Callable[[*Arguments], Awaitable[T]], *arguments: *Arguments) -> T:
    """Run a coroutine function there and await its result; cancelling one cancels the other."""
    if threading.current_thread().name == NAME:
        return await function(*arguments)
    return await asyncio.wrap_future(portal().start_task_soon(function, *arguments))
