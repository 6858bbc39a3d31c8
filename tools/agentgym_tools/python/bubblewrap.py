"""Python in a sandbox: CPython under bubblewrap, with a warm worker that forks for each program.

The worker sees the system's libraries, read-only, and a small /tmp; it has no network, no other
process, no environment variable and no right. One worker belongs to one environment.
"""

from __future__ import annotations

import json
import select
import shutil
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from agentgym.errors import MissingExtra
from agentgym.runtime import background
from agentgym.tools.tool import tool
from agentgym_tools.python import seccomp
from agentgym_tools.python.limits import Limits, answer, late

START = 30.0  # seconds
GRACE = 10.0  # seconds past a program's time, for a worker on a machine that is busy
FILES = 16 * 2**20  # bytes in /tmp, and of one file
PROGRAM = Path(__file__).with_name("worker.py")

Worker = subprocess.Popen[bytes]


class Dead(RuntimeError):
    """The worker has ended, or is silent; what it said."""


class Bubblewrap:
    """The tool ``python``. Copies start workers of their own; calls of one take turns."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Prepare; the worker starts with the first call.

        Raises:
            MissingExtra: the program bwrap is not there.
        """
        self.limits = limits or Limits()
        if not self.installed():
            raise MissingExtra("Python in a sandbox (apt-get install bubblewrap), or", "python")
        self._turn = threading.Lock()
        self._worker: Worker | None = None

    def __reduce__(self) -> tuple[type[Bubblewrap], tuple[Limits]]:
        """Copy and pickle the settings alone."""
        return type(self), (self.limits,)

    @staticmethod
    def installed() -> bool:
        """Whether bubblewrap is."""
        return sys.platform == "linux" and shutil.which("bwrap") is not None

    @tool(repeatable=True)
    def python(self, code: str) -> str:
        """Run a Python program: what it prints, and the value of its last line.

        It has the standard library and can write files in /tmp; there is no network and no other
        process. Each call starts afresh and remembers nothing.
        """
        with self._turn:
            if self._worker is not None and self._worker.poll() is not None:
                self._stop()  # somebody has killed it since
            if self._worker is None:
                self._worker, self._end = self._started()
            try:
                said = _ask(self._worker, code, self.limits.seconds + GRACE)
            except Dead as error:
                self._stop()
                return f"The sandbox was stopped: {error}"
            if said["last"]:
                self._stop()
        end = ""
        if said["late"]:
            end = late(self.limits)
        elif said["died"] and len(said["printed"]) <= self.limits.output:
            end = f"Stopped by {said['died']}."
        return answer(said["printed"], end, self.limits)

    def close(self) -> None:
        """End the worker; the next call would start another."""
        with self._turn:
            self._stop()

    def _started(self) -> tuple[Worker, weakref.finalize[..., Self]]:
        worker = background.call(_spawn)
        end = weakref.finalize(self, _kill, worker)
        settings = self.limits.model_dump() | {"files": FILES, "seccomp": seccomp.program().hex()}
        if _ask(worker, settings, START) != "ready":
            raise Dead("it did not start")
        return worker, end

    def _stop(self) -> None:
        if self._worker is not None:
            self._end()
            self._worker = None


async def _spawn() -> Worker:
    """Start a worker from the background's thread.

    The kernel ends the sandbox with the thread that started it, and this one lasts.
    """
    return subprocess.Popen(  # noqa: ASYNC220  takes a millisecond
        list(_command()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        bufsize=0,
    )


def _command() -> Iterator[str]:
    yield from ("bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--as-pid-1")
    yield from ("--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox")
    yield from ("--cap-drop", "ALL", "--uid", "65534", "--gid", "65534")
    for folder in map(Path, ("/usr/lib", "/usr/lib64", "/lib", "/lib64")):
        if folder.is_symlink():
            yield from ("--symlink", str(folder.readlink()), str(folder))
        elif folder.exists():
            yield from ("--ro-bind", str(folder), str(folder))
    prefix = Path(sys.base_prefix)
    for part in ("bin", "lib", "lib64"):
        yield from ("--ro-bind-try", str(prefix / part), f"/python/{part}")
    yield from ("--setenv", "LD_LIBRARY_PATH", "/python/lib")  # where libpython may lie
    yield from ("--ro-bind", str(PROGRAM), "/worker.py", "--dev-bind", "/dev/null", "/dev/null")
    yield from ("--size", str(FILES), "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/")
    python = f"/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    yield from ("--", python, "-I", "-S", "-X", "utf8", "/worker.py")


def _ask(worker: Worker, question: Any, seconds: float) -> Any:
    """Send a line and wait for the line that answers it."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    deadline = time.monotonic() + seconds
    line = json.dumps(question).encode() + b"\n"
    with suppress(BrokenPipeError):
        while line:
            _wait(worker.stdin, select.POLLOUT, deadline)
            written, line = line[: select.PIPE_BUF], line[select.PIPE_BUF :]  # goes without a wait
            worker.stdin.write(written)
    said = b""
    while not said.endswith(b"\n"):
        _wait(worker.stdout, select.POLLIN, deadline)
        chunk = worker.stdout.read(65536)
        if not chunk:
            raise Dead(said.decode(errors="replace").strip() or "it ended without a word")
        said += chunk
    try:
        return json.loads(said)
    except ValueError as error:
        raise Dead(said.decode(errors="replace").strip()) from error


def _wait(pipe: IO[bytes], event: int, deadline: float) -> None:
    ready = select.poll()  # knows files with numbers above 1023 too
    ready.register(pipe, event)
    if not ready.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise Dead("it is silent")


def _kill(worker: Worker) -> None:
    worker.kill()
    worker.wait()
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            pipe.close()
