"""Asynchronous functions, called from ordinary code: a script, a notebook, a REPL."""

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

    Where an event loop runs already, as in a notebook, the call has a loop of its own in another
    thread and the loop of the caller stands still meanwhile. In a coroutine of your own, write
    ``await rollout(env, policy, task)`` instead.
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
