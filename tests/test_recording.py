"""Recordings of tool traffic, and secrets that are on none of them."""

import json
import random

import anyio
import pytest
from pydantic import SecretStr

import agentgym
from agentgym.errors import BadInput
from agentgym.tools.caller import (
    CallLimits,
    Ledger,
    Recorder,
    Replay,
    ResultCache,
    Secrets,
    ToolCaller,
)
from agentgym.tools.tool import ToolCall, tool


@tool
def roll(sides: int) -> int:
    """Roll a die: another answer each time."""
    return random.SystemRandom().randint(1, sides)


@tool
def never(sides: int) -> int:
    """Must not run."""
    raise AssertionError("a replay runs no tool")


never = type(never)("roll", never.description, never.function, roll.arguments)


def turns(number):
    """The turns of an episode: calls that work, that fail, and a budget that ends."""
    sides = 10**9 + number % 2
    return [
        [ToolCall(name="roll", arguments={"sides": sides})] * 2,
        [ToolCall(name="rol"), ToolCall(name="roll", arguments={"sides": "many"})],
        [ToolCall(name="roll", arguments={"sides": sides})] * 2,
    ]


async def play(caller, tools, number):
    ledger = Ledger(episode=f"task {number}", budget=5)
    results = [await caller.call(tools, turn, ledger) for turn in turns(number)]
    return [[(r.content, r.error) for r in turn] for turn in results], ledger.outcomes


async def play_all(caller, tools, order):
    found = {}

    async def one(number):
        found[number] = await play(caller, tools, number)

    async with anyio.create_task_group() as group:
        for number in order:
            group.start_soon(one, number)
    return found


def test_a_replay_gives_the_same_results_in_any_order_without_tools(tmp_path):
    recording = tmp_path / "recordings" / "rolls.jsonl"
    first = agentgym.run(play_all, ToolCaller(recording=Recorder(recording)), [roll], range(6))
    assert len(recording.read_text().splitlines()) == 6 * 5
    replayed = ToolCaller(recording=Replay(recording))
    assert agentgym.run(play_all, replayed, [never], [5, 2, 0, 1, 4, 3]) == first
    assert agentgym.run(play, replayed, [never], 3) == first[3]
    assert len({str(one) for one in first.values()}) == 6


def test_a_line_says_who_called_what_and_what_came(tmp_path):
    recording = tmp_path / "recording.jsonl"
    agentgym.run(play, ToolCaller(recording=Recorder(recording)), [roll], 0)
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    assert [(line["number"], line["name"], line["error"]) for line in lines] == [
        (1, "roll", None),
        (2, "roll", None),
        (3, "rol", "unknown"),
        (4, "roll", "arguments"),
        (5, "roll", None),
    ]
    assert {line["episode"] for line in lines} == {"task 0"}
    assert lines[0]["arguments"] == {"sides": 10**9}


def test_episodes_that_part_ways_are_replayed_apart(tmp_path):
    recording = tmp_path / "recording.jsonl"
    recorder = ToolCaller(recording=Recorder(recording))
    first, _ = agentgym.run(play, recorder, [roll], 0)
    agentgym.run(play, recorder, [roll], 0)
    replayed, _ = agentgym.run(play, ToolCaller(recording=Replay(recording)), [never], 0)
    assert replayed == first


def test_quick_tools_are_taped_too(tmp_path):
    @tool(quick=True)
    def now() -> float:
        """A number nobody can guess."""
        return random.SystemRandom().random()

    recording = tmp_path / "recording.jsonl"
    turn = [ToolCall(name="now")]
    first = ToolCaller(recording=Recorder(recording)).run([now], turn, Ledger())
    assert ToolCaller(recording=Replay(recording)).run([now], turn, Ledger()) == first


def test_a_call_that_is_not_on_the_tape_is_an_error_that_says_what_is(tmp_path):
    recording = tmp_path / "recording.jsonl"
    agentgym.run(play, ToolCaller(recording=Recorder(recording)), [roll], 0)
    caller = ToolCaller(recording=Replay(recording))

    def ask(sides, episode="task 0"):
        turn = [ToolCall(name="roll", arguments={"sides": sides})]
        return agentgym.run(caller.call, [never], turn, Ledger(episode=episode))

    with pytest.raises(BadInput) as error:
        ask(6)
    assert "call 1 of episode 'task 0', roll({\"sides\": 6}) after" in str(error.value)
    assert 'at this number it has roll({"sides": 1000000000}).' in str(error.value)
    with pytest.raises(BadInput, match="it has nothing"):
        ask(10**9, "task 7")


def test_a_tape_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(BadInput, match="there is no recording .*missing.jsonl"):
        Replay(tmp_path / "missing.jsonl")
    (tmp_path / "broken.jsonl").write_text('{"episode": "a"\n')
    with pytest.raises(BadInput, match="line 1 of the recording .*broken.jsonl is broken"):
        Replay(tmp_path / "broken.jsonl")


def test_secrets_are_neither_on_tapes_nor_in_results_nor_in_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("SEARCH_KEY", 'key "42"/ø')
    monkeypatch.delenv("UNSET_KEY", raising=False)
    handed, password = "handed-over", "correct horse"

    @tool(pure=True, version="1")
    def search(query: str) -> dict:
        """Search, and be careless."""
        if query == "fail":
            raise ValueError(f"{handed} is not accepted")
        return {"url": "https://a.b/?key=key+%2242%22%2F%C3%B8", "key": 'key "42"/ø', "q": query}

    @tool
    def login(user: int, password: SecretStr | None = None, pin: SecretStr | None = None) -> str:
        """Log in, and be careless."""
        return f"{password.get_secret_value() if password else ''} is right"

    secrets = Secrets(SecretStr(handed), variables=["SEARCH_KEY", "UNSET_KEY"])
    recording, file = tmp_path / "recording.jsonl", tmp_path / "cache.db"
    caller = ToolCaller(recording=Recorder(recording), cache=ResultCache(file), secrets=secrets)
    wanted = [
        ("search", {"query": handed}),
        ("search", {"query": "fail"}),
        ("login", {"user": 1, "password": password, "pin": "123"}),
        ("login", {"user": "one", "password": password}),
        (handed, {"password": [handed, {handed: 1}]}),
    ]
    turn = [ToolCall(name=name, arguments=arguments) for name, arguments in wanted]
    results = agentgym.run(caller.call, [search, login], turn, Ledger())
    assert [result.error for result in results] == [None, "exception", None, "arguments", "unknown"]
    assert results[0].content == '{"url": "https://a.b/?key=***", "key": "***", "q": "***"}'
    assert results[2].content == "*** is right"
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    assert lines[2]["arguments"] == {"user": 1, "password": "***", "pin": "***"}
    assert lines[3]["arguments"]["password"] == "***"
    for path in tmp_path.iterdir():
        kept = path.read_bytes()
        for secret in (handed, password, "42", '"123"'):
            assert secret.encode() not in kept, (path, secret)
    again = agentgym.run(
        ToolCaller(recording=Replay(recording), secrets=secrets).call, [], turn[:1], Ledger()
    )
    assert again == results[:1]


def test_a_secret_that_would_blank_out_everything_is_refused():
    with pytest.raises(BadInput, match="fewer than 4 characters"):
        Secrets("abc")
    assert Secrets().hide("as it is") == "as it is"


def test_a_replay_shows_a_cut_result_as_it_was_cut(tmp_path):
    @tool
    def long() -> str:
        """Say much."""
        return "word " * 100

    file, limits = tmp_path / "recording.jsonl", CallLimits(longest=20)
    turn = [ToolCall(name="long")]
    first = agentgym.run(ToolCaller(limits, recording=Recorder(file)).call, [long], turn, Ledger())
    assert "[480 of 500 characters are left out here]" in first[0].content
    again = agentgym.run(ToolCaller(limits, recording=Replay(file)).call, [long], turn, Ledger())
    assert again == first
