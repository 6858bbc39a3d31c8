"""Reports and transcripts in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentgym.errors import BadInput
from agentgym.evaluation.evaluation import Report, compare
from agentgym.trajectory import Trajectory


def show(results: Mapping[str, Sequence[Trajectory]]) -> None:
    """Print the report of each, and how each differs from the first."""
    console = Console()
    for label, episodes in results.items():
        console.print(table_of(Report.of(episodes, policy=label)))
    first, *others = results
    if not others:
        return
    table = Table("success", f"difference to {first}", title="the same tasks, paired")
    for label in others:
        try:
            difference = str(compare(results[first], results[label]))
        except BadInput as error:
            difference = str(error)
        table.add_row(Text(label), Text(difference))
    console.print(table)


def table_of(report: Report) -> Table:
    """A report as a table of names and values."""
    title = Text(f"{report.policy} on {report.env}, {report.split}")
    table = Table("", "mean [95 % interval]", title=title, title_justify="left")
    rows = {
        "success": str(report.success),
        "return": str(report.reward),
        **{f"pass@{k}": str(value) for k, value in report.pass_at_k.items() if k > 1},
        "episodes": f"{report.episodes} of {report.tasks} tasks",
        "steps": f"{report.steps:.1f} an episode, {report.invalid:.1%} of them invalid",
        **_tokens(report),
        "ended by": ", ".join(f"{name} {count}" for name, count in report.stop_reasons.items()),
    }
    for name, value in rows.items():
        table.add_row(name, Text(value))
    for what, count in report.failures.items():
        table.add_row(Text(f"failed {count} x", "red"), Text(what, "red"))
    return table


def _tokens(report: Report) -> dict[str, str]:
    """Counted by us when sampled by us, else by the server, which may charge for them."""
    used = report.usage
    if used is None:
        return {"sampled tokens": f"{report.tokens:.0f} an episode"}
    counts = {"prompt tokens": used.prompt_tokens, "completion tokens": used.completion_tokens}
    rows = {
        name: f"{count / report.episodes:.0f} an episode, {count} in all"
        for name, count in counts.items()
    }
    if used.cost:
        rows["cost"] = f"{used.cost / report.episodes:.3g} an episode, {used.cost:.3g} in all"
    return rows


def show_transcript(label: str, trajectory: Trajectory) -> None:
    """Print an episode."""
    console = Console(highlight=False, soft_wrap=True)
    console.rule(Text(f"{label}: {trajectory.id}"))
    console.print(Text(trajectory.system_prompt, "dim"))
    for step in trajectory.steps:
        console.print(Text(step.observation))
        console.print(Text(f"> {step.action}", "cyan" if step.valid else "yellow"))
    console.print(Text(trajectory.final_observation))
    if trajectory.failure:
        failure = trajectory.failure
        console.print(Text(f"{failure.boundary}: {failure.type}: {failure.message}", "red"))
    end = f"{trajectory.stop_reason}, return {trajectory.reward:g}, success {trajectory.success}"
    console.print(Text(end, "bold"))
