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
class Asked:
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
) -> list[Asked]:
    """Look the calls up, check their arguments and charge them to the budget."""
    known = {tool.name: tool for tool in tools}
    turn = []
    for call in calls:
        if ledger.budget is not None and ledger.spent >= ledger.budget:
            spent = ToolResult(content=f"No calls are left of {ledger.budget}.", error="budget")
            turn.append(Asked(call, secrets, result=spent))
        else:
            ledger.spent += 1
            turn.append(_asked(known, call, ledger.spent, secrets))
    return turn


def _asked(known: Mapping[str, Tool], call: ToolCall, number: int, secrets: Secrets) -> Asked:
    tool = known.get(call.name)
    if tool is None:
        result = ToolResult(content=str(UnknownName("tool", call.name, known)), error="unknown")
        return Asked(written(call, secrets), secrets, number, result=result)
    secrets = secrets.and_those_given(tool, call.arguments)
    asked = Asked(written(call, secrets, tool), secrets, number)
    given = tool.check(call.arguments)
    if isinstance(given, ToolResult):
        asked.result = given
    else:
        asked.todo = tool, given
    return asked


def lines(turn: Sequence[Asked]) -> list[list[Asked]]:
    """What may run at the same time; within a line one waits for the one before it.

    Methods of one object may read and write its state, so they form a line, in the order in which
    they were asked for; pure ones and functions stand alone.
    """
    found: list[list[Asked]] = []
    of_object: dict[int, list[Asked]] = {}
    for asked in turn:
        if asked.todo is None or asked.result is not None:
            continue
        tool, _ = asked.todo
        if tool.owner is None or tool.pure:
            found.append([asked])
        elif id(tool.owner) in of_object:
            of_object[id(tool.owner)].append(asked)
        else:
            found.append(of_object.setdefault(id(tool.owner), [asked]))
    return found


def count(turn: Sequence[Asked], ledger: Ledger) -> None:
    """Add the outcomes to the ledger; a call without a result was cancelled."""
    ledger.outcomes.update(
        "cancelled" if asked.result is None else asked.result.error or "ok" for asked in turn
    )
