"""Numbers of a run, one record a step: JSONL for programs, TensorBoard for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter


class Metrics:
    """Appends to ``metrics.jsonl`` and ``tensorboard/`` of a run folder."""

    def __init__(self, run_dir: Path, step: int) -> None:
        """Go on from ``step``: records of later steps are dropped, they will be made again."""
        self.file = run_dir / "metrics.jsonl"
        kept = [record for record in read(self.file) if record["step"] <= step]
        partial = self.file.with_suffix(".partial")
        partial.write_text("".join(json.dumps(record) + "\n" for record in kept))
        partial.replace(self.file)
        self.recorded = {(record["step"], name) for record in kept for name in record}
        self.board: Any = SummaryWriter(run_dir / "tensorboard", purge_step=step + 1)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Record ``values`` at ``step``; what is recorded there already stays as it is."""
        values = {k: v for k, v in values.items() if (step, k) not in self.recorded}
        if not values:
            return
        self.recorded |= {(step, name) for name in values}
        with self.file.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        for name, value in values.items():
            self.board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush."""
        self.board.close()


def read(file: Path) -> list[dict[str, float]]:
    """The records of a metrics file; a line cut off by a kill is left out."""
    records = []
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return records
