"""The calls of one turn on their way to their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from agentgym.errors import UnknownName
from agentgym.tools.caller.limits import Ledger
from agentgym.tools.caller.recording import RecordedCall, place_of
from agentgym.tools.caller.redaction import Secrets, written
from agentgym.tools.tool import Tool, ToolCall, ToolResult


@dataclass
class PlannedCall:
    """A call of the turn."""

    call: ToolCall
    """As it may be written down: without secrets."""
    secrets: Secrets
    """Those of the caller and those among the arguments."""
    number: int = 0
    """Of the call in its episode, from 1; 0 where the budget refuses it."""
    todo: tuple[Tool, BaseModel] | None = None
    """What to run, and its arguments; None where the result is known without."""
    result: ToolResult | None = None

    def recorded(self, ledger: Ledger) -> RecordedCall:
        """The line for a recording, once there is a result; the ledger is that before the turn."""
        assert self.result is not None
        return RecordedCall(
            episode=ledger.episode,
            number=self.number,
            name=self.call.name,
            arguments=self.call.arguments,
            content=self.result.content,
            error=self.result.error,
            place=place_of(ledger, self.number, self.call),
        )


def plan(
    tools: Sequence[Tool], calls: Sequence[ToolCall], ledger: Ledger, secrets: Secrets
) -> list[PlannedCall]:
    """Look the calls up, check their arguments and charge them to the budget."""
    known = {tool.name: tool for tool in tools}
    turn = []
    for call in calls:
        if ledger.budget is not None and ledger.spent >= ledger.budget:
            spent = ToolResult(content=f"No calls are left of {ledger.budget}.", error="budget")
            turn.append(PlannedCall(call, secrets, result=spent))
        else:
            ledger.spent += 1
            turn.append(_plan_one(known, call, ledger.spent, secrets))
    return turn


def _plan_one(
    known: Mapping[str, Tool], call: ToolCall, number: int, secrets: Secrets
) -> PlannedCall:
    tool = known.get(call.name)
    if tool is None:
        result = ToolResult(content=str(UnknownName("tool", call.name, known)), error="unknown")
        return PlannedCall(written(call, secrets), secrets, number, result=result)
    secrets = secrets.and_those_given(tool, call.arguments)
    planned = PlannedCall(written(call, secrets, tool), secrets, number)
    given = tool.check(call.arguments)
    if isinstance(given, ToolResult):
        planned.result = given
    else:
        planned.todo = tool, given
    return planned


def lines(turn: Sequence[PlannedCall]) -> list[list[PlannedCall]]:
    """What may run at the same time; within a line one waits for the one before it.

    Methods of one object may read and write its state, so they form a line, in the order in which
    they were asked for; pure ones and functions stand alone.
    """
    found: list[list[PlannedCall]] = []
    of_object: dict[int, list[PlannedCall]] = {}
    for planned in turn:
        if planned.todo is None or planned.result is not None:
            continue
        tool, _ = planned.todo
        if tool.owner is None or tool.pure:
            found.append([planned])
        elif id(tool.owner) in of_object:
            of_object[id(tool.owner)].append(planned)
        else:
            found.append(of_object.setdefault(id(tool.owner), [planned]))
    return found


def count(turn: Sequence[PlannedCall], ledger: Ledger) -> None:
    """Add the outcomes to the ledger; a call without a result was cancelled."""
    ledger.outcomes.update(
        "cancelled" if planned.result is None else planned.result.error or "ok" for planned in turn
    )
