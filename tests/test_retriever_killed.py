"""A retriever that is killed, with kill -9, while episodes of Search QA ask it."""

import signal
import socket
import subprocess
import sys
from contextlib import suppress

import httpx
import pytest
from conftest import missing
from mcp_servers import comes

import agentgym
from agentgym_envs.searchqa.env import SearchQA

SERVER = """
import uvicorn
from agentgym_tools.retriever.__main__ import main
input()
main()
"""


class Served:
    """The corpus of the easy world at an address, by a process that waits for its turn."""

    def __init__(self, corpus):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.corpus, self.url = corpus, f"http://127.0.0.1:{self.port}"
        self.prepare()

    def prepare(self):
        arguments = [str(self.corpus), "--port", str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, *arguments], stdin=subprocess.PIPE
        )

    def start(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.close()

    def listens(self):
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health").is_success

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def served(tmp_path):
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        missing("the retriever", "retriever")
    corpus = tmp_path / "corpus.jsonl"
    passages = SearchQA("easy").library.passages
    corpus.write_text("".join(f"{one.model_dump_json()}\n" for one in passages))
    served = Served(corpus)
    served.start()
    assert comes(served.listens, 120)
    yield served
    served.kill()


def collected(make):
    async def go():
        tasks = make().tasks("train")[:12]
        return await agentgym.collect(
            make, agentgym.expert_policy(), tasks, concurrency=6, max_failures=0.0
        )

    return [episode for group in agentgym.run(go) for episode in group.trajectories]


def test_one_that_comes_back_costs_no_episode(served):
    before, steps = served.process, []
    served.prepare()  # another process, which takes the address over

    class Asking(SearchQA):
        async def astep(self, action):
            steps.append(action)
            if len(steps) == 9:  # in mid-rollout: some have searched, others not yet
                before.kill()
                before.wait()
                served.start()
            return await super().astep(action)

    episodes = collected(lambda: Asking("easy", retriever=served.url))
    assert len(steps) > 20 and before.returncode == -signal.SIGKILL
    assert all(episode.failure is None and episode.success for episode in episodes)


def test_one_that_stays_away_is_told_to_the_agent(served, monkeypatch):
    monkeypatch.setattr("agentgym.policy.retry.FIRST_PAUSE", 0.02)  # seconds
    env = SearchQA("easy", retriever=served.url)
    task = env.tasks("train")[0]
    env.reset(options={"task": task})
    first = env.expert()
    assert env.step(first)[4]["valid"]
    served.kill()
    env.reset(options={"task": task})
    observation, reward, done, _, info = env.step(first)
    assert "does the server run" in observation and (reward, done) == (0.0, False)
    assert info["tool_calls"] == {"exception": 1}
    assert env.step("<answer>nobody</answer>")[2]
