"""The rate limiter of a tool: bounds concurrent calls and calls per second, in order of arrival.

One limiter serves all event loops of a process: a run may use one loop after another while hanging
calls keep their threads. So it uses futures of threads and not the primitives of one loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import Future
from threading import Lock

import anyio


class SlotTimeout(Exception):
    """No slot became free in time."""


class RateLimiter:
    """Every ``acquire`` needs a ``release``, which may come from any thread."""

    def __init__(self, concurrency: int, rate: float | None) -> None:
        """Allow ``concurrency`` calls at a time and ``rate`` calls per second, evenly spaced."""
        self.concurrency = concurrency
        self.in_use = 0
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0  # on the monotonic clock
        self._waiting: deque[Future[None]] = deque()
        self._lock = Lock()

    async def acquire(self, patience: float) -> None:
        """Wait for a free slot.

        Args:
            patience: longest wait, in seconds.

        Raises:
            SlotTimeout: none became free in that time; the caller holds none.
        """
        deadline = time.monotonic() + patience
        with anyio.move_on_after(patience) as clock:
            await self._slot()
        if clock.cancelled_caught:
            raise SlotTimeout
        try:
            await anyio.sleep(self._reserve(deadline))
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Free the slot for the next waiting call."""
        with self._lock:
            while self._waiting:
                waiter = self._waiting.popleft()
                if waiter.set_running_or_notify_cancel():  # else its caller was cancelled
                    break
            else:
                self.in_use -= 1
                return
        waiter.set_result(None)

    async def _slot(self) -> None:
        with self._lock:
            if self.in_use < self.concurrency:
                self.in_use += 1
                return
            waiter: Future[None] = Future()
            self._waiting.append(waiter)
        try:
            await asyncio.wrap_future(waiter)
        except asyncio.CancelledError:
            if not waiter.cancel():  # it got the slot at the same moment
                self.release()
            raise

    def _reserve(self, deadline: float) -> float:
        """Reserve the next free time; the seconds until then."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            if start > max(now, deadline):
                raise SlotTimeout
            self._next = start + self._interval
        return start - now
