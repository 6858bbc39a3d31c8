"""`agentgym.run`: asynchronous functions from ordinary code, also where a loop runs already."""

import asyncio
import threading

import anyio.lowlevel
import pytest

import agentgym
from agentgym.context.context import FullHistory

IN_A_LOOP = {"script": False, "notebook": True}


@pytest.fixture(params=IN_A_LOOP)
def call(request):
    """Calls an ordinary function as a script does, or from a coroutine, as a notebook does."""

    def outside(function):
        return function()

    def inside(function):
        async def cell():
            return function()

        return asyncio.run(cell())

    return inside if IN_A_LOOP[request.param] else outside


async def added(a, b=0):
    await anyio.lowlevel.checkpoint()
    return a + b


def test_the_value_comes_back(call):
    assert call(lambda: agentgym.run(added, 1, b=2)) == 3


def test_an_episode_is_played(call):
    env = agentgym.make("agentgym/WebShop-v0", level="easy")
    task = env.tasks("test")[0]
    played = call(lambda: agentgym.run(agentgym.rollout, env, agentgym.expert_policy(), task))
    assert played.success and played.task == task


def test_an_error_passes_through_unchanged(call):
    error = agentgym.BadInput("no such thing")

    async def fails():
        await anyio.lowlevel.checkpoint()
        raise error

    with pytest.raises(agentgym.BadInput) as raised:
        call(lambda: agentgym.run(fails))
    assert raised.value is error


def test_what_still_runs_is_cancelled_when_something_fails(call):
    ended = []

    async def waits():
        try:
            await anyio.sleep(60)
        except anyio.get_cancelled_exc_class():
            ended.append("cancelled")
            raise

    async def fails():
        await anyio.sleep(0.01)
        raise ValueError("the other one")

    async def both():
        async with anyio.create_task_group() as group:
            group.start_soon(waits)
            group.start_soon(fails)

    with pytest.raises(ExceptionGroup) as raised:
        call(lambda: agentgym.run(both))
    assert [str(one) for one in raised.value.exceptions] == ["the other one"]
    assert ended == ["cancelled"]


def test_the_loop_of_the_caller_stands_still_and_then_goes_on():
    async def cell():
        ticks = []

        async def ticking():
            while True:
                ticks.append(threading.get_ident())
                await asyncio.sleep(0)

        task = asyncio.create_task(ticking())
        await asyncio.sleep(0.01)
        before = len(ticks)
        elsewhere = agentgym.run(thread)
        assert len(ticks) == before
        await asyncio.sleep(0.01)
        task.cancel()
        return before < len(ticks), elsewhere, {*ticks}

    async def thread():
        await anyio.sleep(0.05)
        return threading.get_ident()

    went_on, elsewhere, here = asyncio.run(cell())
    assert went_on and elsewhere not in here


def test_it_can_be_called_again_and_leaves_no_thread(call):
    threads = threading.active_count()
    assert call(lambda: [agentgym.run(added, n, 1) for n in range(3)]) == [1, 2, 3]
    assert threading.active_count() <= threads


def test_a_context_manager_of_the_function_is_closed_before_it_returns(call):
    closed = []

    class Held:
        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            await anyio.lowlevel.checkpoint()
            closed.append(True)

    async def holds():
        async with Held():
            return FullHistory().name

    assert call(lambda: agentgym.run(holds)) == "full" and closed == [True]
