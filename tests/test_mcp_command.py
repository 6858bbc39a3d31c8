"""``agentgym mcp``, driven by the official client."""

import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager, contextmanager, nullcontext
from importlib.metadata import entry_points

import anyio
import pytest
from conftest import missing

import agentgym
from agentgym.errors import BadInput, UnknownName

try:
    from mcp import Client, MCPError, StdioServerParameters
except ImportError:
    missing("the MCP SDK", "mcp")

from agentgym.cli import application
from agentgym.mcp import HttpServer, StdioServer, ToolServer
from agentgym.mcp.episode_tools import EpisodeTools
from agentgym.mcp.offer import offer
from agentgym.tools.tool import tools_of

WEBSHOP = ["agentgym/WebShop-v0", "--set", "level=easy"]
COMMAND = [sys.executable, "-m", "agentgym", "mcp"]


@pytest.fixture(scope="module")
def shop_at():
    with offered_over_http(*WEBSHOP) as url:
        yield url


@contextmanager
def offered_over_http(*arguments):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    line = [*COMMAND, *arguments, "--port", str(port)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as command:
        try:
            url = re.search(r"http://[\w.:]+/mcp", command.stdout.readline())[0]
            wait_for(port)
            yield url
        finally:
            command.terminate()


@asynccontextmanager
async def client_of(where, **settings):
    """The official client, over the transport that ``where`` asks for."""
    if isinstance(where, str):
        async with Client(where, **settings) as client:
            yield client
    else:
        program, *rest = [*COMMAND, *where]
        parameters = StdioServerParameters(command=program, args=rest)
        async with Client(parameters, **settings) as client:
            yield client


async def play(client, env, task):
    """An episode by its expert, who watches an environment of our own; returns what was seen."""
    first = await client.call_tool("reset", {"task": task})
    observation, info = env.reset(options={"task": task})
    assert first.structured_content == {
        "rules": env.system_prompt,
        "observation": observation,
        "info": info,
    }
    while True:
        anchor = await client.call_tool("anchor", {})
        assert anchor.content[0].text in (env.anchor(), "null")
        action = env.expert()
        got = (await client.call_tool("step", {"action": action})).structured_content
        observation, reward, terminated, truncated, _ = env.step(action)
        assert got["observation"] == observation and got["reward"] == reward
        assert (got["terminated"], got["truncated"]) == (terminated, truncated)
        if terminated or truncated:
            return reward


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_an_environment_is_played_by_the_official_client(transport, mode, request):
    where = WEBSHOP if transport == "stdio" else request.getfixturevalue("shop_at")
    env = agentgym.make("agentgym/WebShop-v0", level="easy")
    task = env.tasks("test")[0].id

    async def go():
        async with client_of(where, mode=mode) as client:
            offered = (await client.list_tools()).tools
            assert [tool.name for tool in offered] == ["reset", "step", "anchor"]
            assert offered[1].input_schema["required"] == ["action"]
            early = await client.call_tool("step", {"action": "click[buy now]"})
            assert early.is_error and "call reset() first" in early.content[0].text
            return await play(client, env, task)

    assert agentgym.run(go) == 1.0


def test_each_client_has_an_episode_of_its_own(shop_at):
    env = agentgym.make("agentgym/WebShop-v0", level="easy")
    tasks = [task.id for task in env.tasks("test")[:2]]

    async def observation(client, name, **arguments):
        return (await client.call_tool(name, arguments)).structured_content["observation"]

    async def go():
        async with client_of(shop_at) as one, client_of(shop_at) as other:
            begun = await observation(one, "reset", task=tasks[0])
            assert await observation(other, "reset", task=tasks[1]) != begun
            await observation(one, "step", action="search[red shirt]")
            env.reset(options={"task": tasks[1]})
            assert await observation(other, "step", action="none") == env.step("none")[0]

    agentgym.run(go)


def test_what_is_wrong_is_told_to_the_client(shop_at):
    async def go():
        async with client_of(shop_at) as client:
            wrong = await client.call_tool("reset", {"task": "no such task"})
            assert wrong.is_error and "no task 'no such task'" in wrong.content[0].text
            wrong = await client.call_tool("step", {})
            assert wrong.is_error and "action: Field required" in wrong.content[0].text
            with pytest.raises(MCPError, match="no tool 'jump'"):
                await client.call_tool("jump", {})
        with pytest.raises((MCPError, ExceptionGroup)) as raised:
            async with client_of(shop_at, mode="2026-07-28") as client:
                await client.call_tool("reset", {})
        error = raised.value
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        assert "needs sessions" in str(error)

    agentgym.run(go)


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_tools_are_offered_and_used_as_tools_again(transport):
    """Ours at both ends: what `agentgym mcp` offers is what a ToolServer finds."""
    only = ["--tool", "calculator"]
    with offered_over_http(*only) if transport == "http" else nullcontext() as url:
        address = HttpServer(url=url) if url else StdioServer(command=[*COMMAND, *only])
        server = ToolServer(address, start_timeout=60)
        (calculator,) = server.tools
        ours = calculator_of_ours()
        assert calculator.schema == ours.schema
        assert server.call("calculator", {"expression": "(3 + 4) * 2"}).content == "14"
        assert server.call("calculator", {"expression": "1 / 0"}).error == "exception"
        server.close()


def test_every_installed_tool_is_offered():
    names = {point.name for point in entry_points(group="agentgym.tools")}

    async def go():
        async with client_of([]) as client:
            return {tool.name for tool in (await client.list_tools()).tools}

    assert "calculator" in names and "calculator" in agentgym.run(go)


class Slow(agentgym.TextEnv):
    """Counts the steps that are taken at the same time."""

    inside = most = 0

    async def areset(self, *, seed=None, options=None):
        return "", {}

    async def astep(self, action):
        self.inside += 1
        self.most = max(self.most, self.inside)
        await anyio.sleep(0.01)
        self.inside -= 1
        return action, 0.0, False, False, {}

    def close(self):
        self.closed.set()


def test_calls_of_a_client_take_turns_and_its_environment_is_closed_when_it_leaves():
    env = Slow()
    env.closed = threading.Event()

    def make_tools(stack):
        stack.callback(env.close)
        return tools_of(EpisodeTools(env))

    async def go():
        async with Client(offer("slow", make_tools), mode="legacy") as client:
            async with anyio.create_task_group() as group:
                for number in range(5):
                    group.start_soon(client.call_tool, "step", {"action": str(number)})
            assert env.most == 1 and not env.closed.is_set()

    agentgym.run(go)
    assert env.closed.wait(10)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["agentgym/NoSuch-v0"], UnknownName, "no environment 'agentgym/NoSuch-v0'"),
        (["--tool", "calculater"], UnknownName, "did you mean 'calculator'"),
        (["agentgym/WebShop-v0", "--tool", "calculator"], BadInput, "two servers"),
    ],
)
def test_wrong_usage(arguments, error, said):
    with pytest.raises(error, match=said):
        application()(args=["mcp", *arguments], standalone_mode=False)


def calculator_of_ours():
    from agentgym_tools.calculator import calculator

    return calculator


def wait_for(port):
    for _ in range(600):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
    raise AssertionError("it does not listen")
