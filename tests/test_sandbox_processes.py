"""What is left of the sandboxes when their owner is done with them, or is killed: nothing."""

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread, Timer

import pytest
from conftest import missing

from agentgym.errors import MissingExtra
from agentgym.tools.tool import tools_of
from agentgym_tools.python import Limits
from agentgym_tools.python.bubblewrap import Bubblewrap
from agentgym_tools.python.monty import Monty

OWNER = """
import sys
from agentgym.tools.tool import tools_of
from agentgym_tools.python import Limits
from agentgym_tools.python.{module} import {name}

(tool,) = tools_of({name}(Limits(seconds=3)))
print(tool.run({{"code": "1 + 1"}}).content, flush=True)
{then}
"""


@pytest.fixture(params=[Monty, Bubblewrap])
def kind(request):
    try:
        request.param()
    except MissingExtra:
        missing(request.param.__name__, "python")
    return request.param


def children(process):
    """All descendants of a process."""
    found, look = [], [process]
    while look:
        for task in Path(f"/proc/{look.pop()}/task").glob("*/children"):
            born = [int(one) for one in task.read_text().split()]
            found += born
            look += born
    return found


def alive(processes):
    """Those that still run: neither gone nor dead and waiting to be buried."""
    found = []
    for process in processes:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            continue
        if state != "Z":
            found.append(process)
    return found


def gone(processes, seconds=20.0):
    deadline = time.monotonic() + seconds
    while alive(processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(processes)


def started(kind, tmp_path, then):
    """A process that owns an interpreter and has had an answer; its temp folder is ``tmp_path``."""
    code = OWNER.format(module=kind.__module__.rpartition(".")[2], name=kind.__name__, then=then)
    owner = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert owner.stdout.readline() == "2\n"
    return owner


@pytest.mark.parametrize(
    "then", ["sys.stdin.read()", "tool.run({'code': 'while True: pass'})"], ids=["idle", "busy"]
)
def test_a_killed_owner_leaves_nothing(kind, tmp_path, then):
    before = set(Path("/tmp").iterdir())
    owner = started(kind, tmp_path, then)
    time.sleep(0.3)
    born = children(owner.pid)
    assert born
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    assert gone(born)
    assert list(tmp_path.iterdir()) == []
    assert not [name for name in set(Path("/tmp").iterdir()) - before if "bubble" in name.name]


def test_an_owner_that_ends_leaves_nothing(kind, tmp_path):
    owner = started(kind, tmp_path, "import time; time.sleep(0.5)")
    born = children(owner.pid)
    assert born
    owner.communicate(timeout=60)
    assert owner.returncode == 0
    assert gone(born) and list(tmp_path.iterdir()) == []


def sandbox():
    try:
        return Bubblewrap(Limits(seconds=2))
    except MissingExtra:
        return missing("Bubblewrap", "python")


def test_a_sandbox_ends_with_its_object():
    owner = sandbox()
    (tool,) = tools_of(owner)
    before = set(children(os.getpid()))
    tool.run({"code": "1"})
    born = set(children(os.getpid())) - before
    assert len(born) >= 2  # bubblewrap and the worker in it
    del owner, tool
    gc.collect()
    assert gone(born)


def test_a_sandbox_that_is_killed_is_replaced():
    owner = sandbox()
    (tool,) = tools_of(owner)
    assert tool.run({"code": "1"}).content == "1"
    owner._worker.kill()
    owner._worker.wait()
    assert tool.run({"code": "2"}).content == "2"

    late = Timer(0.3, owner._worker.kill)  # while a program runs
    late.start()
    assert "sandbox was stopped" in tool.run({"code": "while True: pass"}).content
    late.join()
    assert tool.run({"code": "3"}).content == "3"
    owner.close()
    assert tool.run({"code": "4"}).content == "4"
    owner.close()


def test_a_sandbox_outlives_the_thread_that_asked_for_it():
    owner = sandbox()
    (tool,) = tools_of(owner)
    thread = Thread(target=tool.run, args=({"code": "1"},))
    thread.start()
    thread.join()
    worker = owner._worker
    time.sleep(0.2)
    assert tool.run({"code": "2"}).content == "2" and owner._worker is worker
    owner.close()
