"""The limiter of a tool: so many calls at a time, so many a second, first come first served.

One limiter serves all event loops of a process, as a run may use one loop after another while the
threads of calls that hang stay. Hence futures of threads and not the primitives of one loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import Future
from threading import Lock

import anyio


class Busy(Exception):
    """The limiter did not open in time."""


class RateLimiter:
    """Whoever has entered must leave; calls may leave from any thread."""

    def __init__(self, concurrency: int, rate: float | None) -> None:
        """Let ``concurrency`` calls in at a time and, at even intervals, ``rate`` a second."""
        self.concurrency = concurrency
        self.inside = 0
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0  # on the monotonic clock
        self._waiting: deque[Future[None]] = deque()
        self._lock = Lock()

    async def enter(self, patience: float) -> None:
        """Wait for one's turn.

        Args:
            patience: seconds.

        Raises:
            Busy: it did not come in that time; nothing is held.
        """
        deadline = time.monotonic() + patience
        with anyio.move_on_after(patience) as clock:
            await self._slot()
        if clock.cancelled_caught:
            raise Busy
        try:
            await anyio.sleep(self._reserve(deadline))
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Let the next one in."""
        with self._lock:
            while self._waiting:
                ticket = self._waiting.popleft()
                if ticket.set_running_or_notify_cancel():  # else who held it has gone away
                    break
            else:
                self.inside -= 1
                return
        ticket.set_result(None)

    async def _slot(self) -> None:
        with self._lock:
            if self.inside < self.concurrency:
                self.inside += 1
                return
            ticket: Future[None] = Future()
            self._waiting.append(ticket)
        try:
            await asyncio.wrap_future(ticket)
        except asyncio.CancelledError:
            if not ticket.cancel():  # the turn came at the very moment
                self.leave()
            raise

    def _reserve(self, deadline: float) -> float:
        """Seconds until the next free moment, which is ours from now on."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            if start > max(now, deadline):
                raise Busy
            self._next = start + self._interval
        return start - now
