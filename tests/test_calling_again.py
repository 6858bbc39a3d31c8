"""Calls that are tried again: only where that can help and does no harm."""

import time
from itertools import pairwise

import anyio
import httpx
import pytest

import agentgym
from agentgym.errors import ServerError
from agentgym.tools.caller import CallLimits, Ledger, ToolCaller
from agentgym.tools.caller.attempts import may_help
from agentgym.tools.tool import ToolCall, ToolResult, TooSlow, Transient, tool

LIMITS = CallLimits(attempts=3, pause=0.01, timeout=0.5)


def failing(errors, **declared):
    """A tool that raises each of ``errors`` in turn, then answers; and the times of its calls."""
    errors, times = list(errors), []

    @tool(**declared)
    async def flaky() -> str:
        """Fail, then answer."""
        times.append(time.monotonic())
        if errors:
            raise errors.pop(0)
        return "here"

    return flaky, times


def call(flaky, limits=LIMITS):
    ledger = Ledger()
    (result,) = agentgym.run(ToolCaller(limits).call, [flaky], [ToolCall(name=flaky.name)], ledger)
    return result, ledger


def test_what_passes_is_tried_again():
    flaky, times = failing([Transient("full"), ConnectionRefusedError()])
    result, ledger = call(flaky)
    assert result == ToolResult(content="here")
    assert (len(times), ledger.retries, ledger.outcomes) == (3, 2, {"ok": 1})


def test_pauses_double():
    flaky, times = failing([Transient()] * 3)
    call(flaky, CallLimits(attempts=4, pause=0.05))
    first, second, third = (b - a for a, b in pairwise(times))
    assert first >= 0.05 and second >= 0.1 and third >= 0.2


def test_a_tool_says_how_long_to_wait_but_not_for_ever():
    flaky, times = failing([Transient(pause=0.2)])
    assert call(flaky)[0].error is None
    assert times[1] - times[0] >= 0.2
    flaky, times = failing([Transient("come back tomorrow", pause=80_000)])
    result, _ = call(flaky)
    assert (result.error, result.content) == ("exception", "Transient: come back tomorrow")
    assert len(times) == 1


def test_it_ends_and_says_how_often_it_was_tried():
    flaky, times = failing([Transient("full")] * 9)
    result, ledger = call(flaky)
    assert (len(times), ledger.retries, ledger.outcomes) == (3, 2, {"exception": 1})
    assert (result.error, result.content) == ("exception", "Transient: full (tried 3 times)")


CONNECT = httpx.ConnectError("refused")
READ = httpx.ReadTimeout("silent")


@pytest.mark.parametrize(
    ("error", "always", "repeatable"),
    [
        (Transient(pause=3.0), 3.0, 3.0),
        (ServerError("full", pause=2.0), 2.0, 2.0),
        (ServerError("no such page"), None, None),
        (ConnectionRefusedError(), 0.0, 0.0),
        (CONNECT, 0.0, 0.0),
        (READ, None, 0.0),
        (ConnectionResetError(), None, 0.0),
        (TooSlow("a", 1), None, 0.0),
        (KeyError("a"), None, None),
        (ToolResult(content="a"), None, None),
    ],
    ids=repr,
)
def test_what_may_have_been_done_is_repeated_only_if_that_is_the_same(error, always, repeatable):
    assert may_help(failing([])[0], error) == always
    assert may_help(failing([], repeatable=True)[0], error) == repeatable
    assert may_help(failing([], pure=True)[0], error) == repeatable


def test_a_timeout_is_tried_again_where_the_tool_is_repeatable():
    def slow_once(**declared):
        seconds = [60.0, 0.0]

        @tool(**declared)
        async def slow() -> str:
            """Be slow the first time."""
            await anyio.sleep(seconds.pop(0))
            return "here"

        return slow

    limits = CallLimits(pause=0.01, timeout=0.1)
    assert call(slow_once(repeatable=True), limits)[0].content == "here"
    result, ledger = call(slow_once(), limits)
    assert (result.error, ledger.retries) == ("timeout", 0)


def test_a_method_that_hangs_is_not_run_again_beside_itself():
    class Slow:
        def __init__(self):
            self.times = 0

        @tool(repeatable=True)
        def work(self) -> str:
            """Take a while."""
            self.times += 1
            time.sleep(0.5)
            return "done"

    slow = Slow()
    result, _ = call(slow.work, CallLimits(pause=0.01, timeout=0.1))
    assert (result.error, slow.times) == ("timeout", 1)
