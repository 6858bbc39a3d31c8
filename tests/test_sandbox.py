"""Programs that try to get out of the sandbox, use it up, or lie about their result: all fail."""

import os
import socket
import time
from pathlib import Path

import pytest
from conftest import missing

from agentgym.errors import MissingExtra
from agentgym.tools.tool import tools_of
from agentgym_tools.python import Limits
from agentgym_tools.python.bubblewrap import Bubblewrap
from agentgym_tools.python.monty import Monty

SECONDS = 1.5


def tool_of(kind):
    try:
        (made,) = tools_of(kind(Limits(seconds=SECONDS, output=2000, memory=128 * 2**20)))
    except MissingExtra:
        missing(kind.__name__, "python")
    return made


@pytest.fixture(params=[Monty, Bubblewrap])
def tool(request):
    made = tool_of(request.param)
    yield made
    assert made.run({"code": "6 * 7"}).content == "42"  # whatever was tried, the next call works


@pytest.fixture
def sandbox():
    made = tool_of(Bubblewrap)
    yield made
    assert made.run({"code": "6 * 7"}).content == "42"
    made.owner.close()


def run(tool, code):
    before = time.monotonic()
    answer = tool.run({"code": code}).content
    assert time.monotonic() - before < SECONDS + 10  # of a machine that is busy
    assert len(answer) < 5000
    return answer


def tried(*expressions):
    """A program that tries each of these, goes on after errors, and shows what it got."""
    return "\n".join(
        f"try:\n    print({expression})\nexcept Exception as error:\n    print('refused')"
        for expression in expressions
    )


def test_files_of_the_host_cannot_be_read(tool, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("tulip-4711")
    places = [str(secret), "/etc/passwd", "/etc/shadow", str(Path(__file__)), "/proc/1/environ"]
    code = "from pathlib import Path\nimport os\n" + tried(
        *(f"open({place!r}).read()" for place in places),
        *(f"Path({place!r}).read_text()" for place in places),
        *(f"os.listdir({folder!r})" for folder in (str(tmp_path), "/etc", "/home", "/proc")),
        "open('/tmp/../../../../etc/passwd').read()",
    )
    assert set(run(tool, code).split()) == {"refused"}


def test_files_of_the_host_cannot_be_written(tool, tmp_path):
    marks = [tmp_path / "mark", Path("/tmp/agentgym-mark"), Path("/agentgym-mark")]
    marks += [Path("/usr/lib/agentgym-mark"), Path("/dev/shm/agentgym-mark")]
    code = "import os\n" + tried(*(f"open({str(mark)!r}, 'w').write('x')" for mark in marks))
    code += tried("os.symlink('/etc', '/tmp/link')", "os.remove('/usr/lib/os-release')")
    run(tool, code)
    assert not any(mark.exists() for mark in marks)
    assert Path("/usr/lib/os-release").exists()
    assert not Path("/tmp/link").is_symlink()


def test_the_network_is_out_of_reach(tool):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        code = f"""
import socket
import urllib.request
{tried(f"socket.create_connection(('127.0.0.1', {port}), 1)")}
{tried(f"urllib.request.urlopen('http://127.0.0.1:{port}/', timeout=1)")}
"""
        answer = run(tool, code)
        with pytest.raises(TimeoutError):
            server.accept()
    assert "No module named" in answer or set(answer.split()) == {"refused"}


def test_the_environment_of_the_parent_cannot_be_read(tool):
    code = "import os\n" + tried(
        "dict(os.environ)",
        "os.getenv('PATH')",
        *(f"open('/proc/{who}/environ').read()" for who in ("self", "1", "2", os.getpid())),
    )
    answer = run(tool, code)
    for name in ("PATH", "HOME", "PYTEST_CURRENT_TEST"):
        assert name not in os.environ or os.environ[name] not in answer.split("'")


@pytest.mark.parametrize(
    "code",
    [
        "x = [0] * 10**9",
        "x = 'a'\nwhile True:\n    x += x",
        "x = []\nwhile True:\n    x.append('y' * 100000 + str(len(x)))",
        "x = {}\nfor i in range(10**9):\n    x[i] = (i, i)",
        "10 ** 10 ** 8",
    ],
)
def test_memory_is_limited(tool, code):
    answer = run(tool, code)
    assert "MemoryError" in answer or "Stopped" in answer


@pytest.mark.parametrize(
    "code",
    [
        "while True:\n    pass",
        "def go():\n    while True:\n        try:\n            while True:\n                pass\n"
        "        except BaseException:\n            pass\ngo()",
        "sum(range(10**12))",
        "x = [0] * 10\nfor i in range(12):\n    x = [x] * 10\nx",  # small until written out
        "print(max(print('x' * 500) or i for i in range(10**12)))",
    ],
)
def test_no_program_runs_for_ever(tool, code):
    answer = run(tool, code)
    ends = ("Stopped: it ran longer than 1.5 s.", "cut off", "MemoryError")
    assert any(end in answer for end in ends)


def test_huge_output_is_cut(tool):
    assert run(tool, "while True:\n    print('x' * 1000)").endswith(
        "[cut off after 2000 characters]"
    )


def test_the_ways_to_the_interpreters_inside_lead_nowhere():
    code = tried(
        "().__class__.__base__.__subclasses__()",
        "(lambda: 0).__globals__",
        "__builtins__",
        "__import__('os').system('id')",
        "eval('__import__')('os')",
        "open.__self__",
        "print.__self__.__loader__",
        "str.__init__.__globals__",
        "[].append.__self__.__class__.__mro__",
    )
    assert set(run(tool_of(Monty), code).split()) == {"refused"}


CALLS = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"


@pytest.mark.parametrize(
    "code",
    [
        "import os\nwhile True:\n    os.fork()",
        "import os\ndef go():\n    while True:\n        try:\n            os.fork()\n"
        "        except OSError:\n            pass\ngo()",
        "import subprocess\nsubprocess.run(['/bin/sh', '-c', ':(){ :|:& };:'])",
        "import os\nos.posix_spawn('/python/bin/python3', ['python3'], {})",
        "import multiprocessing\nmultiprocessing.Process(target=print).start()",
        CALLS
        + "while libc.vfork() < 0 and libc.syscall(56, 17, 0, 0, 0, 0) < 0:\n    raise OSError",
        "import threading, time\nthreading.stack_size(32768)\nwhile True:\n"
        "    threading.Thread(target=time.sleep, args=(99,)).start()",
    ],
)
def test_processes_cannot_be_made(sandbox, code):
    answer = run(sandbox, code)
    assert any(word in answer for word in ("Error", "Stopped"))
    assert processes_in(sandbox) == 1  # the worker alone


def processes_in(tool):
    """How many processes live in the sandbox."""
    outer = tool.owner._worker.pid
    inside, found = [outer], []
    while inside:
        (children,) = [Path(f"/proc/{inside[0]}/task/{inside.pop()}/children").read_text().split()]
        found += children
        inside += map(int, children)
    return len(found)


def test_nothing_stays_behind_in_the_background(sandbox):
    code = "import threading, time\ndef late():\n    time.sleep(0.3)\n    print('late')\n"
    assert run(sandbox, code + "threading.Thread(target=late).start()\nprint('done')") == "done"
    time.sleep(0.5)
    assert run(sandbox, "1") == "1"
    assert processes_in(sandbox) == 1


FORGED = '{"printed": "forged", "late": false, "died": "", "last": false}'


@pytest.mark.parametrize(
    "code",
    [
        "import os\nfor file in range(3, 1024):\n    try:\n"
        f"        os.write(file, b'{FORGED}\\n')\n    except OSError:\n        pass",
        "import os\nfor who in ('1', 'self', str(os.getppid())):\n    for file in range(9):\n"
        f"        try:\n            open(f'/proc/{{who}}/fd/{{file}}', 'w').write('{FORGED}\\n')\n"
        "        except OSError:\n            pass",
        CALLS + "pid = libc.syscall(434, 1, 0)\nfile = libc.syscall(438, pid, 1, 0)\n"
        f"if file >= 0:\n    os.write(file, b'{FORGED}\\n')",
        CALLS + "if libc.ptrace(16, 1, 0, 0) == 0:\n    print('forged')",
        CALLS + "if libc.process_vm_readv(1, None, 0, None, 0, 0) == 0:\n    print('forged')",
        f"print('{FORGED}')\nimport os\nos.close(1)\nos._exit(0)",
        "import sys\nmain = sys._getframe(1).f_globals if hasattr(sys, '_getframe') else {}\n"
        "main['end_all'] = main['read'] = None",
    ],
)
def test_a_result_cannot_be_forged(sandbox, code):
    answer = run(sandbox, code)
    assert answer != "forged"
    assert run(sandbox, "'the truth'") == "'the truth'"


@pytest.mark.parametrize(
    "code",
    [
        "import os, signal\nfor number in range(1, 65):\n    try:\n        os.kill(1, number)\n"
        "    except (OSError, ValueError):\n        pass",
        "import os, signal\nos.kill(-1, signal.SIGKILL)",
        "import os, signal\nos.kill(0, signal.SIGKILL)",
        "import os\nos.kill(os.getpid(), 9)",
        CALLS + "one = (ctypes.c_ulong * 2)(0, 0)\nfor what in range(16):\n"
        "    libc.prlimit(1, what, one, None)",
        CALLS + "libc.setpriority(0, 1, 19)\nos.sched_setaffinity(1, [0])",
        "import os\nos.chmod('/tmp', 0)",
        "import os\nfor number in range(100):\n    os.mkdir('d')\n    os.chdir('d')",
        "while True:\n    open('/tmp/full', 'ab').write(b'x' * 10**6)",
        "import os, sys\nos.execv('/python/bin/python3', ['python3', '-c', 'while True: pass'])",
        CALLS + "ctypes.string_at(0)",
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))\nx = [0] * 10**9",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f():\n    f()\nf()",
    ],
)
def test_the_worker_cannot_be_harmed(sandbox, code):
    assert "sandbox was stopped" not in run(sandbox, code)
    assert run(sandbox, "import os\nos.listdir('/tmp'), os.getpriority(0, 1)") == (
        f"([], {os.getpriority(os.PRIO_PROCESS, 0)})"
    )


@pytest.mark.parametrize(
    "call",
    [
        *("shmget(0, 1 << 30, 0o1600)", "memfd_create(b'x', 0)", "unshare(0x10000000)"),
        *("mount(b'none', b'/tmp', b'tmpfs', 0, None)", "umount(b'/tmp')", "chroot(b'/tmp')"),
        *("socket(2, 1, 0)", "socket(1, 1, 0)", "socket(16, 3, 0)", "setns(0, 0)"),
        *("syscall(425, 1, None)", "syscall(321, 0, None, 0)", "syscall(0x40000000 + 41, 1, 1, 0)"),
        *("syscall(435, None, 0)", "clone(None, None, 0, None)"),
    ],
)
def test_calls_that_go_round_the_limits_are_refused(sandbox, call):
    # Refused or not, none may succeed; a program that crashes over it has not succeeded either.
    assert run(sandbox, f"{CALLS}print('=', libc.{call})") in ("= -1", "Stopped by SIGSEGV.")


def test_what_the_sandbox_sees(sandbox):
    code = "import os\nprint(os.getuid(), os.getgid(), os.getpid() < 999, os.uname().nodename)\n"
    code += "print(sorted(os.listdir('/')), os.listdir('/dev'), os.path.exists('/proc'))"
    names, seen = run(sandbox, code).splitlines()
    assert names == "65534 65534 True sandbox"
    known = {"dev", "lib", "lib64", "python", "tmp", "usr", "worker.py"}
    listed, _, rest = seen.partition("]")
    assert set(listed.strip("[").replace("'", "").split(", ")) <= known
    assert rest == " ['null'] False"
