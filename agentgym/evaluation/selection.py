"""Task selection: train on what the policy sometimes solves (Lu et al. 2025, arXiv 2505.16282).

A task that is always or never solved gives group-relative credit nothing to compare. A selection
is a file of task ids, a line each, made from saved episodes of the policy that training starts
from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agentgym.env.text_env import Task
from agentgym.errors import BadInput
from agentgym.evaluation.evaluation import by_task, succeeded
from agentgym.trajectory import Trajectory


def solved(trajectories: Sequence[Trajectory], least: int, most: int | None = None) -> list[str]:
    """Ids of the tasks that were solved at least ``least`` and at most ``most`` times, in order."""
    counts = {task: sum(won) for task, won in by_task(trajectories, succeeded).items()}
    return [task for task, won in counts.items() if least <= won and (most is None or won <= most)]


def write_selection(file: Path | str, ids: Sequence[str]) -> None:
    """Write a selection."""
    Path(file).write_text("".join(f"{name}\n" for name in ids), encoding="utf-8")


def read_selection(file: Path | str) -> set[str]:
    """The task ids of a selection.

    Raises:
        BadInput: there is no such file, it is not UTF-8, or it is empty.
    """
    try:
        names = Path(file).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read the selection of tasks {file}: {error}") from error
    ids = {name.strip() for name in names} - {""}
    if not ids:
        raise BadInput(f"{file} names no tasks; it holds a task id on each line")
    return ids


def chosen(tasks: Sequence[Task], file: Path | str) -> list[Task]:
    """Those of ``tasks`` that a selection names, in their own order.

    Raises:
        BadInput: there is no such file, it is empty, or it names a task that is not there.
    """
    wanted = read_selection(file)
    known = {task.id for task in tasks}
    if strange := sorted(wanted - known):
        raise BadInput(
            f"{file} names {strange[0]!r} and {len(strange) - 1} others that are not among the "
            f"{len(known)} tasks; was it made for another split or level?"
        )
    return [task for task in tasks if task.id in wanted]
