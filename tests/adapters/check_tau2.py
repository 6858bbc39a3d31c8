"""Tau2: tau2-bench's own domains, tasks and evaluation; its users are played by a local server.

Run by tau2's own environment: -m pytest tests/adapters/check_tau2.py -p no:cacheprovider
"""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import agentgym
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.testing import check_env
from agentgym.tools.parse import write_tool_call
from agentgym.tools.tool import ToolCall
from agentgym_envs.tau2.env import Tau2


def play(env):
    for _ in range(60):
        *_, reward, done, _, info = env.step(env.expert())
        if done:
            return reward, info
    raise AssertionError("the expert does not end")


class User(BaseHTTPRequestHandler):
    """A chat-completions server that reads its answers from a list."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(asked["messages"])
        if not self.server.answers:
            self.send_error(400, "nothing left to say")
            return
        message = {"role": "assistant", "content": self.server.answers.pop(0)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        body = {"id": "1", "object": "chat.completion", "created": 1, "model": "user"}
        written = json.dumps(body | {"choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *_):
        """Nothing on the terminal."""


@contextmanager
def user_who_says(*answers):
    """The keyword arguments of an environment whose user says this, and what it was asked."""
    with ThreadingHTTPServer(("127.0.0.1", 0), User) as server:
        server.answers, server.asked = list(answers), []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}/v1"
        # What tau2 itself would retry is not retried here.
        arguments = {"api_base": base, "api_key": "none", "num_retries": 0}
        try:
            yield {"user": "openai/user", "user_args": arguments}, server.asked
        finally:
            server.shutdown()
            thread.join()


def test_it_keeps_the_contract():
    check_env("agentgym/Tau2-v0", episodes=2)


def test_the_expert_solves_what_can_be_played_alone():
    for domain, every in (("mock", 1), ("telecom", 8)):
        env = Tau2(domain)
        for split in env.splits:
            for task in env.tasks(split)[::every]:
                env.reset(options={"task": task})
                reward, info = play(env)
                assert reward == 1.0 and info["success"], (task, info)
                assert info["tau2"]["ended_by"] == "agent_stop"


def test_nothing_done_is_nothing_earned():
    env = Tau2("mock")
    env.reset(options={"task": "mock/create_task_1"})
    _, reward, done, _, info = env.step(write_tool_call(ToolCall(name="done")))
    assert (reward, done, info["success"]) == (0.0, True, False)
    with pytest.raises(EpisodeOver):
        env.step("hello")


def test_several_calls_at_once_and_failing_ones():
    env = Tau2("mock")
    first, _ = env.reset(options={"task": "mock/create_task_1"})
    assert "Important Meeting" in first
    right = write_tool_call(
        ToolCall(name="create_task", arguments={"user_id": "user_1", "title": "Important Meeting"})
    )
    wrong = write_tool_call(ToolCall(name="create_tusk"))
    page, _, done, _, info = env.step(wrong + right)
    assert "create_tusk" in page and "task_2" in page and not done and not info["valid"]
    assert env.step(write_tool_call(ToolCall(name="done")))[1] == 1.0


def test_a_conversation_with_a_user():
    with user_who_says("Please create the task.", "Thank you. ###STOP###") as (options, asked):
        env = Tau2("mock", **options)
        first, _ = env.reset(options={"task": "mock/create_task_1"})
        assert first == "Please create the task." and env.expert() is None
        env.step(
            '{"name": "create_task", "arguments": '
            '{"user_id": "user_1", "title": "Important Meeting"}}'
        )
        _, reward, done, _, info = env.step("<think>Is it?</think>I have created it.")
    assert (reward, done) == (1.0, True) and info["tau2"]["ended_by"] == "user_stop"
    assert "Important Meeting" in asked[0][0]["content"]
    assert asked[1][-1]["content"] == "I have created it."


def test_retail_with_a_user():
    with user_who_says("Hello.", "No. ###STOP###") as (options, _):
        env = Tau2("retail", **options)
        assert {split: len(env.tasks(split)) for split in env.splits} == {"train": 74, "test": 40}
        assert env.reset(seed=0)[0] == "Hello."
        page, *_ = env.step('{"name": "list_all_product_types", "arguments": {}}')
        assert "Action Camera" in page
        assert env.step("Anything else?")[2]


def test_a_user_whose_model_fails_is_an_error_and_not_a_lost_episode():
    with user_who_says() as (options, _):
        env = Tau2("mock", **options)
        policy = agentgym.ScriptedPolicy(lambda prompt: "hello")
        record = agentgym.run(agentgym.rollout, env, policy, env.tasks("test")[0])
    assert record.failure.boundary == "environment" and record.steps == []


def test_bad_arguments_are_named():
    with pytest.raises(UnknownName, match="did you mean 'retail'"):
        Tau2("retial")
    with pytest.raises(BadInput, match="no task of 'retail' can be played alone"):
        Tau2("retail")
    with pytest.raises(UnknownName, match="known: test"):
        Tau2().tasks("valid")


def test_tools_have_the_schemas_of_tau2():
    env = Tau2("mock")
    from tau2.registry import registry

    theirs = registry.get_env_constructor("mock")(solo_mode=True).get_tools()
    ours = [tool.schema["function"] for tool in env.tools]
    assert [tool["name"] for tool in ours] == [*(tool.name for tool in theirs), "done"]
    for mine, their in zip(ours, theirs, strict=False):
        parameters = their.openai_schema["function"]["parameters"]
        assert mine["parameters"]["properties"] == parameters["properties"]
