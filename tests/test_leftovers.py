"""A process that uses a browser, tools' servers, sandboxes and games at once leaves nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from browsing import need_browser
from conftest import missing
from mcp_servers import comes

from agentgym.errors import MissingExtra
from agentgym_tools.python import python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PROGRAM = """
import sys
import agentgym
from agentgym.mcp import ServerPool, StdioServer
from agentgym_tools.python import python

envs = [agentgym.make(f"agentgym/{name}-v0") for name in ("GUI-Mail", "PlainGUI", "Sokoban")]
for env in envs * 2:
    env.reset(seed=0)
    env.step(env.expert())
interpreter = python()
assert interpreter.run({"code": "6 * 7"}).content == "42"
shop = [sys.executable, "-m", "agentgym", "mcp", "agentgym/WebShop-v0", "--set", "level=easy"]
pool = ServerPool(StdioServer(command=shop), start_timeout=100)
lease = pool.lease()
lease.begin()
assert lease.call("reset", {}, timeout=100).error is None
print("ready", flush=True)
print(sys.stdin.readline(), flush=True)
if sys.argv[1] == "fail":
    raise SystemExit(5)
"""


@pytest.fixture(autouse=True, scope="module")
def _parts():
    need_browser()
    try:
        import mcp  # noqa: F401
    except ImportError:
        missing("the MCP SDK", "mcp")
    try:
        python()
    except MissingExtra:
        missing("Python for agents", "python")


@pytest.fixture
def temporary():
    """A folder whose path is short enough for a browser's sockets."""
    with TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def descendants(process):
    found, look = [], [process]
    while look:
        for task in Path(f"/proc/{look.pop()}/task").glob("*/children"):
            born = [int(one) for one in task.read_text().split()]
            found += born
            look += born
    return found


def state(process):
    """R, S, Z for a zombie, ...; nothing where there is no such process."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def ports(processes):
    """TCP ports on which they listen."""
    sockets = set()
    for process in processes:
        for file in Path(f"/proc/{process}/fd").glob("*"):
            try:
                sockets.add(str(file.readlink()))
            except OSError:
                continue
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return [line[1] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in sockets]


@pytest.mark.parametrize("end", ["leave", "fail", "kill -9", "Ctrl-C"])
def test_nothing_is_left(end, temporary):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, end],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    assert process.stdout.readline() == "ready\n"
    born = descendants(process.pid)
    assert len(born) >= 6  # browser and renderer, MCP server, interpreter, those who clear up
    assert len(list(temporary.iterdir())) >= 2  # the browser's folder, the MCP server's
    assert ports([process.pid, *born]) == []  # pipes alone: nobody else can connect
    if end == "kill -9":
        process.kill()
    elif end == "Ctrl-C":
        process.send_signal(signal.SIGINT)
    process.communicate("go on\n")
    assert process.returncode == {"leave": 0, "fail": 5, "kill -9": -9}.get(end, process.returncode)
    assert comes(lambda: not any(map(state, born)), 60), [state(one) for one in born]
    assert comes(lambda: not list(temporary.iterdir()), 60), list(temporary.iterdir())
