"""One call: through its tool's limiter, in its time, and again where that can help.

A thread cannot be ended from outside. A sync call that takes too long is given up: its episode
goes on at once, its thread keeps its place at the tool's limiter until it ends, and meanwhile the
episode runs no other method of the same object, whose state it may change. Threads are therefore
never more than the limiters let in. A tool that fills its own limiter with hanging calls is refused
without waiting, and no other tool notices.
"""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import Future
from typing import NamedTuple

import anyio
import httpx
from pydantic import BaseModel

from agentgym.errors import ServerError
from agentgym.tools.caller.limits import CallLimits, Ledger
from agentgym.tools.caller.rate_limiter import RateLimiter, SlotTimeout
from agentgym.tools.tool import Outcome, Tool, ToolResult, TooSlow, Transient, result_of

LONGEST_PAUSE = 60.0  # seconds; who is told to wait longer is better told so

NEVER_ARRIVED = (
    ConnectionRefusedError,
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
)
"""What failed before the other side could do anything."""
PERHAPS_DONE = (TimeoutError, ConnectionError, httpx.TransportError)
"""What failed when the other side may have been at work: only what is repeatable is tried again."""


class _GivenUp(NamedTuple):
    """A sync call that still runs though nobody waits for it."""

    tool: Tool
    ledger: Ledger
    late: bool
    """It took longer than it may; False: its episode was cancelled."""


class Attempts:
    """Runs calls; knows each tool's limiter and the sync calls that were given up but still run."""

    def __init__(self) -> None:
        self._limiters: dict[str, RateLimiter] = {}
        self._given_up: dict[Future[Outcome], _GivenUp] = {}

    async def result(
        self, tool: Tool, given: BaseModel, limits: CallLimits, ledger: Ledger
    ) -> ToolResult:
        """Try until it succeeds or may not be tried again; attempts are added to the ledger."""
        limiter = self._limiters.setdefault(tool.name, RateLimiter(limits.concurrency, limits.rate))
        pause, attempt = limits.pause, 0
        while True:
            attempt += 1
            if stuck := self.still_runs(tool, ledger):
                return _busy(f"{tool.name} was not run: {stuck} took too long and still runs")
            try:
                outcome = await self._one(tool, given, limits, limiter, ledger)
            except SlotTimeout:
                return self._refused(tool, limiter)
            wait = may_help(tool, outcome)
            again = wait is not None and wait <= LONGEST_PAUSE and not self.still_runs(tool, ledger)
            if not again or attempt == limits.attempts:
                return _told(result_of(outcome), attempt)
            ledger.retries += 1
            await anyio.sleep(max(pause, wait or 0.0) * random.uniform(1.0, 1.5))
            pause = min(2 * pause, LONGEST_PAUSE)

    def still_runs(self, tool: Tool, ledger: Ledger) -> str | None:
        """The name of a call that the episode gave up and that may still change the object."""
        if tool.owner is None or tool.pure:
            return None
        for other, of, _ in tuple(self._given_up.values()):
            if of is ledger and other.owner is tool.owner and not other.pure:
                return other.name
        return None

    async def _one(
        self, tool: Tool, given: BaseModel, limits: CallLimits, limiter: RateLimiter, ledger: Ledger
    ) -> Outcome:
        """A single attempt."""
        all_hanging = self._hanging(tool) >= limiter.concurrency
        await limiter.acquire(0.0 if all_hanging else limits.patience)
        if tool.is_async:
            try:
                with anyio.move_on_after(limits.timeout):
                    return await tool.aanswer(given)
            finally:
                limiter.release()
        else:
            try:
                running = tool.start(given)
            except RuntimeError as error:  # the system has no thread left
                limiter.release()
                return error
            running.add_done_callback(lambda _: limiter.release())
            try:
                with anyio.move_on_after(limits.timeout) as clock:
                    return await asyncio.wrap_future(running)
            finally:
                if not running.done():
                    self._given_up[running] = _GivenUp(tool, ledger, clock.cancelled_caught)
                    running.add_done_callback(self._given_up.pop)
        return TooSlow(tool.name, limits.timeout)

    def _hanging(self, tool: Tool) -> int:
        given_up = tuple(self._given_up.values())
        return sum(other.name == tool.name and late for other, _, late in given_up)

    def _refused(self, tool: Tool, limiter: RateLimiter) -> ToolResult:
        hanging = self._hanging(tool)
        hang = f", {hanging} of them hang" if hanging else ""
        return _busy(f"{tool.name} is busy: {limiter.in_use} calls of it are running{hang}")


def may_help(tool: Tool, outcome: Outcome) -> float | None:
    """Least seconds after which to try again; None where that would not help, or might harm."""
    if isinstance(outcome, (Transient, ServerError)):
        return outcome.pause
    if isinstance(outcome, NEVER_ARRIVED):
        return 0.0
    may_run_twice = tool.repeatable or tool.pure
    return 0.0 if may_run_twice and isinstance(outcome, PERHAPS_DONE) else None


def _told(result: ToolResult, attempts: int) -> ToolResult:
    if attempts == 1 or result.error is None:
        return result
    return ToolResult(content=f"{result.content} (tried {attempts} times)", error=result.error)


def _busy(why: str) -> ToolResult:
    return ToolResult(content=f"{why}. Try again later, or do without it.", error="busy")
