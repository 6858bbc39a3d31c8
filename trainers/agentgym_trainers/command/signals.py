"""Signals to ``agentgym train``: the first asks the run to stop, a second ends the process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

ASKING = ("SIGTERM", "SIGHUP")  # there is no SIGHUP on Windows


@contextmanager
def first_signal(heard: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Tell ``heard`` of the first SIGTERM or SIGHUP; from then on they do what they always do.

    One that is ignored, as SIGHUP is under ``nohup``, stays so.
    """
    numbers = [getattr(signal, name) for name in ASKING if hasattr(signal, name)]
    former = {number: signal.getsignal(number) for number in numbers}
    ours = [number for number in numbers if former[number] is not signal.SIG_IGN]

    def handle(number: int, _: FrameType | None) -> None:
        for one in ours:
            signal.signal(one, signal.SIG_DFL)
        name = signal.Signals(number).name
        line = f"{name}: the run stops after this training step; a second one stops it at once\n"
        with suppress(OSError):  # a terminal that hung up
            os.write(2, line.encode())  # print may be in the middle of something
        heard(signal.Signals(number))

    for number in ours:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, former[number])
