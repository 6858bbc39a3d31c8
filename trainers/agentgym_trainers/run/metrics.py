"""Numbers of a run, one record a step: JSONL for programs, TensorBoard for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from agentgym_trainers.run.board import Board
from agentgym_trainers.run.whole import whole_file


class Metrics:
    """Appends to ``metrics.jsonl`` and ``tensorboard/`` of a run folder."""

    def __init__(self, run_dir: Path, step: int) -> None:
        """Go on from ``step``: records of later steps are dropped, they will be made again."""
        self.file = run_dir / "metrics.jsonl"
        kept = [record for record in read(self.file) if record["step"] <= step]
        with whole_file(self.file) as partial:
            partial.write_text("".join(json.dumps(record) + "\n" for record in kept))
        self.recorded = {(record["step"], name) for record in kept for name in record}
        self.board = Board(run_dir / "tensorboard", step)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Record ``values`` at ``step``; what is recorded there already stays as it is."""
        values = {k: v for k, v in values.items() if (step, k) not in self.recorded}
        if not values:
            return
        self.recorded |= {(step, name) for name in values}
        with self.file.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        self.board.write(step, values)

    def close(self) -> None:
        """Nothing more is recorded."""
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
