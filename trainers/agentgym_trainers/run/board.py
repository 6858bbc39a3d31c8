"""Scalars for TensorBoard, written at once and by the thread that has them.

``SummaryWriter`` has a thread of its own, which prints a traceback when the disk is full.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


class Board:
    """An event file; TensorBoard reads those of a folder as one."""

    def __init__(self, folder: Path, step: int) -> None:
        """Go on from ``step``: TensorBoard then drops what other files have of later steps.

        Raises:
            OSError: the file cannot be written; so do the other methods.
        """
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        self.records = RecordWriter((folder / name).open("wb"))
        self._add(step=step + 1, file_version="brain.Event:2")
        self._add(step=step + 1, session_log=SessionLog(status=SessionLog.START))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Record ``values`` at ``step``."""
        scalars = [Summary.Value(tag=name, simple_value=one) for name, one in values.items()]
        self._add(step=step, summary=Summary(value=scalars))

    def close(self) -> None:
        """Nothing more is recorded."""
        self.records.close()

    def _add(self, **event: Any) -> None:
        self.records.write(Event(wall_time=time.time(), **event).SerializeToString())
        self.records.flush()
