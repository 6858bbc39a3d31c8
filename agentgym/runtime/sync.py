"""Call asynchronous functions from synchronous code: a script, a notebook, a REPL."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
from anyio.from_thread import start_blocking_portal

P = ParamSpec("P")
T = TypeVar("T")


def run(function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call an asynchronous function and wait for it: ``run(rollout, env, policy, task)``.

    If an event loop is running already, as in a notebook, the call runs in another thread with its
    own loop, and blocks the caller's loop meanwhile. In a coroutine of your own, write
    ``await rollout(env, policy, task)`` instead.

    Returns:
        What the function returns; what it raises is raised here.
    """
    call = partial(function, *args, **kwargs)
    if not _is_in_event_loop():
        return anyio.run(call)
    with start_blocking_portal() as portal:
        return portal.call(call)


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
