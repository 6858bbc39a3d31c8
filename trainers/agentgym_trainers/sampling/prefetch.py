"""Sampling ahead of training: the next batches are played while this one trains.

Batch s may begin as soon as step s - 1 - staleness is done. Staleness is bounded by when a batch
may begin, never by throwing away what took long: that would favour short episodes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from agentgym_trainers.sampling.experience import Experience

Gather = Callable[[int, int], Awaitable[Experience]]
"""(training step, tasks drawn before it) -> its experience."""


class Prefetcher:
    """Batches in order; :meth:`next` waits for one, and asking for it means the last is trained."""

    def __init__(self, staleness: int) -> None:
        self.admitted = anyio.Semaphore(staleness)
        self.sender, self.receiver = anyio.create_memory_object_stream[Experience](staleness)

    async def next(self) -> Experience:
        """The next batch; admits one more."""
        self.admitted.release()
        return await self.receiver.receive()

    async def play(self, gather: Gather, step: int, tasks_drawn: int) -> None:
        """Play batch after batch, as far as admitted."""
        while True:
            await self.admitted.acquire()
            step += 1
            experience = await gather(step, tasks_drawn)
            tasks_drawn += experience.tasks_drawn
            await self.sender.send(experience)


@asynccontextmanager
async def prefetching(
    gather: Gather, *, step: int, tasks_drawn: int, staleness: int
) -> AsyncIterator[Prefetcher]:
    """Batches from the one after ``step``, at most ``staleness`` steps ahead of training.

    Raises:
        AgentGymError: what playing a batch raised, while the block runs.
    """
    prefetcher = Prefetcher(staleness)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(prefetcher.play, gather, step, tasks_drawn)
            yield prefetcher
            tasks.cancel_scope.cancel()
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    finally:
        prefetcher.sender.close()
        prefetcher.receiver.close()
