"""Results that are kept: which, under what, for whom; and that the same call runs once."""

import sqlite3
import subprocess
import sys

import anyio
import pytest
from pydantic import SecretStr

import agentgym
from agentgym.errors import BadInput
from agentgym.tools.caller import CallLimits, Ledger, ResultCache, ToolCaller
from agentgym.tools.tool import ToolCall, tool, tools_of


class Shelf:
    """Counts the calls of its tools; ``version`` says what stands on it."""

    def __init__(self, version="1", seconds=0.0):
        self.version, self.seconds, self.calls = version, seconds, []

    @tool(pure=True)
    async def find(self, word: str, limit: int = 3) -> str:
        """Find a word."""
        self.calls.append(word)
        await anyio.sleep(self.seconds)
        if word == "error":
            raise ValueError("no")
        return f"{word} {limit} {self.version}"

    @tool
    def borrow(self, word: str) -> str:
        """Take a book away: never kept."""
        self.calls.append(word)
        return word

    @tool(pure=True)
    def open(self, key: SecretStr) -> str:
        """Open the cabinet."""
        self.calls.append("key")
        return "open"


def call(caller, shelf, *wanted):
    ledger = Ledger()
    turn = [ToolCall(name=name, arguments=arguments) for name, arguments in wanted]
    results = agentgym.run(caller.call, tools_of(shelf), turn, ledger)
    return [result.content for result in results], ledger.cached


@pytest.fixture(params=["memory", "disk"])
def cache(request, tmp_path):
    return ResultCache(tmp_path / "deep" / "cache.db" if request.param == "disk" else None)


def test_the_same_call_is_answered_from_the_cache(cache):
    caller, shelf = ToolCaller(cache=cache), Shelf()
    first = ("find", {"word": "lamp"})
    assert call(caller, shelf, first) == (["lamp 3 1"], 0)
    assert call(caller, shelf, first) == (["lamp 3 1"], 1)
    assert call(caller, shelf, ("find", {"word": "lamp", "limit": "3"})) == (["lamp 3 1"], 1)
    assert call(caller, shelf, ("find", {"word": "lamp", "limit": 4})) == (["lamp 4 1"], 0)
    assert call(caller, Shelf("2"), first) == (["lamp 3 2"], 0)
    assert call(caller, Shelf("1"), first) == (["lamp 3 1"], 1)
    assert shelf.calls == ["lamp", "lamp"]


def test_what_is_not_kept(cache):
    caller, shelf = ToolCaller(cache=cache), Shelf()
    for wanted in [
        ("find", {"word": "error"}),
        ("borrow", {"word": "lamp"}),
        ("open", {"key": "12345"}),
    ]:
        for _ in range(2):
            assert call(caller, shelf, wanted)[1] == 0
    nameless = Shelf("")
    for _ in range(2):
        assert call(caller, nameless, ("find", {"word": "lamp"})) == (["lamp 3 "], 0)
    assert len(shelf.calls) == 6 and len(nameless.calls) == 2


def test_what_is_on_disk_outlives_the_process_and_is_shared(tmp_path):
    file = tmp_path / "cache.db"
    shelf = Shelf()
    call(ToolCaller(cache=ResultCache(file)), shelf, ("find", {"word": "lamp"}))
    again = ToolCaller(cache=ResultCache(file))
    assert call(again, Shelf(), ("find", {"word": "lamp"})) == (["lamp 3 1"], 1)
    program = (
        "import sys, agentgym; from agentgym.tools.caller import *\n"
        "from agentgym.tools.tool import *\n"
        "@tool(pure=True, version='1')\n"
        "def find(word: str, limit: int = 3) -> str:\n"
        "    'Find.'\n"
        "    return 'another'\n"
        "caller = ToolCaller(cache=ResultCache(sys.argv[1]))\n"
        "turn = [ToolCall(name='find', arguments={'word': word}) for word in ('lamp', 'desk')]\n"
        "print([r.content for r in agentgym.run(caller.call, [find], turn, Ledger())])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, file], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['lamp 3 1', 'another']"
    assert call(again, Shelf(), ("find", {"word": "desk"})) == (["another"], 1)


def test_a_file_that_is_no_cache_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, and long enough to be read as one" * 9)
    with pytest.raises(BadInput, match="cannot keep results of tools in .*notes.txt"):
        ResultCache(tmp_path / "notes.txt")


def test_a_disk_that_fails_costs_no_call(tmp_path):
    file = tmp_path / "cache.db"
    caller = ToolCaller(cache=ResultCache(file))
    with sqlite3.connect(file) as other:
        other.execute("DROP TABLE results")
    other.close()
    with pytest.warns(UserWarning, match="cache .*cache.db does not answer: no such table"):
        assert call(caller, Shelf(), ("find", {"word": "lamp"})) == (["lamp 3 1"], 0)


def test_the_oldest_leave_a_full_memory():
    caller, shelf = ToolCaller(cache=ResultCache(entries=2)), Shelf()
    for word in ("a", "b", "a", "c", "a", "b"):
        call(caller, shelf, ("find", {"word": word}))
    assert shelf.calls == ["a", "b", "c", "b"]


def test_the_same_call_by_many_runs_once_and_failures_are_shared():
    async def ask(caller, shelf, word, found):
        turn = [ToolCall(name="find", arguments={"word": word})]
        ledger = Ledger()
        (result,) = await caller.call(tools_of(shelf), turn, ledger)
        found.append((result.content, ledger.cached))

    async def go(word):
        shelf, found = Shelf(seconds=0.1), []
        caller = ToolCaller(cache=ResultCache())
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(ask, caller, shelf, word, found)
        assert shelf.calls == [word]
        return found

    assert sorted(agentgym.run(go, "lamp")) == [("lamp 3 1", 0)] + [("lamp 3 1", 1)] * 19
    assert {text for text, _ in agentgym.run(go, "error")} == {"ValueError: no"}


def test_when_the_one_who_runs_it_is_cancelled_the_next_one_does():
    async def ask(caller, shelf, found, seconds):
        turn = [ToolCall(name="find", arguments={"word": "lamp"})]
        with anyio.move_on_after(seconds):
            found += await caller.call(tools_of(shelf), turn, Ledger())

    async def go():
        shelf, found = Shelf(seconds=0.3), []
        caller = ToolCaller(CallLimits(timeout=20), cache=ResultCache())
        async with anyio.create_task_group() as group:
            for seconds in (0.1, 20, 20, 0.15):
                group.start_soon(ask, caller, shelf, found, seconds)
        assert shelf.calls == ["lamp"] * 2
        return found

    assert [result.content for result in agentgym.run(go)] == ["lamp 3 1"] * 2
