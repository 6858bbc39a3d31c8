"""Chat servers that are busy, broken, silent, absent, or not what was meant: no episode hangs."""

import socket
import time
from email.utils import formatdate
from itertools import pairwise

import anyio
import httpx
import pytest
from chatting import WithTools, failure, play
from counter import Counter
from faulty import answers, drops, faulty, stalls

import agentgym
from agentgym.errors import ServerError
from agentgym.policy.chat import ChatPolicy
from agentgym.policy.retry import request
from agentgym.trajectory import StopReason


class Wordy(Counter):
    """Says more than a small model can read."""

    def reset(self, *, seed=None, options=None):
        return "hello " * 3000, {}


def test_what_passes_is_asked_again(server):
    with faulty(server.url, answers(500), drops, answers(429)) as line:
        record = play(ChatPolicy(line.url, server.model))
    assert record.failure is None and len(line.requests) == 4
    pauses = [after.time - before.time for before, after in pairwise(line.requests)]
    for pause, least in zip(pauses, (0.5, 1, 2), strict=True):
        assert least <= pause < 1.5 * least + 1


@pytest.mark.parametrize("seconds", ["2", "date"])
def test_retry_after_is_obeyed(server, seconds):
    until = formatdate(time.time() + 3, usegmt=True) if seconds == "date" else seconds
    with faulty(server.url, answers(503, Retry_After=until)) as line:
        assert play(ChatPolicy(line.url, server.model)).failure is None
    first, second = (request.time for request in line.requests)
    assert 1.9 < second - first < 6


def test_a_server_that_stays_broken(server):
    with faulty(server.url, *[answers(500)] * 3) as line:
        found = failure(ChatPolicy(line.url, server.model, attempts=2))
    assert len(line.requests) == 2
    assert found.type == "ServerError"
    assert f"{line.url}/v1/chat/completions answered 500: on purpose (see its log)" in found.message


def test_a_long_wait_is_refused(server):
    with faulty(server.url, answers(429, Retry_After="3600")) as line:
        found = failure(ChatPolicy(line.url, server.model))
    assert len(line.requests) == 1
    assert "lower the concurrency; it asks to be left alone for 3600 s" in found.message


def test_a_server_that_stalls(server):
    with faulty(server.url, stalls, stalls) as line:
        started = time.monotonic()
        found = failure(ChatPolicy(line.url, server.model, timeout=0.5))
        assert time.monotonic() - started < 5
    assert len(line.requests) == 1  # it may be at work: not asked twice
    assert "took the request and then was silent for 0.5 s" in found.message


def test_the_episode_may_be_less_patient_than_the_policy(server):
    with faulty(server.url, stalls) as line:
        record = play(ChatPolicy(line.url, server.model), policy_timeout=0.5)
    assert record.stop_reason is StopReason.TIMEOUT
    assert record.failure.message == "no answer in 0.5 s while waiting for the policy (step 0)"


def test_nobody_at_the_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        found = failure(ChatPolicy(url, "any", attempts=2))
    assert f"cannot connect to {url}/v1/chat/completions" in found.message
    assert "are host and port right?" in found.message


def test_a_dead_line(server):
    with faulty(server.url, drops, drops) as line:
        found = failure(ChatPolicy(line.url, server.model, attempts=2))
    assert "broke the connection (RemoteProtocolError: " in found.message


def test_another_model(server):
    found = failure(ChatPolicy(server.url, "SmolLM3"))
    assert found.type == "UnknownName"
    assert "no model 'SmolLM3'" in found.message and server.model in found.message
    assert f"(the models of {server.url}/v1)" in found.message


def test_another_path(server):
    found = failure(ChatPolicy(f"{server.url}/v7", server.model))
    assert "/v7/chat/completions answered 404: Not Found (is the address right" in found.message


def test_something_else_than_a_chat_server(server):
    with faulty(server.url, answers(200, "<html>"), answers(200, '{"choices": []}')) as line:
        policy = ChatPolicy(line.url, server.model)
        for _ in range(2):
            assert "something else than a chat completion" in failure(policy).message


def test_more_than_the_model_can_read(server):
    found = failure(ChatPolicy(server.url, server.model), Wordy())
    assert "maximum context length is" in found.message
    assert found.message.endswith("outgrown the model: show less of its past (a window)")


def test_tools_on_a_server_without_a_parser(server):
    found = failure(ChatPolicy(server.url, server.model), WithTools())
    assert "--enable-auto-tool-choice" in found.message
    assert found.message.endswith("or this policy tool_choice='none'")


def test_a_request_of_another_kind(server):
    """As the client of vLLM uses it."""

    async def ask(path, **options):
        async with httpx.AsyncClient(base_url=server.url) as client:
            with anyio.fail_after(30):
                return await request(client, "GET", path, **options)

    assert agentgym.run(ask, "v1/models").json()["data"][0]["id"] == server.model
    with pytest.raises(ServerError, match="nowhere answered 404: Not Found") as raised:
        agentgym.run(ask, "nowhere")
    assert (raised.value.status, raised.value.pause) == (404, None)
