"""Servers for episodes: clean at the start, replaced when they die, gone at the end."""

import gc
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from conftest import missing

import agentgym
from agentgym.errors import BadInput, EpisodeOver, ServerError
from agentgym.testing import check_env
from agentgym.tools.parse import write_tool_call
from agentgym.tools.tool import ToolCall

try:
    from agentgym.mcp import ServerPool, StdioServer, ToolServer, calling
except ImportError:
    missing("the MCP SDK", "mcp")

from mcp_servers import (
    MARK,
    PROGRAMS,
    comes,
    npm_server,
    processes,
    servers,
    sleeping,
    words,
)

START = 60.0  # seconds; the machine may be busy
SECONDS = 100_000 + os.getpid()  # of sleep, to know it by
SLOW = {"duration": 60, "steps": 1}
DOCS = Path(__file__).parent.parent / "docs" / "mcp.md"


def memory():
    variables = {"MEMORY_FILE_PATH": "{folder}/graph.jsonl"}
    return StdioServer(command=npm_server("memory", MARK), variables=variables)


def everything():
    return StdioServer(command=npm_server("everything", "stdio", MARK))


def pool_of(address, **settings):
    return ServerPool(address, start_timeout=START, **settings)


def remember(lease, name):
    entity = {"name": name, "entityType": "person", "observations": []}
    assert lease.call("create_entities", {"entities": [entity]}).error is None


def remembered(lease):
    return re.findall(r'"name": "(\w+)"', lease.call("read_graph", {}).content)


async def forget(server):
    """A reset that asks the server."""
    graph = await server.acall("read_graph", {})
    names = re.findall(r'"name": "(\w+)"', graph.content)
    await server.acall("delete_entities", {"entityNames": names})


DELETE = calling(ToolCall(name="delete_entities", arguments={"entityNames": ["first", "second"]}))


@pytest.mark.parametrize("reset", [None, DELETE, forget], ids=["restart", "calls", "function"])
def test_an_episode_never_sees_what_another_did(reset):
    settings = {} if reset is None else {"reset": reset}
    with pool_of(memory(), size=2, **settings) as pool:
        one, other = pool.lease(), pool.lease()
        one.begin()
        other.begin()
        remember(one, "first")
        remember(other, "second")
        assert (remembered(one), remembered(other)) == (["first"], ["second"])
        served = {one.server, other.server}
        one.end()
        other.begin()  # it gives back its own first, so that both may be next
        assert remembered(other) == [] and other.server in served
        one.begin()
        assert remembered(one) == [] and one.server in served


def test_many_episodes_on_few_servers():
    seen = {}

    async def episode(pool, number):
        lease = pool.lease()
        await lease.abegin()
        entity = {"name": f"n{number}", "entityType": "x", "observations": []}
        await lease.acall("create_entities", {"entities": [entity]})
        await anyio.sleep(0.01)
        graph = await lease.acall("read_graph", {})
        seen[number] = re.findall(r'"name": "(\w+)"', graph.content)
        lease.end()

    async def all_at_once(pool):
        async with anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(episode, pool, number)

    with pool_of(memory(), size=3, reset=forget) as pool:
        agentgym.run(all_at_once, pool)
        assert len(servers()) == 3
    assert seen == {number: [f"n{number}"] for number in range(12)}


def test_a_reset_that_fails_is_followed_by_a_restart():
    refused = calling(ToolCall(name="delete_entities", arguments={"entityNames": 5}))
    tries = []

    async def fails_once(server):
        tries.append(server)
        if len(tries) == 2:
            raise ServerError("the second one fails")

    with pool_of(memory(), size=1, reset=fails_once) as pool:
        lease = pool.lease()
        lease.begin()
        remember(lease, "first")
        lease.begin()
        assert len(tries) == 3 and remembered(lease) == []
    error = pytest.raises(ServerError, match="delete_entities: Bad arguments")
    with pool_of(memory(), size=1, reset=refused) as pool, error:
        pool.lease().begin()


def test_waiting_is_bounded_and_says_for_whom():
    async def endless(server):
        await anyio.sleep_forever()

    with pool_of(memory(), size=1, wait_timeout=0.2) as pool:
        one = pool.lease()
        one.begin()
        with pytest.raises(
            ServerError, match=r"waited 0\.2 s for one of 1 MCP servers .*have them"
        ):
            pool.lease().begin()
        one.end()
        pool.lease().begin()  # its lease is collected at once, and gives the server back
        gc.collect()
        pool.lease().begin()
    with pytest.raises(BadInput, match="is closed"):
        one.begin()
    error = pytest.raises(ServerError, match="waited 2 s for the reset of the MCP server")
    with pool_of(memory(), reset=endless, reset_timeout=2.0) as pool, error:
        pool.lease().begin()


def test_a_server_killed_while_it_answers_costs_that_call():
    server = ToolServer(everything(), start_timeout=START)
    server.tools  # noqa: B018
    (process,) = servers()

    async def kill_in_the_middle():
        async def kill():
            await anyio.sleep(0.3)
            os.kill(process, signal.SIGKILL)

        async with anyio.create_task_group() as group:
            group.start_soon(kill)
            return await server.acall("trigger-long-running-operation", SLOW)

    got = agentgym.run(kill_in_the_middle)
    assert got.error == "exception" and "died during this call" in got.content
    assert "7" in server.call("get-sum", {"a": 3, "b": 4}).content
    (again,) = servers()
    assert again != process
    server.close()
    assert processes() == {}


def test_a_server_that_hangs_is_replaced(monkeypatch):
    monkeypatch.setattr("agentgym.mcp.connection.PROBE", 0.5)
    server = ToolServer(everything(), start_timeout=START)
    server.tools  # noqa: B018
    (process,) = servers()
    os.kill(process, signal.SIGSTOP)
    got = server.call("get-sum", {"a": 3, "b": 4}, timeout=0.5)
    assert got.error == "timeout" and got.content == "get-sum gave no answer in 0.5 s"
    assert "7" in server.call("get-sum", {"a": 3, "b": 4}, timeout=START).content
    assert process not in servers()
    server.close()


def test_a_slow_call_does_not_cost_the_server():
    server = ToolServer(everything(), start_timeout=START)
    assert server.call("trigger-long-running-operation", SLOW, timeout=0.2).error == "timeout"
    (process,) = servers()
    assert "7" in server.call("get-sum", {"a": 3, "b": 4}).content
    assert servers() == [process]
    server.close()


def test_work_that_nobody_waits_for_does_not_reach_the_next_episode():
    """A call that timed out may still be at work, so its server is restarted whatever reset is."""

    async def nothing(server):
        pass

    with pool_of(everything(), size=1, reset=nothing) as pool:
        lease = pool.lease()
        lease.begin()
        first = servers()
        lease.begin()
        assert servers() == first
        lease.call("trigger-long-running-operation", SLOW, timeout=0.2)
        lease.begin()
        assert servers() != first


def test_a_death_is_noticed_at_once_although_a_descendant_keeps_the_pipe():
    address = StdioServer(command=[sys.executable, "-c", DYING, str(SECONDS)])
    server = ToolServer(address, start_timeout=START)
    got = server.call("die", {}, timeout=20)
    assert got.error == "exception" and "died during this call" in got.content
    assert comes(lambda: not sleeping(SECONDS))
    server.close()


def test_files_outlive_a_death_but_not_the_episode():
    with pool_of(memory(), size=1) as pool:
        lease = pool.lease()
        lease.begin()
        remember(lease, "first")
        folder = lease.folder
        (process,) = servers()
        os.kill(process, signal.SIGKILL)
        got = lease.call("read_graph", {})
        assert got.error == "exception"
        assert remembered(lease) == ["first"] and lease.folder == folder
        (process,) = servers()
        os.kill(process, signal.SIGKILL)
        lease.begin()
        assert remembered(lease) == [] and not folder.exists()


def test_what_is_cancelled_is_neither_lost_nor_left():
    async def go(pool):
        lease = pool.lease()
        for seconds in (0.0, 0.05, 0.2):
            with anyio.move_on_after(seconds):
                await lease.abegin()
        await lease.abegin()
        with anyio.move_on_after(0.001):
            await lease.acall("read_graph", {})
        del lease
        await pool.lease().abegin()

    with pool_of(memory(), size=1, wait_timeout=START) as pool:
        agentgym.run(go, pool)
    assert processes() == {}


def test_nothing_is_left_after_an_exception(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ZeroDivisionError), pool_of(memory(), size=2) as pool:
        leases = [pool.lease(), pool.lease()]
        for lease in leases:
            lease.begin()
        assert len(processes()) == 4 and len(list(tmp_path.iterdir())) == 2
        1 / 0  # noqa: B018
    assert processes() == {} and list(tmp_path.iterdir()) == []


DAUGHTER = """
import os, sys, time
from agentgym.mcp import ServerPool, StdioServer
pool = ServerPool(StdioServer(command=sys.argv[2:]), start_timeout=60)
leases = [pool.lease(), pool.lease()]
for lease in leases:
    lease.begin()
print(lease.folder.parent, flush=True)
if sys.argv[1] == "wait":
    time.sleep(600)
"""
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", sys.argv[1]])
from mcp.server.mcpserver import MCPServer
MCPServer("stubborn").run("stdio")
time.sleep(600)
"""
DYING = """
import subprocess, sys
from mcp.server.mcpserver import MCPServer
server = MCPServer("dying")
@server.tool()
def die() -> str:
    subprocess.Popen(["sleep", sys.argv[1]])
    import os
    os._exit(1)
server.run("stdio")
"""


@pytest.mark.parametrize("end", ["wait", "leave"], ids=["kill -9", "ordinary end"])
def test_nothing_outlives_us(end):
    """Not even a server that ignores the end of its input and SIGTERM, nor what it started."""
    server = [sys.executable, "-c", STUBBORN, str(SECONDS), MARK, "{folder}"]
    command = [sys.executable, "-c", DAUGHTER, end, *server]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daughter:
        folder = Path(daughter.stdout.readline().strip())
        started, slept = folder.is_dir(), len(sleeping(SECONDS))
        if end == "wait":
            daughter.kill()
    assert started and slept == 2
    assert daughter.returncode == (-signal.SIGKILL if end == "wait" else 0)
    assert comes(lambda: not processes() and not sleeping(SECONDS))
    assert comes(lambda: not folder.exists())


@pytest.fixture
def remember_env(monkeypatch):
    """The environment of the documentation."""
    npm_server("memory")
    monkeypatch.setenv("PATH", f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "class Remember" in block]
    names = {"__name__": "documentation"}
    exec(code, names)
    yield names["Remember"]
    names["Remember"].servers.close()


def test_the_environment_of_the_documentation(remember_env):
    check_env(remember_env, episodes=1)
    env, other = remember_env(), remember_env()
    for _ in range(2):
        env.reset(options={"task": "Ada-Bo"})
        other.reset(options={"task": "Ada-Bo"})
        env.step(env.expert())
        assert env.expert() == "done" and other.graph() == []
        assert env.step("done")[1:3] == (1.0, True)
        assert other.step("done")[1:3] == (0.0, True)
        with pytest.raises(EpisodeOver):
            env.step("done")


def test_a_rollout_in_which_servers_are_killed(remember_env):
    """An episode loses a call, not its server: all are played to the end, with success."""
    killed = []

    class Killed(remember_env):
        async def astep(self, action):
            if len(killed) < 3 and self not in killed:
                file = str(self.server.folder / "graph.jsonl")
                wanted = f"MEMORY_FILE_PATH={file}"
                variables = {
                    pid: words(Path(f"/proc/{pid}"), "environ") for pid in servers("server-memory")
                }
                (own,) = [pid for pid, given in variables.items() if wanted in given]
                os.kill(own, signal.SIGKILL)
                killed.append(self)
            return await super().astep(action)

    async def go():
        tasks = Killed().tasks("train")
        return await agentgym.collect(
            Killed, agentgym.expert_policy(), tasks, group_size=4, concurrency=6, max_failures=0.0
        )

    episodes = [episode for group in agentgym.run(go) for episode in group.trajectories]
    assert len(killed) == 3 and len(episodes) == 24
    assert all(episode.failure is None and episode.success for episode in episodes)
    told = [step for episode in episodes for step in episode.steps if "died" in step.observation]
    assert len(told) == 3 and sum(len(episode.steps) for episode in episodes) == 2 * 24 + 3


def test_a_call_without_an_episode_is_told(remember_env):
    env = remember_env()
    env.reset(seed=0)
    env.step("done")
    env.reset(seed=0)
    call = ToolCall(name="read_graph")
    assert env.step(write_tool_call(call))[4]["valid"]
    env.close()
    with pytest.raises(BadInput, match="no episode has begun"):
        env.server.folder  # noqa: B018
