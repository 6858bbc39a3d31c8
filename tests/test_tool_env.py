"""Environments that are acted upon by tool calls."""

import threading

import anyio
import pytest

import agentgym
from agentgym.env.text_env import Task
from agentgym.env.tool_env import ToolEnv
from agentgym.errors import BadInput, EpisodeOver
from agentgym.runtime import background
from agentgym.testing import check_env
from agentgym.tools.caller import CallLimits, Recorder, Replay, ResultCache, ToolCaller
from agentgym.tools.parse import write_tool_call
from agentgym.tools.tool import ToolCall, tool, tools_of


class Purse:
    def __init__(self):
        self.coins = 0

    @tool
    def put(self, coins: int) -> int:
        """Put coins in; the number that is in it."""
        self.coins += coins
        return self.coins

    @tool
    async def look(self) -> str:
        """Count, slowly."""
        await anyio.sleep(0.01)
        return f"{self.coins} coins"


class Saving(ToolEnv):
    system_prompt = "Save three coins, then say done."
    budget = 5

    def __init__(self):
        self.purse = Purse()
        self.tools = tools_of(self.purse)

    def tasks(self, split):
        super().tasks(split)
        return [Task(id=f"{split}-0", split=split)]

    def begin(self, task):
        self.purse.coins = 0
        return "The purse is empty."

    def said(self, text):
        done = text.strip() == "done"
        won = self.purse.coins == 3
        return "", float(done and won), done, False, {"valid": done}

    def anchor(self):
        return f"{self.purse.coins} {self.ledger.outcomes.total()}"

    def expert(self):
        if self.purse.coins == 3:
            return "done"
        return calls(("put", {"coins": 1}))


def calls(*wanted):
    return "".join(write_tool_call(ToolCall(name=n, arguments=a)) for n, a in wanted)


def test_methods_are_tools_of_their_object():
    one, other = Purse(), Purse()
    put, look = tools_of(one)
    assert (put.name, look.name) == ("put", "look")
    assert "self" not in put.schema["function"]["parameters"]["properties"]
    assert put.run({"coins": 2}).content == "2"
    assert agentgym.run(look.call, {}).content == "2 coins"
    assert tools_of(other)[0].run({"coins": 1}).content == "1"
    assert put.run({"coins": "many"}).error == "arguments"
    assert look.is_async and not put.is_async


def test_it_keeps_the_contract():
    check_env(Saving)


def test_calls_and_answers():
    env = Saving()
    env.reset(seed=0)
    page, _, done, _, info = env.step(calls(("put", {"coins": 3}), ("look", {})))
    assert page.startswith("3\n") and not done and info["valid"]
    _, reward, done, _, info = env.step("done")
    assert (reward, done) == (1.0, True)
    assert info["tool_calls"] == {"ok": 2}
    with pytest.raises(EpisodeOver):
        env.step("done")


def test_failures_are_told_to_the_model():
    env = Saving()
    env.reset(seed=0)
    for action, said in [
        (calls(("putt", {})), "did you mean 'put'"),
        (calls(("put", {"coins": "x"})), "Bad arguments for put: coins"),
        ("<tool_call>{", "cannot be read"),
    ]:
        page, reward, done, _, info = env.step(action)
        assert said in page and not info["valid"] and not done and reward == 0.0
    page, *_ = env.step(calls(*[("look", {})] * 4))
    assert page == "0 coins\n0 coins\n0 coins\nNo calls are left of 5."


def test_what_cannot_be_read_is_answered_and_the_other_calls_run():
    env = Saving()
    env.reset(seed=0)
    page, *_, info = env.step(calls(("put", {"coins": 3})) + "<tool_call>{")
    assert page.startswith("3\nThis tool call cannot be read: <tool_call>{\n")
    assert env.purse.coins == 3 and not info["valid"]
    assert info["tool_calls"] == {"ok": 1, "malformed": 1}


def test_info_counts_the_calls_so_far_also_when_the_episode_is_cut_off():
    env = Saving()
    env.reset(seed=0)
    assert env.step(calls(("look", {})))[4]["tool_calls"] == {"ok": 1}
    failed = env.step(calls(("look", {}), ("lok", {})))[4]["tool_calls"]
    assert failed == {"ok": 2, "unknown": 1}
    env.reset(seed=0)
    assert env.step("what?")[4]["tool_calls"] == {}


def test_step_and_astep_do_the_same():
    one, other = Saving(), Saving()
    for env in (one, other):
        env.reset(seed=0)
    for action in (calls(("put", {"coins": 3}), ("look", {})), "<tool_call>{", "done"):
        assert one.step(action) == agentgym.run(other.astep, action)


def test_a_fork_has_objects_of_its_own_and_shares_the_caller():
    env = Saving()
    env.caller = ToolCaller(cache=ResultCache())
    env.reset(seed=0)
    env.step(calls(("put", {"coins": 1})))
    twin = env.fork()
    assert twin.caller is env.caller
    assert twin.step(calls(("put", {"coins": 2})))[0] == "3"
    assert env.step(calls(("put", {"coins": 4})))[0] == "5"
    assert (env.purse.coins, twin.purse.coins) == (5, 3)
    assert env.ledger.spent == twin.ledger.spent == 2


class Waiting(Saving):
    """Its purse can be made to hang; each episode has the same one, or with ``fresh`` its own."""

    caller = ToolCaller(CallLimits(timeout=0.1))
    fresh = False

    def begin(self, task):
        if self.fresh:
            self.purse = Hanging()
            self.tools = tools_of(self.purse)
        return super().begin(task)


class Hanging(Purse):
    def __init__(self):
        super().__init__()
        self.release = threading.Event()

    @tool
    def hang(self) -> str:
        """Hang."""
        self.release.wait(60)
        self.coins = 99
        return "at last"


def test_a_call_that_hangs_reaches_into_no_other_episode():
    env = Waiting()
    env.purse = first = Hanging()
    env.tools = tools_of(first)
    env.reset(seed=0)
    page, *_, info = env.step(calls(("hang", {}), ("put", {"coins": 1})))
    assert page.startswith("hang gave no answer in 0.1 s\nput was not run: hang took too long")
    assert info["tool_calls"] == {"timeout": 1, "busy": 1}
    with pytest.raises(TimeoutError, match="a call of hang, which took too long, still runs"):
        env.fork()
    with pytest.raises(TimeoutError, match="make new objects in begin"):
        env.reset(seed=0)
    env.fresh = True
    env.reset(seed=0)
    first.release.set()
    assert env.step(calls(("put", {"coins": 1})))[0] == "1"


def test_episodes_are_replayed_from_a_tape(tmp_path):
    recording = tmp_path / "recording.jsonl"
    actions = [calls(("put", {"coins": 3}), ("look", {})), calls(("put", {"coins": 1}))]
    pages = []
    for kind in (Recorder, Replay):
        env = Saving()
        env.caller = ToolCaller(recording=kind(recording))
        env.reset(seed=3)
        pages.append([env.step(action) for action in actions])
    assert pages[0] == pages[1]
    assert env.purse.coins == 0, "no tool has run"
    env.reset(seed=4)
    with pytest.raises(BadInput, match="call 1 of episode 'train-0 seed 4'"):
        env.step(actions[0])


def test_the_background_is_another_loop_and_passes_cancellation_on():
    cancelled = []

    async def wait():
        try:
            await anyio.sleep(60)
        except BaseException:
            cancelled.append(True)
            raise

    async def go():
        with anyio.move_on_after(0.05) as clock:
            await background.acall(wait)
        assert clock.cancelled_caught
        await anyio.sleep(0.1)

    agentgym.run(go)
    assert cancelled == [True]
    assert background.call(anyio.sleep, 0) is None
