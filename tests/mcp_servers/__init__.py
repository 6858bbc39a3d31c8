"""Real MCP servers for the tests, and the processes that they are."""

import os
import shutil
import time
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "agentgym" / "mcp-servers"
PROGRAMS = CACHE / "node_modules" / ".bin"
MARK = f"of-test-process-{os.getpid()}"
"""An argument by which our servers are told from those of others."""


def npm_server(name, *arguments):
    """The command of a server that package.json pins; skips, or in CI fails, where it lacks."""
    program = PROGRAMS / f"mcp-server-{name}"
    if not program.exists() or shutil.which("node") is None:
        reason = f"{program.name} is not installed: make mcp-servers"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return [str(program), *map(str, arguments)]


def processes(mark=MARK):
    """The processes, guardians among them, with ``mark`` in their command line: id -> its words."""
    found = {int(entry.name): words(entry) for entry in Path("/proc").glob("[0-9]*")}
    return {pid: line for pid, line in found.items() if any(mark in word for word in line)}


def servers(mark=MARK):
    """Those of ``processes`` that are servers."""
    found = processes(mark).items()
    return [pid for pid, line in found if not any("supervisor.py" in word for word in line)]


def sleeping(seconds):
    """The processes that are `sleep` of just that long."""
    return [pid for pid, line in processes("sleep").items() if line == ["sleep", str(seconds)]]


def words(process, what="cmdline"):
    """Of a process's command line or environment; none where it has ended."""
    try:
        return (process / what).read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def comes(happens, seconds=20):
    """Whether something comes true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if happens():
            return True
        time.sleep(0.05)
    return False
