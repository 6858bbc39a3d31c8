"""How hard a tool may be used: places, pace, patience; and what hanging calls hold."""

import asyncio
import random
import subprocess
import sys
import threading
import time

import anyio
import pytest
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.tools.caller import CallLimits, Ledger, ToolCaller
from agentgym.tools.caller.rate_limiter import RateLimiter, SlotTimeout
from agentgym.tools.tool import ToolCall, tool, tools_of


@given(
    st.integers(1, 4),
    st.lists(st.sampled_from(["works", "leaves", "is cancelled"]), max_size=30),
    st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_never_more_inside_than_allowed_and_every_place_comes_back(most, fates, seed):
    limiter, inside, entered = RateLimiter(most, None), [], []
    draw = random.Random(seed)

    async def visit(number, fate, seconds):
        with anyio.move_on_after(0.002 if fate == "is cancelled" else 60):
            try:
                await limiter.acquire(0.001 if fate == "leaves" else 60)
            except SlotTimeout:
                return
            try:
                entered.append(number)
                inside.append(number)
                assert len(inside) <= most
                await anyio.sleep(seconds)
            finally:
                inside.remove(number)
                limiter.release()

    async def go():
        async with anyio.create_task_group() as group:
            for number, fate in enumerate(fates):
                group.start_soon(visit, number, fate, draw.choice([0, 0.001, 0.003]))

    agentgym.run(go)
    assert limiter.in_use == 0
    assert {n for n, fate in enumerate(fates) if fate == "works"} <= set(entered)
    assert entered == sorted(entered), "first come, first served"


def test_the_pace_is_even_and_whoever_cannot_be_served_in_time_is_told_at_once():
    times = []

    async def visit(limiter):
        await limiter.acquire(10)
        times.append(time.monotonic())
        limiter.release()

    async def go():
        limiter = RateLimiter(100, 50.0)
        async with anyio.create_task_group() as group:
            for _ in range(11):
                group.start_soon(visit, limiter)
        slow = RateLimiter(100, 0.1)
        await slow.acquire(0)
        started = time.monotonic()
        with pytest.raises(SlotTimeout):
            await slow.acquire(5)
        assert time.monotonic() - started < 1
        assert slow.in_use == 1

    began = time.monotonic()
    agentgym.run(go)
    assert len(times) == 11
    assert all(at - began >= number / 50 for number, at in enumerate(times))


def test_a_gate_serves_several_event_loops():
    limiter, inside, most = RateLimiter(3, None), [], []

    async def visits():
        for _ in range(30):
            await limiter.acquire(60)
            inside.append(1)
            most.append(len(inside))
            await anyio.sleep(0.0005)
            inside.pop()
            limiter.release()

    threads = [threading.Thread(target=agentgym.run, args=(visits,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(most) == 240 and max(most) <= 3 and limiter.in_use == 0


class Vault:
    """A method that hangs until it is released, and one that does not."""

    def __init__(self):
        self.release, self.opened = threading.Event(), 0

    @tool
    def force(self) -> str:
        """Hang."""
        self.release.wait(60)
        self.opened += 1
        return "open"

    @tool
    def look(self) -> int:
        """How often it was opened."""
        return self.opened


def call(caller, tools, *names, ledger=None):
    turn = [ToolCall(name=name) for name in names]
    return agentgym.run(caller.call, tools, turn, ledger or Ledger())


def settled(caller, tools, ledger):
    for _ in range(500):
        if not caller.still_runs(tools, ledger):
            return True
        time.sleep(0.01)
    return False


def test_a_call_that_was_given_up_keeps_its_episode_from_the_object_until_it_ends():
    vault, ledger = Vault(), Ledger()
    caller, tools = ToolCaller(CallLimits(timeout=0.1)), tools_of(vault)
    results = call(caller, tools, "force", "look", "force", ledger=ledger)
    assert [result.error for result in results] == ["timeout", "busy", "busy"]
    assert results[1].content == (
        "look was not run: force took too long and still runs. Try again later, or do without it."
    )
    assert caller.still_runs(tools, ledger) == "force"
    assert call(caller, tools, "look")[0].content == "0", "another episode that shares the object"
    assert call(caller, tools_of(Vault()), "look", ledger=ledger)[0].content == "0"
    vault.release.set()
    assert settled(caller, tools, ledger)
    assert call(caller, tools, "look", ledger=ledger)[0].content == "1"


def test_hanging_calls_fill_their_own_gate_and_no_other():
    vaults, ledger = [Vault() for _ in range(5)], Ledger()
    caller = ToolCaller(CallLimits(timeout=0.1, patience=20, concurrency=4))

    async def go():
        async with anyio.create_task_group() as group:
            for vault in vaults[:4]:
                force = [ToolCall(name="force")]
                group.start_soon(caller.call, tools_of(vault), force, ledger)
        started = time.monotonic()
        vault = tools_of(vaults[4])
        refused = await caller.call(vault, [ToolCall(name="force")], Ledger())
        looked = await caller.call(vault, [ToolCall(name="look")], Ledger())
        assert time.monotonic() - started < 2, "nobody waits where there is no hope"
        return refused + looked

    refused, looked = agentgym.run(go)
    assert (refused.error, looked.content) == ("busy", "0")
    assert "4 calls of it are running, 4 of them hang" in refused.content
    for vault in vaults:
        vault.release.set()
        assert settled(caller, tools_of(vault), ledger)
    assert call(caller, tools_of(vaults[4]), "force")[0].content == "open"


def test_waiting_for_ones_turn_is_not_the_tools_time():
    @tool
    async def nap() -> str:
        """Sleep a little."""
        await anyio.sleep(0.06)
        return "rested"

    limits = CallLimits(timeout=0.5, concurrency=1)
    assert {r.content for r in call(ToolCaller(limits), [nap], *["nap"] * 12)} == {"rested"}
    hasty = CallLimits(patience=0.03, concurrency=1)
    results = call(ToolCaller(hasty), [nap], "nap", "nap")
    assert [r.error for r in results] == [None, "busy"]


def test_a_cancelled_call_keeps_its_thread_and_its_place_until_it_ends():
    vault, other, ledger = Vault(), Vault(), Ledger()
    caller = ToolCaller(CallLimits(concurrency=2, patience=20))
    before = threading.active_count()

    async def go():
        force = [ToolCall(name="force")]
        with anyio.move_on_after(0.1):
            await caller.call(tools_of(vault), force, ledger)
        assert threading.active_count() == before + 1
        async with anyio.create_task_group() as group:
            group.start_soon(caller.call, tools_of(other), force, Ledger())
            third = Vault()
            third.release.set()
            group.start_soon(caller.call, tools_of(third), force, Ledger())
            await anyio.sleep(0.2)
            assert third.opened == 0, "two are inside: one is waited for, one was given up"
            vault.release.set()
            await anyio.sleep(0.5)
            assert third.opened == 1
            other.release.set()

    agentgym.run(go)
    assert settled(caller, tools_of(vault), ledger)
    for _ in range(500):
        if threading.active_count() == before:
            break
        time.sleep(0.01)
    assert threading.active_count() == before


@given(st.lists(st.floats(0, 0.02), max_size=40))
@settings(max_examples=10, deadline=None)
def test_however_turns_are_cancelled_no_place_task_or_thread_is_kept(moments):
    meeting, met = threading.Barrier(3), []

    @tool
    def nap(together: bool = False) -> str:
        """Sleep in a thread, or wait until three are there."""
        if together:
            meeting.wait(30)
        else:
            time.sleep(0.004)
        return "rested"

    @tool
    async def doze(together: bool = False) -> str:
        """The same on the loop."""
        if together:
            met.append(1)
            await anyio.sleep(0.2)
            return "rested" if len(met) == 3 else "alone"
        await anyio.sleep(0.004)
        return "rested"

    def turn(times, **arguments):
        return [ToolCall(name=one, arguments=arguments) for one in ("nap", "doze")] * times

    async def go():
        caller = ToolCaller(CallLimits(concurrency=3))

        async def cancelled(moment):
            with anyio.move_on_after(moment):
                await caller.call((nap, doze), turn(2), Ledger())

        async with anyio.create_task_group() as group:
            for moment in moments:
                group.start_soon(cancelled, moment)
        assert len(asyncio.all_tasks()) == 1
        return await caller.call((nap, doze), turn(3, together=True), Ledger())

    before = threading.active_count()
    assert [result.content for result in agentgym.run(go)] == ["rested"] * 6
    for _ in range(500):
        if threading.active_count() == before:
            break
        time.sleep(0.01)
    assert threading.active_count() == before


def test_a_tool_that_hangs_does_not_keep_the_process():
    program = (
        "import time, agentgym; from agentgym.tools.tool import tool\n"
        "@tool\n"
        "def hang() -> str:\n"
        "    'Hang.'\n"
        "    time.sleep(3600)\n"
        "print(agentgym.run(hang.call, {}, timeout=0.1).error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "timeout"
