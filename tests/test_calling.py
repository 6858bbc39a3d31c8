"""The tool caller: one result for each call, in order; within limits; nothing kept afterwards."""

import asyncio
import copy
import threading
import time
from collections import Counter

import anyio
import pytest
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.errors import BadInput
from agentgym.tools.caller import CallLimits, Ledger, ToolCaller
from agentgym.tools.tool import ToolCall, ToolResult, tool, tools_of


@tool
def echo(text: str, seconds: float = 0.0) -> str:
    """Say it again, in a thread."""
    time.sleep(seconds)
    return text


@tool
async def later(text: str, seconds: float = 0.0) -> str:
    """Say it again, on the loop."""
    await anyio.sleep(seconds)
    return text


@tool(quick=True)
def where() -> int:
    """The thread it runs in."""
    return threading.get_ident()


@tool
def fails(kind: str) -> str:
    """Fail in a way of one's choice."""
    raise {"exit": SystemExit, "stop": StopIteration, "key": KeyError}[kind]("no")


@tool
async def gives_up() -> str:
    """Cancel itself."""
    raise asyncio.CancelledError


TOOLS = (echo, later, where, fails, gives_up)


def asks(*wanted):
    return [ToolCall(name=name, arguments=arguments) for name, arguments in wanted]


def call(caller, *wanted, tools=TOOLS, ledger=None):
    return agentgym.run(caller.call, tools, asks(*wanted), ledger or Ledger())


def test_results_are_in_the_order_of_the_calls_and_calls_run_at_the_same_time():
    wanted = [("echo" if n % 2 else "later", {"text": str(n), "seconds": 0.2}) for n in range(8)]
    started = time.perf_counter()
    results = call(ToolCaller(), *wanted)
    assert time.perf_counter() - started < 1.2
    assert [result.content for result in results] == list("01234567")


def test_every_failure_is_a_result_and_is_counted():
    ledger = Ledger(budget=8)
    limits = CallLimits(timeout=0.1)
    results = call(
        ToolCaller(limits),
        ("ecko", {}),
        ("echo", {"txt": "a"}),
        ("later", {"text": "a", "seconds": 60}),
        ("fails", {"kind": "exit"}),
        ("fails", {"kind": "stop"}),
        ("fails", {"kind": "key"}),
        ("gives_up", {}),
        ("echo", {"text": "a"}),
        ("echo", {"text": "b"}),
        ledger=ledger,
    )
    assert [(result.error, result.content) for result in results] == [
        ("unknown", "no tool 'ecko'; did you mean 'echo'?"),
        (
            "arguments",
            "Bad arguments for echo: text: Field required; txt: Extra inputs are not permitted",
        ),
        ("timeout", "later gave no answer in 0.1 s"),
        ("exception", "SystemExit: no"),
        ("exception", "StopIteration: no"),
        ("exception", "KeyError: 'no'"),
        ("cancelled", "CancelledError"),
        (None, "a"),
        ("budget", "No calls are left of 8."),
    ]
    assert ledger.spent == 8
    assert ledger.outcomes == {
        **{"ok": 1, "unknown": 1, "arguments": 1, "timeout": 1, "exception": 3},
        **{"cancelled": 1, "budget": 1},
    }


def test_a_budget_lasts_for_the_episode():
    ledger = Ledger(budget=3)
    caller = ToolCaller()
    call(caller, *[("where", {})] * 2, ledger=ledger)
    assert [r.error for r in call(caller, *[("where", {})] * 2, ledger=ledger)] == [None, "budget"]
    twin = copy.deepcopy(ledger)
    assert call(caller, ("where", {}), ledger=twin)[0].error == "budget"
    assert (ledger.spent, twin.outcomes["budget"], ledger.outcomes["budget"]) == (3, 2, 1)


def test_a_long_result_says_how_much_is_left_out():
    caller = ToolCaller(per_tool={"echo": CallLimits(longest=10)})
    text = "0123456789abcdefg"
    (cut,) = call(caller, ("echo", {"text": text}))
    assert cut.content == "0123456789\n[7 of 17 characters are left out here]"
    assert call(caller, ("echo", {"text": text[:10]}))[0].content == text[:10]
    assert call(caller, ("later", {"text": text}))[0].content == text


def test_quick_tools_run_where_they_are_called():
    here = str(threading.get_ident())
    assert ToolCaller().run(TOOLS, asks(("where", {})), Ledger())[0].content == here
    assert call(ToolCaller(), ("where", {}), ("where", {}))[1].content == here
    mixed = ToolCaller().run(TOOLS, asks(("where", {}), ("echo", {"text": "a"})), Ledger())
    assert mixed[0].content != here and mixed[1].content == "a"
    with pytest.raises(BadInput, match="'slow' is asynchronous and cannot be quick"):

        @tool(quick=True)
        async def slow() -> str:
            """Wait."""


class Diary:
    def __init__(self):
        self.lines = []

    @tool
    def write(self, line: str, seconds: float = 0.0) -> str:
        """Write a line, slowly."""
        before = list(self.lines)
        time.sleep(seconds)
        self.lines = [*before, line]
        return "".join(self.lines)

    @tool
    async def awrite(self, line: str) -> str:
        """Write a line on the loop."""
        before = list(self.lines)
        await anyio.sleep(0.01)
        self.lines = [*before, line]
        return "".join(self.lines)

    @tool(pure=True)
    def motto(self, seconds: float) -> str:
        """What stands on the cover."""
        time.sleep(seconds)
        return "carpe diem"


@given(st.lists(st.sampled_from(["write", "awrite"]), max_size=6))
@settings(max_examples=20, deadline=None)
def test_methods_of_one_object_run_one_after_another(names):
    one, other = Diary(), Diary()
    wanted = [(name, {"line": str(n)}) for n, name in enumerate(names)]
    results = call(ToolCaller(), *wanted, tools=tools_of(one))
    assert [r.content for r in results] == ["012345"[: n + 1] for n in range(len(names))]
    assert other.lines == []


def test_objects_and_pure_methods_do_not_wait_for_each_other():
    diaries = [Diary() for _ in range(4)]

    async def go():
        caller = ToolCaller()
        async with anyio.create_task_group() as group:
            for diary in diaries:
                line = [("write", {"line": "a", "seconds": 0.2})]
                group.start_soon(caller.call, tools_of(diary), asks(*line), Ledger())
            for _ in range(4):
                motto = asks(("motto", {"seconds": 0.2}))
                group.start_soon(caller.call, tools_of(diaries[0]), motto * 2, Ledger())

    started = time.perf_counter()
    agentgym.run(go)
    assert time.perf_counter() - started < 1.0
    assert [diary.lines for diary in diaries] == [["a"]] * 4


def test_cancelling_a_turn_counts_it_and_cancels_the_async_tools():
    ended = []

    @tool
    async def patient() -> str:
        """Wait for ever."""
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    async def go():
        ledger, caller = Ledger(), ToolCaller(CallLimits(concurrency=2))
        turn = asks(("echo", {"text": "a"}), *[("patient", {})] * 5)
        before = asyncio.all_tasks()
        with anyio.move_on_after(0.2):
            await caller.call((echo, patient), turn, ledger)
        assert asyncio.all_tasks() == before
        assert len(ended) == 2
        free = await caller.call((patient, echo), asks(("echo", {"text": "b"})), ledger)
        assert free == [ToolResult(content="b")]
        return ledger

    ledger = agentgym.run(go)
    assert ledger.outcomes == {"ok": 2, "cancelled": 5}


def test_results_of_tools_may_say_that_they_failed_and_are_readable():
    class Text:
        def __str__(self):
            return "søk"

    @tool
    def shop(kind: str) -> object:
        """Answer with an object."""
        return {
            "result": ToolResult(content="closed", error="shut"),
            "object": [Text()],
            "model": {"call": ToolCall(name="a")},
            "half": "\ud800",
        }[kind]

    kinds = ("result", "object", "model", "half")
    results = call(ToolCaller(), *(("shop", {"kind": kind}) for kind in kinds), tools=[shop])
    assert [(result.content, result.error) for result in results] == [
        ("closed", "shut"),
        ('["søk"]', None),
        ('{"call": {"name": "a", "arguments": {}, "id": ""}}', None),
        ("?", None),
    ]


names = st.one_of(st.sampled_from([one.name for one in TOOLS]), st.text(max_size=8))
values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
anything = st.builds(
    ToolCall,
    name=names,
    arguments=st.dictionaries(st.sampled_from(["text", "kind", "x"]), values, max_size=2),
)


@given(st.lists(anything, max_size=5), st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_whatever_is_called_each_call_has_a_result(turn, budget):
    ledger = Ledger(budget=budget)
    results = agentgym.run(ToolCaller().call, TOOLS, turn, ledger)
    assert len(results) == len(turn) == ledger.outcomes.total()
    assert ledger.spent == min(budget, len(turn))
    assert ledger.outcomes == Counter(result.error or "ok" for result in results)
