"""One episode: every way to end, and failures as data."""

import threading
import time
from functools import partial

import anyio
import pytest
from counter import TASK, BrokenReset, Counter, collect, play, says

import agentgym
from agentgym.context.context import Context
from agentgym.env.text_env import TextEnv
from agentgym.errors import AgentGymError, BadInput, UnknownName
from agentgym.policy import Completion
from agentgym.policy.scripted import ScriptedPolicy
from agentgym.rollouts.limits import Limits
from agentgym.trajectory import (
    StopReason,
    read_jsonl,
    write_jsonl,
)


@pytest.mark.parametrize(
    ("actions", "reason", "success"),
    [
        (["go", "win"], StopReason.TERMINATED, True),
        (["lose"], StopReason.TERMINATED, False),
        (["go", "cut"], StopReason.TRUNCATED, True),
        (["go"], StopReason.MAX_STEPS, False),
        (["sleep 9"], StopReason.TIMEOUT, False),
        (["go", "raise x"], StopReason.ERROR, False),
    ],
)
def test_an_episode_ends_once_and_says_why(actions, reason, success):
    limits = Limits(max_steps=6, env_timeout=0.1)
    record = play(*actions, limits=limits)
    assert (record.stop_reason, record.success) == (reason, success)
    assert (record.failure is None) == (reason not in {StopReason.TIMEOUT, StopReason.ERROR})
    ended = [step.terminated or step.truncated for step in record.steps]
    assert not any(ended[:-1])


def test_the_record_holds_what_happened():
    record = play("go", "nonsense", "win 3", seed=7, id="a/1", group="a")
    assert [step.observation for step in record.steps] == ["seed 7", "step 1", "step 2"]
    assert [step.action for step in record.steps] == ["go", "nonsense", "win 3"]
    assert [step.reward for step in record.steps] == [0.5, 0.5, 3.0]
    assert [step.valid for step in record.steps] == [True, False, True]
    assert [step.anchor for step in record.steps] == ["state 0", "state 1", "state 2"]
    assert [step.terminated for step in record.steps] == [False, False, True]
    assert record.reward == 4.0
    assert (record.id, record.group, record.seed, record.env) == ("a/1", "a", 7, "Counter")
    assert record.final_observation == "end"


def test_without_an_anchor_of_its_own_the_observation_identifies_the_state():
    class Plain(Counter):
        anchor = TextEnv.anchor

    record = play("go", "win", env=Plain())
    assert [step.anchor for step in record.steps] == ["seed 0", "step 1"]


def test_success_is_a_positive_return_unless_the_environment_says_otherwise():
    assert not play("win -1").success
    assert play("go", "win -0.4").success
    assert play("cut").success


def test_whatever_is_in_info_can_be_written_down(tmp_path):
    record = play("info", "win")
    assert record.steps[0].valid is False
    assert record.steps[0].info == {"array": "NaN", "object": repr(object), "valid": 0}
    write_jsonl(tmp_path / "t.jsonl", [record])
    assert list(read_jsonl(tmp_path / "t.jsonl")) == [record]


@pytest.mark.parametrize(
    ("action", "kind", "message"),
    [
        ("raise the roof", "KeyError", "the roof"),
        ("reward nan", "ValueError", "reward nan is not finite"),
        ("reward -inf", "ValueError", "reward -inf is not finite"),
        ("say hello", "TypeError", "expected text, got a dict"),
        ("tuple", "ValueError", "unpack"),
    ],
)
def test_an_environment_that_breaks_the_rules_is_recorded(action, kind, message):
    record = play("go", action)
    failure = record.failure
    assert record.stop_reason is StopReason.ERROR
    assert (failure.boundary, failure.type) == ("environment", kind)
    assert message in failure.message
    assert "Traceback" in failure.traceback
    assert [step.action for step in record.steps] == ["go", action]  # the culprit is kept too
    assert record.steps[1].reward == 0.0


def test_an_environment_that_cannot_be_reset_is_recorded():
    record = play("go", env=BrokenReset())
    assert (record.failure.boundary, record.failure.type) == ("environment", "ConnectionError")
    assert "the database is away" in record.failure.traceback
    assert record.steps == []


def test_a_policy_that_raises_is_recorded():
    record = play(policy=ScriptedPolicy(lambda prompt: [][len(prompt.messages)]))
    assert (record.failure.boundary, record.failure.type) == ("policy", "IndexError")


def test_a_context_that_raises_is_recorded():
    class Broken(Context):
        name: str = "broken"

        def messages(self, system, turns, observation):
            return turns[0]

    record = play("go", context=Broken())
    assert (record.failure.boundary, record.failure.type) == ("context", "IndexError")


@pytest.mark.parametrize("broken", ["\ud800", "a\udcffb"])
def test_text_that_no_file_can_hold_is_mended(broken, tmp_path):
    """Lone surrogates come from undecodable file names and broken JSON escapes."""

    class Surrogate(Counter):
        def reset(self, *, seed=None, options=None):
            return broken, {}

        def step(self, action):
            return broken, 1.0, False, action == "end", {"text": broken}

        def anchor(self):
            return broken

    record = play("go", broken, "end", env=Surrogate())
    assert record.stop_reason is StopReason.TRUNCATED
    write_jsonl(tmp_path / "t.jsonl", [record])
    (back,) = read_jsonl(tmp_path / "t.jsonl")
    texts = [text for step in back.steps for text in (step.observation, step.action)]
    assert texts == [broken.encode(errors="replace").decode(), "go"] + [texts[0]] * 3 + ["end"]
    assert back.final_observation == texts[0]


def test_an_environment_that_hangs_is_named_and_the_rest_goes_on():
    release = threading.Event()

    class Hangs(Counter):
        def step(self, action):
            if self.options["task"]["id"] == "t1":
                release.wait(20)
            return super().step(action)

    started = time.perf_counter()
    groups = collect(
        says("go", "win"),
        Hangs,
        limits=Limits(env_timeout=0.3),
        concurrency=2,
    )
    release.set()
    assert time.perf_counter() - started < 5
    reasons = [group.trajectories[0].stop_reason for group in groups]
    assert [str(r) for r in reasons] == ["terminated", "timeout"] + ["terminated"] * 3
    failure = groups[1].trajectories[0].failure
    assert failure.boundary == "environment"
    assert failure.message == "no answer in 0.3 s while waiting for the environment (step 0)"


def test_a_policy_that_hangs_is_named():
    class Hangs(ScriptedPolicy):
        async def generate(self, prompt, sampling):
            await anyio.sleep_forever()

    record = play(policy=Hangs(str), limits=Limits(policy_timeout=0.1))
    assert (record.stop_reason, record.failure.boundary) == (StopReason.TIMEOUT, "policy")
    assert "waiting for the policy (step 0)" in record.failure.message


def test_a_long_episode_is_stopped_and_keeps_its_steps():
    record = play("sleep 0.1", limits=Limits(episode_timeout=0.35))
    assert record.stop_reason is StopReason.TIMEOUT
    assert 2 <= len(record.steps) <= 4  # the last one got no answer
    assert "the episode passed 0.35 s while waiting for the environment" in record.failure.message


def test_the_step_limit_is_the_callers_else_the_environments_else_fifty():
    assert len(play("go", limits=Limits(max_steps=2)).steps) == 2
    assert len(play("go", limits=Limits()).steps) == 50
    agentgym.register("test/Counter-v0", Counter, max_episode_steps=3)
    try:
        env = agentgym.make("test/Counter-v0")
        assert len(play("go", env=env, limits=Limits()).steps) == 3
        assert play("go", env=env).env == "test/Counter-v0"
    finally:
        import gymnasium

        from agentgym.env import registry

        gymnasium.registry.pop("test/Counter-v0")
        registry._summaries.pop("test/Counter-v0")


def test_a_session_is_held_by_the_caller_or_for_one_episode():
    opened = []

    class Watched(ScriptedPolicy):
        def session(self, name):
            opened.append(name)
            return super().session(name)

    policy = Watched(lambda prompt: "win")
    agentgym.run(agentgym.rollout, Counter(), policy, TASK, id="a/0")
    assert opened == ["a/0"]
    agentgym.run(agentgym.rollout, Counter(), policy, TASK, id="a/0", session="mine")
    assert opened == ["a/0"]


def test_a_completion_with_a_logprob_too_few_is_the_policys_failure():
    class Short(ScriptedPolicy):
        async def generate(self, prompt, sampling):
            return Completion(text="go", ids=(3, 4), logprobs=(-1.0,))

    record = play(policy=Short(str))
    assert record.stop_reason is StopReason.ERROR
    assert "1 logprobs for 2 sampled ids" in record.failure.message


def test_two_rollouts_of_one_name_are_refused_rather_than_mixed(model, tokenizer):
    from agentgym.policy.local import LocalPolicy

    policy = LocalPolicy(model, tokenizer)

    async def go():
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(partial(agentgym.rollout, Counter(), policy, TASK, id="same"))

    with pytest.raises(ExceptionGroup) as caught:
        agentgym.run(go)
    assert isinstance(caught.value.exceptions[0], AgentGymError)


def test_an_environment_without_expert_or_tasks_says_so():
    record = play(policy=agentgym.expert_policy())
    assert record.failure.boundary == "policy"
    assert "Counter has no expert" in record.failure.message

    class Unfinished(TextEnv):
        """Lists no tasks."""

    with pytest.raises(BadInput, match="Unfinished has no train tasks to draw from"):
        Unfinished().task(seed=0, options=None)
    with pytest.raises(UnknownName, match="no split 'dev'"):
        Unfinished().tasks("dev")
