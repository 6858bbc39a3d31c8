"""Tasks for skyrl-gym: rows in its format, from files, or sums that need no data.

    {"prompt": [{"role": "user", "content": "..."}], "reward_spec": {"ground_truth": "42"},
     "max_turns": 3, ...}

All but the prompt is handed to the environment as its ``extras``. SkyRL keeps rows in parquet;
``pandas.read_parquet(file).to_json("train.jsonl", orient="records", lines=True)`` converts them.
"""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from agentgym.env.text_env import Task
from agentgym.errors import BadInput

SPLITS = ("train", "test")
COUNTS = {"train": 1000, "test": 200}


class Row(BaseModel):
    """What is used of a row; the environment may use more."""

    model_config = ConfigDict(extra="allow")

    prompt: list[dict[str, JsonValue]] = Field(min_length=1)


@cache
def read_rows(folder: str) -> dict[str, tuple[Task, ...]]:
    """The tasks of ``train.jsonl`` and ``test.jsonl``; a split without a file is empty.

    Raises:
        BadInput: neither is there, or a line is no row.
    """
    tasks: dict[str, tuple[Task, ...]] = {}
    for split in SPLITS:
        file = Path(folder) / f"{split}.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        tasks[split] = tuple(
            Task(id=f"{split}/{place:06d}", split=split, data=_row(file, place, line))
            for place, line in enumerate(lines)
            if line.strip()
        )
    if not any(tasks.values()):
        raise BadInput(f"there are no rows in {folder}/train.jsonl or {folder}/test.jsonl")
    return tasks


def _row(file: Path, place: int, line: str) -> dict[str, JsonValue]:
    try:
        return Row.model_validate_json(line).model_dump()
    except ValidationError as error:
        what = error.errors()[0]
        where = ".".join(map(str, what["loc"])) or "the line"
        raise BadInput(f"{file}, line {place + 1}: {where}: {what['msg']}") from error


@cache
def sums() -> dict[str, tuple[Task, ...]]:
    """Word problems of one step for the gsm8k environments; no two splits share one."""
    draw = random.Random("skyrl/sums").random
    pairs = [(a, b) for a in range(10, 60) for b in range(10, 60)]
    mixed = iter(sorted(pairs, key=lambda _: draw()))
    return {
        split: tuple(
            Task(id=f"{split}/{place:06d}", split=split, data=_sum(*next(mixed)))
            for place in range(COUNTS[split])
        )
        for split in SPLITS
    }


def _sum(a: int, b: int) -> dict[str, JsonValue]:
    question = (
        f"A shop has {a} lamps and buys {b} more. How many lamps has it now? "
        "End with the number alone after four hashes, like this: #### 7"
    )
    return {
        "prompt": [{"role": "user", "content": question}],
        "reward_spec": {"ground_truth": str(a + b)},
        "max_turns": 3,
    }
