"""A server of our own: it starts, comes back when it is killed, and never outlives us."""

import os
import re
import signal
import subprocess
import sys
from functools import partial

import anyio
import httpx
import pytest
from counter import Counter
from vllm_asking import differences, reference
from vllm_processes import gone, processes

import agentgym
from agentgym.errors import ServerError
from agentgym.policy import Sampling
from agentgym.policy.vllm import EngineConfig
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym.policy.vllm.process import _free_port, serving

pytestmark = pytest.mark.timeout(600)  # engines start, some of them twice
CONFIG = EngineConfig(dtype="float32", max_model_len=1024, cpu_cache=1)


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


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_command_s_server_ends_with_it(smollm2, tmp_path, end):
    """By Ctrl-C in good order, by kill -9 all the same: nothing is left running."""
    line = [sys.executable, "-m", "agentgym", "serve", str(smollm2), "--port", str(_free_port())]
    for setting in ("dtype=float32", "max_model_len=1024", "cpu_cache=1"):
        line += ["--engine", setting]
    line += ["--log", str(tmp_path / "log")]
    started = subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        text=True,
        # Tests that run in the background have Ctrl-C ignored, and would hand that on.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    with started as command:
        said = next(line for line in command.stdout if "is served at" in line)
        url = re.search(r"http://[\w.:]+", said)[0]
        pids = processes(url)
        assert len(pids) > 1 and httpx.get(f"{url}/health").status_code == 200
        command.send_signal(end)
    assert gone(pids)
    assert command.returncode == (130 if end == signal.SIGINT else -signal.SIGKILL)


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
