"""The processes of a server of ours, as the kernel lists them."""

import os
import time
from pathlib import Path


def processes(address):
    """Ids of the processes that serve an address: the server and all of its group.

    Its supervisor and `agentgym serve` name the address too, but belong to who started them.
    """
    flag = f"--port\0{address.rpartition(':')[2]}\0".encode()
    module = b"-m\0vllm.entrypoints"
    lines = {pid: _read(pid, "cmdline") for pid in _pids()}
    servers = [
        pid
        for pid, line in lines.items()
        if flag in line and line.partition(b"\0")[2].startswith(module)
    ]
    groups = {os.getpgid(pid) for pid in servers}
    return [pid for pid in _pids() if _state(pid) != "Z" and _group(pid) in groups]


def gone(pids, seconds=60):
    """Whether some processes all end in time; a zombie has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if all(_state(pid) in {"", "Z"} for pid in pids):
            return True
        time.sleep(0.5)
    return False


def _pids():
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def _read(pid, name):
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _stat(pid):
    """Fields of /proc/PID/stat behind the name: state, parent, group, ..."""
    return _read(pid, "stat").decode().rpartition(")")[2].split()


def _state(pid):
    return (_stat(pid) or [""])[0]


def _group(pid):
    return int((_stat(pid) or [0, 0, -1])[2])
