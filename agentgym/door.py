"""The one door from ordinary code into the asynchronous inside."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio

P = ParamSpec("P")
T = TypeVar("T")


def run(function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call an asynchronous function and wait for it: ``run(rollout, env, policy, task)``."""
    return anyio.run(partial(function, *args, **kwargs))
