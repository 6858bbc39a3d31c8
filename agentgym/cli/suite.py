"""``agentgym eval --suite``: policies on many environments, in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentgym.cli.playing import Round
from agentgym.errors import BadInput, MissingExtra
from agentgym.evaluation.evaluation import Report
from agentgym.evaluation.statistics import mean_of
from agentgym.evaluation.suite import Suite
from agentgym.trajectory import Trajectory


def rounds_of(suite: Suite) -> list[Round]:
    """Its entries, less those whose environments cannot be made here; these are named.

    Raises:
        BadInput: that leaves none.
    """
    console, rounds = Console(stderr=True, soft_wrap=True), list[Round]()
    for entry in suite.entry:
        try:
            rounds.append(Round(entry.label, entry.make, entry.chosen(entry.make())))
        except MissingExtra as error:
            console.print(Text(f"left out: {entry.label}: {error}", "yellow"))
    if not rounds:
        raise BadInput("no environment of the suite can be made here")
    return rounds


def show(rounds: Sequence[Round], results: Mapping[str, Sequence[Sequence[Trajectory]]]) -> None:
    """Print a row for each environment and a column for each policy, then the mean."""
    console = Console(soft_wrap=True)
    reports = {
        label: [Report.of(episodes) for episodes in played] for label, played in results.items()
    }
    table = Table("success, mean [95 % interval]", "tasks")
    for label in reports:
        table.add_column(Text(label))
    for place, one in enumerate(rounds):
        rates = [Text(str(of[place].success)) for of in reports.values()]
        table.add_row(Text(one.label), str(len(one.tasks)), *rates)
    table.add_section()
    means = [str(mean_of([report.success for report in of])) for of in reports.values()]
    table.add_row(
        f"mean of {len(rounds)}", str(sum(len(one.tasks) for one in rounds)), *means, style="bold"
    )
    console.print(table)
    for label, of in reports.items():
        for one, report in zip(rounds, of, strict=True):
            for what, count in report.failures.items():
                console.print(Text(f"{label}, {one.label}: failed {count} x: {what}", "red"))
