"""MCP servers as tools: real ones, as npm and PyPI have them."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import anyio
import httpx
import pytest
from conftest import missing

import agentgym
from agentgym.env.tool_env import ToolEnv
from agentgym.errors import BadInput, ServerError, UnknownName
from agentgym.tools.caller import Ledger, ToolCaller
from agentgym.tools.parse import write_tool_call
from agentgym.tools.tool import ToolCall

try:
    from agentgym.mcp import HttpServer, StdioServer, ToolServer
except ImportError:
    missing("the MCP SDK", "mcp")

import mcp_types
from mcp_servers import MARK, npm_server, processes
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from agentgym.mcp.server_tool import result, server_tools

START = 60.0  # seconds; the machine may be busy
PATH = os.environ["PATH"]


@contextmanager
def running(*command, **variables):
    """A server for the time of the block."""
    address = StdioServer(command=list(command), variables=variables)
    server = ToolServer(address, start_timeout=START)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def everything():
    with running(*npm_server("everything", "stdio", MARK)) as server:
        yield server


def test_a_server_s_tools_have_its_schemas(everything):
    tools = {tool.name: tool for tool in everything.tools}
    assert len(tools) >= 13
    assert tools["get-sum"].schema == {
        "type": "function",
        "function": {
            "name": "get-sum",
            "description": "Returns the sum of two numbers",
            "parameters": {
                "type": "object",
                "properties": {
                    "a": {"type": "number", "description": "First number"},
                    "b": {"type": "number", "description": "Second number"},
                },
                "required": ["a", "b"],
            },
        },
    }


def test_calls_and_what_the_model_reads(everything):
    assert "7" in everything.call("get-sum", {"a": 3, "b": 4}).content
    assert everything.call("echo", {"message": "søk 🛒"}).content.endswith("søk 🛒")
    image = everything.call("get-tiny-image", {}).content
    assert "[image, image/png, " in image and " bytes, not shown]" in image
    links = everything.call("get-resource-links", {"count": 2}).content
    assert links.count("[resource ") == 2 and len(links) < 1000
    weather = everything.call("get-structured-content", {"location": "Chicago"})
    assert '"temperature"' in weather.content and weather.error is None


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("get-sum", {"a": "x", "b": 1}, "a: 'x' is not of type 'number'"),
        ("get-sum", {"a": 1}, "'b' is a required property"),
        ("get-structured-content", {"location": "Rome"}, "location: 'Rome' is not one of"),
    ],
)
def test_bad_arguments_are_told_to_the_model(everything, name, arguments, said):
    got = everything.call(name, arguments)
    assert got.error == "arguments" and got.content.startswith(f"Bad arguments for {name}: ")
    assert said in got.content


def test_an_unknown_tool_is_named_to_the_caller(everything):
    with pytest.raises(UnknownName, match="did you mean 'get-sum'"):
        everything.call("get-sums", {})


def test_tools_work_on_any_event_loop_and_in_any_thread(everything):
    (add,) = [tool for tool in everything.tools if tool.name == "get-sum"]
    caller, got = ToolCaller(), []

    async def several():
        calls = [ToolCall(name="get-sum", arguments={"a": 100, "b": n}) for n in range(20)]
        return await caller.call(everything.tools, calls, Ledger())

    def in_a_thread(number):
        got.append(agentgym.run(add.call, {"a": 500, "b": number}).content)

    threads = [threading.Thread(target=in_a_thread, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2):  # each run is a loop of its own
        results = agentgym.run(several)
        assert all(str(100 + n) in r.content and r.error is None for n, r in enumerate(results))
    for thread in threads:
        thread.join()
    assert sorted(str(n) in text for n, text in zip(range(500, 504), sorted(got), strict=True))
    assert len(processes()) == 2  # one server and its supervisor for all of it


class Sums(ToolEnv):
    def __init__(self, tools):
        self.tools = tools

    def tasks(self, split):
        return [agentgym.Task(id="only", split=split)]

    def begin(self, task):
        return "Add 2 and 3."

    def said(self, text):
        return "", float(text == "5"), True, False, {}


def test_an_environment_steps_with_and_without_an_event_loop(everything):
    action = write_tool_call(ToolCall(name="get-sum", arguments={"a": 2, "b": 3}))

    async def on_a_loop():
        env = Sums(everything.tools)
        await env.areset()
        return await env.astep(action)

    env = Sums(everything.tools)
    env.reset()
    assert env.step(action) == agentgym.run(on_a_loop)
    assert "5" in env.step(action)[0]


def test_files_outside_the_root_are_refused(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (root / "way out").symlink_to(tmp_path)
    with running(*npm_server("filesystem", root)) as server:
        assert server.call("write_file", {"path": f"{root}/a.txt", "content": "one"}).error is None
        assert server.call("read_text_file", {"path": f"{root}/a.txt"}).content == "one"
        for path in ("secret.txt", "root/../secret.txt", "root/way out/secret.txt"):
            got = server.call("read_text_file", {"path": str(tmp_path / path)})
            assert got.error == "exception" and "denied" in got.content, got
    assert (root / "a.txt").read_text() == "one"


def test_a_server_s_own_folder_is_gone_with_it():
    with running(*npm_server("filesystem", "{folder}")) as server:
        assert len(server.tools) >= 14
        kept = server.folder
        server.call("write_file", {"path": f"{kept}/a.txt", "content": "one"})
        assert (kept / "a.txt").read_text() == "one"
    assert not kept.parent.exists()
    with pytest.raises(BadInput, match="has no folder"):
        server.folder  # noqa: B018


def test_the_time_server():
    pytest.importorskip("mcp_server_time")
    with running(sys.executable, "-m", "mcp_server_time", "--local-timezone=UTC") as server:
        assert {tool.name for tool in server.tools} == {"get_current_time", "convert_time"}
        noon = {"source_timezone": "Asia/Tokyo", "time": "12:00", "target_timezone": "UTC"}
        assert "T03:00:00+00:00" in server.call("convert_time", noon).content
        wrong = server.call("get_current_time", {"timezone": "Mars/Base"})
        assert wrong.error == "exception" and "Mars/Base" in wrong.content


def test_streamable_http(free_port):
    """And a server that dies: its calls fail, and work again once it is back."""
    command = npm_server("everything", "streamableHttp")

    @contextmanager
    def listening():
        with subprocess.Popen(command, env={"PORT": str(free_port), "PATH": PATH}) as process:
            try:
                _until_it_listens(f"http://127.0.0.1:{free_port}/mcp")
                yield
            finally:
                process.kill()

    server = ToolServer(HttpServer(url=f"http://127.0.0.1:{free_port}/mcp"))
    with listening():
        assert "7" in server.call("get-sum", {"a": 3, "b": 4}).content
    assert server.call("get-sum", {"a": 3, "b": 4}, timeout=10).error == "exception"
    with listening():
        assert "9" in server.call("get-sum", {"a": 5, "b": 4}).content
        server.close()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["no-such-program-for-agentgym"], "No such file or directory"),
        ([sys.executable, "-c", "import sys; sys.exit('my last words')"], "my last words"),
    ],
)
def test_a_server_that_does_not_start_says_why(command, said):
    server = ToolServer(StdioServer(command=[*command, f"{MARK}-ended"]), start_timeout=START)
    with pytest.raises(ServerError, match="does not start") as raised:
        server.tools  # noqa: B018
    assert said in str(raised.value)
    assert processes(f"{MARK}-ended") == {}


def test_a_server_that_is_silent_is_ended():
    command = [sys.executable, "-c", "import time; time.sleep(987)", f"{MARK}-silent"]
    server = ToolServer(StdioServer(command=command), start_timeout=0.5)
    with pytest.raises(ServerError, match=r"waited 0\.5 s for the MCP server .* to start"):
        server.tools  # noqa: B018
    assert processes(f"{MARK}-silent") == {}


def test_what_is_no_text_is_a_note():
    blob = BlobResourceContents(uri="file:///a.zip", blob="QUJD", mime_type="application/zip")
    text = TextResourceContents(uri="file:///a.txt", text="inside")
    answer = CallToolResult(
        content=[
            TextContent(text="first"),
            ImageContent(data="QUJD", mime_type="image/png"),
            AudioContent(data="QUI=", mime_type="audio/wav"),
            ResourceLink(name="b", uri="file:///b", description="the other"),
            EmbeddedResource(resource=text),
            EmbeddedResource(resource=blob),
        ],
        structured_content={"not": "shown"},
    )
    assert result(answer).content == (
        "first\n"
        "[image, image/png, 3 bytes, not shown]\n"
        "[audio, audio/wav, 2 bytes, not shown]\n"
        "[resource b at file:///b: the other]\n"
        "[resource file:///a.txt]\ninside\n"
        "[resource file:///a.zip, application/zip, not shown]"
    )
    bare = CallToolResult(content=[], structured_content={"n": [1, "ø"]}, is_error=True)
    assert result(bare).content == '{"n": [1, "ø"]}' and result(bare).error == "exception"


@pytest.mark.parametrize("broken", [{"type": "no type"}, {"$ref": "http://127.0.0.1:9/schema"}])
def test_arguments_of_a_broken_schema_are_left_to_the_server(broken):
    class Echo:
        async def ask(self, name, given):
            return result(CallToolResult(content=[TextContent(text=f"{name} {given}")]))

    schema = {"type": "object", "properties": {"a": broken}}
    (echo,) = server_tools([mcp_types.Tool(name="echo", input_schema=schema)], Echo())
    assert agentgym.run(echo.call, {"a": 1}).content == "echo {'a': 1}"


@pytest.fixture
def free_port():
    import socket

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def _until_it_listens(url):
    async def wait():
        async with httpx.AsyncClient() as client:
            with anyio.fail_after(60):
                while True:
                    try:
                        return await client.get(url)
                    except httpx.TransportError:
                        await anyio.sleep(0.1)

    agentgym.run(wait)
