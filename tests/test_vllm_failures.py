"""Servers that are absent, something else, broken or silent, and prompts that they refuse."""

import socket
import time

import pytest
from counter import TASK, Counter
from faulty import answers, drops, faulty, stalls
from vllm_asking import with_policy

import agentgym
from agentgym.errors import BadInput, ServerError
from agentgym.policy import Sampling
from agentgym.trajectory import StopReason


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def play(policy, env=None, **limits):
    limits = agentgym.Limits(max_steps=1, **limits)
    return agentgym.rollout(
        env or Counter(), policy, TASK, limits=limits, sampling=Sampling(max_tokens=6)
    )


def behind(server, *faults, **settings):
    """One episode whose first requests meet ``faults`` on their way to the real server."""

    async def use(policy):
        line.faults.extend(faults)
        return await play(policy)

    with faulty(server.url) as line:
        return with_policy([line.url], use, **settings)


def test_nobody_listens():
    address = free_address()
    with pytest.raises(ServerError, match=f"cannot connect to {address}/version .* does the serv"):
        with_policy([address], lambda policy: None)


def test_something_else_listens(server):
    with faulty(server.url, answers(404)) as line, pytest.raises(ServerError, match="not .* vLLM"):
        with_policy([line.url], lambda policy: None)


def test_servers_that_differ(server):
    shorter = f'{{"data": [{{"id": "{server.model}", "max_model_len": 512}}]}}'
    through = [lambda request: request.forward(), answers(200, shorter, Content_Type="text/json")]
    refused = pytest.raises(BadInput, match="same length.* 2048 tokens.* 512 tokens")
    with faulty(server.url, *through) as line, refused:
        with_policy([server.url, line.url], lambda policy: None)


def test_what_passes_is_asked_again(server):
    record = behind(server, answers(500), drops)
    assert record.failure is None and len(record.steps) == 1


def test_a_server_that_stays_broken_costs_the_episode(server):
    record = behind(server, *[answers(500)] * 3)
    assert record.stop_reason is StopReason.ERROR and record.failure.boundary == "policy"
    assert "answered 500: on purpose" in record.failure.message


def test_a_silent_server_costs_the_episode_and_no_more_time_than_allowed(server):
    started = time.monotonic()
    record = behind(server, stalls, request_timeout=2)
    assert time.monotonic() - started < 60
    assert "took the request and then was silent for 2 s" in record.failure.message


def test_an_id_that_the_model_does_not_have(server):
    async def use(policy):
        ids = [999_999]
        prompt = agentgym.Prompt("s", "e", 0, 0, [], ids, (), None)
        async with policy.session("s"):
            await policy.generate(prompt, Sampling(max_tokens=2))

    with pytest.raises(ServerError, match="Token id 999999 is out of vocabulary"):
        with_policy([server.url], use)


def test_a_prompt_that_is_too_long_ends_the_episode_by_its_own_reason(server):
    class Wordy(Counter):
        def reset(self, *, seed=None, options=None):
            return "word " * 3000, {}

    record = with_policy([server.url], lambda policy: play(policy, Wordy()))
    assert record.stop_reason is StopReason.CONTEXT and record.failure is None


def test_a_model_that_the_server_does_not_have(server):
    async def use(policy):
        policy.model = "another"
        return await play(policy)

    record = with_policy([server.url], use)
    assert "answered 404: The model `another` does not exist" in record.failure.message


def test_a_tokenizer_that_is_not_here(server):
    elsewhere = (
        f'{{"data": [{{"id": "{server.model}", "root": "org/model", "max_model_len": 2048}}]}}'
    )
    through = [lambda request: request.forward(), answers(200, elsewhere, Content_Type="text/json")]
    with faulty(server.url, *through) as line, pytest.raises(BadInput, match="no tokenizer"):
        with_policy([line.url], lambda policy: None)


def test_a_server_without_the_token_route_is_asked_the_other_way(server):
    """As one that was started without --enable-scale-out answers."""

    async def use(policy):
        return policy.capabilities, await play(policy)

    through = [lambda request: request.forward()] * 2
    with faulty(server.url, *through, answers(403, '{"error": "disabled"}')) as line:
        capabilities, record = with_policy([line.url], use)
    assert not capabilities.token_route and record.failure is None
    assert {request.path for request in line.requests[3:]} >= {"/v1/completions"}
    assert record.steps[0].logprobs and set(record.steps[0].weight_versions) == {0}
