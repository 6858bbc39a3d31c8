"""Stopping a run from outside, by a signal for example, where nothing is lost.

A training step is finished and a checkpoint written. An evaluation is cut short at once: it is
played again from the checkpoint, with the same seeds. What comes before the first checkpoint is
given some seconds to get there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio

GRACE = 20.0  # seconds until the first checkpoint; after 30, Kubernetes and Slurm kill


class Stopped(Exception):
    """A run stopped because it was asked to; the same call goes on from its newest checkpoint."""


class Stop:
    """A wish that a run stop."""

    def __init__(self) -> None:
        self.asked = False
        self._cut: Callable[[], object] = _nothing

    def ask(self) -> None:
        """Ask the run to stop; a signal handler may do so, and another thread."""
        self.asked = True
        self._cut()

    @contextmanager
    def cutting(self, grace: float = 0.0) -> Iterator[None]:
        """Cut short what is inside, ``grace`` seconds after it is asked for.

        Raises:
            Stopped: it was.
        """
        if self.asked:
            raise Stopped
        loop = asyncio.get_running_loop()
        with anyio.CancelScope() as scope:

            def later() -> None:
                loop.call_later(grace, scope.cancel)

            with self._by(lambda: loop.call_soon_threadsafe(later)):
                yield
        if scope.cancelled_caught:
            raise Stopped

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """What is inside is not cut short, but asks by itself whether to stop."""
        with self._by(_nothing):
            yield

    @contextmanager
    def _by(self, cut: Callable[[], object]) -> Iterator[None]:
        before, self._cut = self._cut, cut
        try:
            yield
        finally:
            self._cut = before


def _nothing() -> None:
    """Nothing is cut short."""
