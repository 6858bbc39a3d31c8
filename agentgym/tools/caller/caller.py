"""The caller of tools, which all episodes share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Self

import anyio
import anyio.to_thread
from pydantic import BaseModel

from agentgym.runtime import background
from agentgym.tools.caller.attempts import Attempts
from agentgym.tools.caller.cache import ResultCache, cache_key
from agentgym.tools.caller.limits import CallLimits, Ledger
from agentgym.tools.caller.recording import RecordedCall, Recorder, Replay, history_after, place_of
from agentgym.tools.caller.redaction import Secrets
from agentgym.tools.caller.turn import PlannedCall, count, lines, plan
from agentgym.tools.tool import Tool, ToolCall, ToolResult, result_of


class ToolCaller:
    """Runs the calls of all episodes, on any event loop; each episode has its :class:`Ledger`."""

    def __init__(
        self,
        limits: CallLimits | None = None,
        *,
        per_tool: Mapping[str, CallLimits] | None = None,
        cache: ResultCache | None = None,
        recording: Recorder | Replay | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        """Create a caller.

        Args:
            limits: for every tool that is not in ``per_tool``.
            per_tool: limits by name of the tool.
            cache: stores the results of pure tools that have a version.
            recording: a :class:`Recorder` writes all calls to a file; a :class:`Replay` reads one.
            secrets: removed from results, and so from prompts, recordings and caches.
        """
        self.limits = limits or CallLimits()
        self.per_tool = dict(per_tool or {})
        self.cache = cache
        self.recording = recording
        self.secrets = secrets or Secrets()
        self._attempts = Attempts()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copies of an environment share its caller."""
        return self

    async def call(
        self, tools: Sequence[Tool], calls: Sequence[ToolCall], ledger: Ledger
    ) -> list[ToolResult]:
        """Run ``calls`` concurrently; methods of one object run one after another.

        Args:
            tools: the tools that may be called; names are unique.
            calls: the calls that the model made.
            ledger: the episode's ledger; the outcomes are added to it.

        Returns:
            One result for each call, in the same order; failures are results too.

        Raises:
            BadInput: a call is not in the replayed recording.
        """
        turn = self._planned(tools, calls, ledger)
        waiting = lines(turn)
        try:
            if len(waiting) == 1:
                await self._one_after_another(waiting[0], ledger)
            elif waiting:
                async with anyio.create_task_group() as group:
                    for line in waiting:
                        group.start_soon(self._one_after_another, line, ledger)
        finally:
            count(turn, ledger)
        recorded = self._recorded(turn, ledger)
        if recorded and isinstance(self.recording, Recorder):
            await anyio.to_thread.run_sync(self.recording.write, recorded)
        return [planned.result for planned in turn if planned.result]

    def run(
        self, tools: Sequence[Tool], calls: Sequence[ToolCall], ledger: Ledger
    ) -> list[ToolResult]:
        """:meth:`call` from synchronous code: quick tools run here, others in the background."""
        names = {call.name for call in calls}
        if not all(tool.quick for tool in tools if tool.name in names):
            return background.call(self.call, tools, calls, ledger)
        turn = self._planned(tools, calls, ledger)
        for line in lines(turn):
            for planned in line:
                self._at_once(planned)
        count(turn, ledger)
        recorded = self._recorded(turn, ledger)
        if recorded and isinstance(self.recording, Recorder):
            self.recording.write(recorded)
        return [planned.result for planned in turn if planned.result]

    def still_runs(self, tools: Iterable[Tool], ledger: Ledger) -> str | None:
        """The name of a call that its episode gave up and that may still change ``tools``' objects.

        None: there is no such call.
        """
        found = (self._attempts.still_runs(tool, ledger) for tool in tools)
        return next(filter(None, found), None)

    def _planned(
        self, tools: Sequence[Tool], calls: Sequence[ToolCall], ledger: Ledger
    ) -> list[PlannedCall]:
        """The turn, with the results that are known without running anything."""
        turn = plan(tools, calls, ledger, self.secrets)
        for planned in turn:
            if isinstance(self.recording, Replay) and planned.number:
                place = place_of(ledger, planned.number, planned.call)
                planned.result = self.recording.result(
                    planned.call, place, ledger.episode, planned.number
                )
            elif planned.result:
                planned.result = self._shown(planned, planned.result)
        return turn

    async def _one_after_another(self, line: Sequence[PlannedCall], ledger: Ledger) -> None:
        for planned in line:
            assert planned.todo
            tool, given = planned.todo
            if tool.quick:
                self._at_once(planned)
            else:
                planned.result = self._shown(
                    planned, await self._result(planned, tool, given, ledger)
                )

    def _at_once(self, planned: PlannedCall) -> None:
        assert planned.todo
        tool, given = planned.todo
        planned.result = self._shown(planned, result_of(tool.answer(given)))

    async def _result(
        self, planned: PlannedCall, tool: Tool, given: BaseModel, ledger: Ledger
    ) -> ToolResult:
        """From the cache, from somebody who is asking the same, or from the tool."""
        attempts = partial(self._attempts.result, tool, given, self._limits(tool.name), ledger)
        key = cache_key(tool, given) if self.cache else None
        if self.cache is None or key is None:
            return await attempts()

        async def without_secrets() -> ToolResult:
            return _hidden(planned, await attempts())

        result, had = await self.cache.once(key, without_secrets)
        ledger.cached += had
        return result

    def _shown(self, planned: PlannedCall, result: ToolResult) -> ToolResult:
        """What the model reads of a result: no secrets, and not more than it may be long."""
        result = _hidden(planned, result)
        longest = self._limits(planned.call.name).longest
        if longest is not None and len(result.content) > longest:
            left = len(result.content) - longest
            note = f"\n[{left:,} of {len(result.content):,} characters are left out here]"
            result.content = result.content[:longest] + note
        return result

    def _limits(self, name: str) -> CallLimits:
        return self.per_tool.get(name, self.limits)

    def _recorded(self, turn: Sequence[PlannedCall], ledger: Ledger) -> list[RecordedCall]:
        """The turn as lines of a recording; the ledger moves on behind it."""
        if self.recording is None:
            return []
        recorded = [planned.recorded(ledger) for planned in turn if planned.number]
        ledger.history = history_after(ledger, recorded)
        return recorded


def _hidden(planned: PlannedCall, result: ToolResult) -> ToolResult:
    """A result of the call's own, without secrets."""
    return ToolResult(content=planned.secrets.hide(result.content), error=result.error)
