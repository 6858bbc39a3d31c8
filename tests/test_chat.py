"""A chat-completions server as a policy: what it is sent, and what is made of its answers."""

import json

import pytest
from chatting import GREEDY, WithTools, failure, multiply, play
from counter import TASKS, Counter
from faulty import answers, faulty

import agentgym
from agentgym.errors import BadInput
from agentgym.evaluation.evaluation import Report
from agentgym.policy import Prompt, Sampling
from agentgym.policy.chat import ChatPolicy
from agentgym.rollouts.limits import Limits
from agentgym.trajectory import read_jsonl, write_jsonl

SECRET = "sk-not-for-anyone"


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_an_episode(server):
    policy = ChatPolicy(server.url, server.model, input_price=2.0, output_price=10.0)
    record = play(policy, steps=3)
    assert record.failure is None and len(record.steps) == 3
    assert [step.finish_reason for step in record.steps] == ["length"] * 3
    used = [step.usage for step in record.steps]
    assert [u.completion_tokens for u in used] == [6, 6, 6]
    prompts = [u.prompt_tokens for u in used]
    assert prompts == sorted(set(prompts))  # every turn is in the next prompt
    assert used[0].cost == pytest.approx((2 * prompts[0] + 10 * 6) / 1e6)
    again = play(policy, steps=3)  # in an event loop of its own
    assert [s.action for s in again.steps] == [s.action for s in record.steps]


def test_the_same_seed_gives_the_same_words(server):
    policy = ChatPolicy(server.url, server.model)

    async def say(*seeds):
        async with policy.session("s"):
            prompts = [
                Prompt("s", "e", 0, seed, [{"role": "user", "content": "Go on."}], [], (), None)
                for seed in seeds
            ]
            hot = Sampling(temperature=1.0, max_tokens=12)
            return [(await policy.generate(prompt, hot)).text for prompt in prompts]

    one, same, other = agentgym.run(say, 2**63 - 1, 2**63 - 1, 5)
    assert one == same != other


def test_what_is_sent(server):
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=7, max_tokens=4)
    with faulty(server.url) as line:
        policy = ChatPolicy(line.url, server.model, tool_choice="none")
        assert play(policy, WithTools(), sampling=sampling).failure is None
        assert play(policy, sampling=GREEDY).failure is None
    sent, plain = (json.loads(request.body) for request in line.requests)
    assert [request.path for request in line.requests] == ["/v1/chat/completions"] * 2
    assert sent["model"] == server.model
    assert sent["messages"] == [{"role": "user", "content": "seed 0"}]
    names = ("temperature", "top_p", "top_k", "max_tokens")
    assert [sent[name] for name in names] == [0.5, 0.9, 7, 4]
    assert 0 <= sent["seed"] < 2**31
    assert sent["tools"] == [multiply.schema] and sent["tool_choice"] == "none"
    assert not {"tools", "tool_choice", "top_k"} & plain.keys()


def test_the_client_is_closed_with_the_last_session(server):
    policy = ChatPolicy(server.url, server.model)

    async def sessions():
        async with policy.session("a"):
            async with policy.session("b"):
                client = policy.connections.client
            assert policy.connections.client is client and not client.is_closed
        return client

    first, second = agentgym.run(sessions), agentgym.run(sessions)
    assert first is not second
    assert first.is_closed and second.is_closed and policy.connections.client is None
    prompt = Prompt("a", "e", 0, 0, [], [], (), None)
    with pytest.raises(BadInput, match="within a session"):
        agentgym.run(policy.generate, prompt, GREEDY)


def test_many_episodes_over_few_connections(server):
    with faulty(server.url) as line:
        policy = ChatPolicy(line.url, server.model, concurrency=2)
        groups = agentgym.run(
            agentgym.collect,
            Counter,
            policy,
            TASKS,
            group_size=2,
            sampling=GREEDY,
            limits=Limits(max_steps=2),
        )
    assert len(line.requests) == 20
    assert len({request.connection for request in line.requests}) <= 2
    report = Report.of([t for group in groups for t in group.trajectories])
    assert report.failures == {} and report.usage.completion_tokens == 20 * 6


@pytest.mark.parametrize("variable", ["", "MY_KEY"])
def test_the_key_is_sent_and_never_written(server, monkeypatch, tmp_path, variable):
    monkeypatch.setenv(variable or "OPENAI_API_KEY", SECRET + "\n")
    nosy = json.dumps({"error": {"message": f"Incorrect API key provided: {SECRET}."}})
    with faulty(server.url, answers(401, nosy)) as line:
        policy = ChatPolicy(line.url, server.model, key_variable=variable)
        refused, played = play(policy), play(policy)
    assert [r.headers["authorization"] for r in line.requests] == [f"Bearer {SECRET}"] * 2
    assert "answered 401: Incorrect API key provided: ***." in refused.failure.message
    assert (variable or "OPENAI_API_KEY") in refused.failure.message
    write_jsonl(tmp_path / "t.jsonl", [refused, played])
    assert SECRET not in (tmp_path / "t.jsonl").read_text() + repr(vars(policy))
    assert [t.failure is None for t in read_jsonl(tmp_path / "t.jsonl")] == [False, True]


def test_no_key(server):
    with faulty(server.url, answers(401)) as line:
        found = failure(ChatPolicy(line.url, server.model))
    assert "authorization" not in line.requests[0].headers
    assert "the environment variable OPENAI_API_KEY, which is not set" in found.message


@pytest.mark.parametrize(
    ("url", "variable", "message"),
    [
        ("127.0.0.1:8000", "", "a server is http://HOST:PORT"),
        ("http://", "", "a server is http://HOST:PORT"),
        ("http://h:port", "", "is not an address"),
        ("http://me:word@h", "", "give the API key by `key_variable`"),
        ("http://h", "NO_SUCH_KEY", "NO_SUCH_KEY is not set"),
        ("http://h", "ODD_KEY", "no API key: it has odd characters"),
    ],
)
def test_bad_input(url, variable, message, monkeypatch):
    monkeypatch.setenv("ODD_KEY", f"{SECRET}\n{SECRET}")
    with pytest.raises(BadInput, match=message) as raised:
        ChatPolicy(url, "m", key_variable=variable)
    assert SECRET not in str(raised.value)
