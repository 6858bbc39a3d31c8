"""A server of our own: it starts, comes back when it is killed, and never outlives us."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest
from counter import Counter
from vllm_asking import differences, reference

import agentgym
from agentgym.errors import ServerError
from agentgym.policy import Sampling
from agentgym.policy.vllm import EngineConfig
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym.policy.vllm.process import serving

CONFIG = EngineConfig(dtype="float32", max_model_len=1024, cpu_cache=1)


def processes(address):
    """Ids of the processes that were started for an address, their descendants included."""
    port = address.rpartition(":")[2]
    servers = [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if f"--port\0{port}\0".encode() in _read(folder / "cmdline")
    ]
    groups = {os.getpgid(pid) for pid in servers}
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if _read(folder / "stat") and _group(folder) in groups
    ]


def _read(file):
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _group(folder):
    return int(_read(folder / "stat").rpartition(b")")[2].split()[2])


def gone(pids, seconds=40):
    """Whether all of some processes end in time; zombies have ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        alive = [
            p
            for p in pids
            if _read(Path(f"/proc/{p}/stat")).rpartition(b")")[2][1:2] not in (b"", b"Z")
        ]
        if not alive:
            return True
        time.sleep(0.5)
    return False


def test_a_server_killed_in_mid_rollout_costs_no_episode(smollm2, tmp_path):
    """Prompts are the client's, so a new server goes on where the old one was."""

    async def use():
        said = []
        async with serving(smollm2, CONFIG, log=tmp_path / "log", say=said.append) as server:
            policy = await VLLMPolicy.connect([server], CONFIG)
            pids = processes(server.url)
            restored = []

            async def restore():
                restored.append(server.url)

            server.on_restart = restore

            def kill_once(trajectory):
                if not restored and server.restarts == 0:
                    for pid in pids:
                        os.kill(pid, signal.SIGKILL)

            groups = await agentgym.collect(
                Counter,
                policy,
                [agentgym.Task(id=f"t{i}", split="train") for i in range(6)],
                sampling=Sampling(max_tokens=8),
                limits=agentgym.Limits(max_steps=3),
                concurrency=3,
                max_failures=0.0,
                on_trajectory=kill_once,
            )
            return groups, server.restarts, restored, said, server.url

    groups, restarts, restored, said, url = agentgym.run(use)
    episodes = [t for group in groups for t in group.trajectories]
    assert len(episodes) == 6 and all(t.failure is None and len(t.steps) == 3 for t in episodes)
    assert restarts == 1 and len(restored) == 1
    assert any("starting it again (1 of 5 times)" in line for line in said)
    assert differences(reference(smollm2), episodes).max() < 1e-4
    assert processes(url) == []


def test_nothing_outlives_a_process_that_is_killed(smollm2, tmp_path):
    script = f"""
import anyio, sys
from pathlib import Path
from agentgym.policy.vllm import EngineConfig
from agentgym.policy.vllm.process import serving

async def main():
    config = EngineConfig(dtype="float32", max_model_len=1024, cpu_cache=1)
    async with serving(Path({str(smollm2)!r}), config, log=Path({str(tmp_path / "log")!r}),
                       say=lambda text: None) as server:
        print(server.url, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as trainer:
        url = trainer.stdout.readline().decode().strip()
        pids = processes(url)
        assert len(pids) > 1
        trainer.kill()
    assert gone(pids)


def test_a_server_that_does_not_start_says_why(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "no such thing"}')

    async def use():
        async with serving(tmp_path, CONFIG, log=tmp_path / "log", say=print):
            pass

    with pytest.raises(ServerError, match="ended with status 1 before it was healthy") as raised:
        agentgym.run(use)
    assert "no such thing" in str(raised.value)


def test_a_server_that_takes_too_long_is_stopped(smollm2, tmp_path):
    async def use():
        config = CONFIG.model_copy(update={"start_timeout": 2.0})
        with anyio.fail_after(60):
            async with serving(smollm2, config, log=tmp_path / "log", say=said.append):
                pass

    said = []
    with pytest.raises(ServerError, match=r"waited 2 s \(start_timeout\) for vLLM"):
        agentgym.run(use)
    url = next(word.rstrip(";") for line in said for word in line.split() if "http" in word)
    assert processes(url) == []
