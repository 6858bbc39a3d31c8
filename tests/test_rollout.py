"""One episode and many: every way to end, failures as data, and no waiting for the slowest."""

import math
import threading
import time
from functools import partial

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agentgym
from agentgym.collection import EnvPool
from agentgym.env import FreeText, Task, TextEnv
from agentgym.episode import Limits
from agentgym.errors import AgentGymError, BadInput, TooManyFailures, UnknownName
from agentgym.policy import Completion
from agentgym.policy.scripted import ScriptedPolicy, random_policy
from agentgym.trajectory import (
    Failure,
    Step,
    StopReason,
    Trajectory,
    grouped,
    read_jsonl,
    write_jsonl,
)

TASK = Task(id="t", split="train")
TASKS = [Task(id=f"t{i}", split="train", data={"i": i}) for i in range(5)]


class Counter(TextEnv):
    """Counts steps; an action is a command to the environment itself."""

    def __init__(self):
        self.count = 0

    def reset(self, *, seed=None, options=None):
        self.seed, self.options, self.count = seed, options, 0
        return f"seed {seed}", {}

    def step(self, action):  # noqa: PLR0911
        self.count += 1
        command, _, value = action.partition(" ")
        match command:
            case "win" | "lose":
                reward = float(value or command == "win")
                return "end", reward, True, False, {}
            case "cut":
                return "end", 0.0, False, True, {"success": True}
            case "raise":
                raise KeyError(value)
            case "sleep":
                time.sleep(float(value))
            case "reward":
                return "on", float(value), False, False, {}
            case "say":
                return {"text": value}, 0.0, False, False, {}
            case "info":
                return "on", 0.0, False, False, {"array": math.nan, "object": object, "valid": 0}
            case "tuple":
                return "on", 0.0, False, {}
        return f"step {self.count}", 0.5, False, False, {"valid": command != "nonsense"}

    def anchor(self):
        return f"state {self.count}"


class BrokenReset(Counter):
    def reset(self, *, seed=None, options=None):
        raise ConnectionError("the database is away")


def says(*actions):
    """Says one thing after the other, then the last one again."""

    def act(prompt):
        return actions[min(int(prompt.name.rpartition("/")[2]), len(actions) - 1)]

    return ScriptedPolicy(act)


def play(*actions, env=None, policy=None, **options):
    limits = options.pop("limits", Limits(max_steps=6))
    policy = policy or says(*actions)
    return agentgym.run(agentgym.rollout, env or Counter(), policy, TASK, limits=limits, **options)


def collect(policy, make_env=Counter, tasks=TASKS, **options):
    options = {"limits": Limits(max_steps=6)} | options
    return agentgym.run(agentgym.collect, make_env, policy, tasks, **options)


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
    class Broken:
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

        from agentgym import registry

        gymnasium.registry.pop("test/Counter-v0")
        registry._summaries.pop("test/Counter-v0")


def test_a_broken_episode_costs_itself_alone():
    """Task t3 raises in every one of its episodes."""

    def act(prompt):
        return "raise it" if prompt.env.options["task"]["id"] == "t3" else "win"

    groups = collect(ScriptedPolicy(act), group_size=2)
    assert [g.task.id for g in groups] == [t.id for t in TASKS]
    for group in groups:
        broken = group.task.id == "t3"
        assert [t.failure is not None for t in group.trajectories] == [broken] * 2


@pytest.mark.parametrize("concurrency", [1, 3, 64])
def test_too_many_failures_stop_the_run_and_name_the_commonest(concurrency):
    played = []

    def act(prompt):
        return "raise flood" if prompt.env.options["task"]["data"]["i"] else "reward nan"

    with pytest.raises(TooManyFailures) as caught:
        collect(
            ScriptedPolicy(act),
            tasks=TASKS * 4,
            max_failures=0.5,
            concurrency=concurrency,
            on_trajectory=played.append,
        )
    message = str(caught.value)
    assert "of 20 episodes failed, more than the 50%" in message
    first = message.splitlines()[2 - 1]
    assert "environment: KeyError: 'flood'" in first
    assert len(played) <= 10 + concurrency


def test_as_many_failures_as_allowed_are_no_error():
    def act(prompt):
        return "win" if prompt.env.options["task"]["data"]["i"] else "raise it"

    assert len(collect(ScriptedPolicy(act), max_failures=0.2)) == 5
    with pytest.raises(TooManyFailures):
        collect(ScriptedPolicy(act), max_failures=0.19)


def test_no_more_episodes_are_in_flight_than_allowed():
    lock, now, most = threading.Lock(), [0], [0]

    class Counted(Counter):
        def reset(self, *, seed=None, options=None):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            return super().reset(seed=seed, options=options)

        def step(self, action):
            time.sleep(0.01)
            result = super().step(action)
            if result[2]:
                with lock:
                    now[0] -= 1
            return result

    collect(says("go", "win"), Counted, group_size=4, concurrency=3)
    assert most[0] == 3
    assert now[0] == 0


def test_a_slow_environment_does_not_delay_the_others():
    """Nineteen episodes of five steps end while one takes its first step."""

    def act(prompt):
        slow = prompt.env.options["task"]["id"] == "slow"
        return (
            "sleep 1.0" if slow and prompt.env.count == 0 else "win" if prompt.env.count else "go"
        )

    ended = []
    tasks = [Task(id="slow", split="train"), *(TASKS * 4)[:19]]
    collect(
        ScriptedPolicy(act),
        tasks=tasks,
        concurrency=4,
        on_trajectory=lambda t: ended.append((t.task.id, time.perf_counter())),
    )
    assert ended[-1][0] == "slow"
    assert ended[-2][1] < ended[-1][1] - 0.4


def test_a_group_shares_the_environments_seed_and_its_members_do_not_share_the_policys():
    seeds = {}

    def act(prompt):
        seeds[prompt.name] = prompt.seed
        return "win" if prompt.env.count else "go"

    groups = collect(ScriptedPolicy(act), group_size=3, tasks=[TASK, TASK], seed=5, label="run")
    for group in groups:
        assert len({t.seed for t in group.trajectories}) == 1
        assert len({t.steps[0].observation for t in group.trajectories}) == 1
        assert {t.group for t in group.trajectories} == {group.id}
    assert groups[0].trajectories[0].seed != groups[1].trajectories[0].seed
    assert len(set(seeds.values())) == len(seeds) == 12
    ids = [t.id for group in groups for t in group.trajectories]
    assert ids == [f"run/{place}/t/{member}" for place in range(2) for member in range(3)]

    first = dict(seeds)
    collect(ScriptedPolicy(act), group_size=3, tasks=[TASK, TASK], seed=5, label="run")
    assert seeds == first
    collect(ScriptedPolicy(act), group_size=3, tasks=[TASK, TASK], seed=6, label="run")
    assert not set(seeds.values()) & set(first.values())


def test_groups_come_in_the_order_of_tasks_whatever_ends_first():
    def act(prompt):
        return (
            "win"
            if prompt.env.count
            else f"sleep {0.1 - 0.02 * prompt.env.options['task']['data']['i']}"
        )

    ended = []
    groups = collect(ScriptedPolicy(act), on_trajectory=lambda t: ended.append(t.task.id))
    assert [group.task.id for group in groups] == [task.id for task in TASKS]
    assert ended == [task.id for task in reversed(TASKS)]


def test_environments_are_used_again_unless_they_failed():
    made, closed = [], []

    class Watched(Counter):
        def __init__(self):
            super().__init__()
            made.append(self)

        def close(self):
            closed.append(self)

    collect(says("go", "win"), Watched, group_size=4, concurrency=2)
    assert len(made) == 2
    assert closed and set(map(id, closed)) == set(map(id, made))

    made.clear(), closed.clear()
    collect(says("raise it"), Watched, concurrency=1, max_failures=1.0)
    assert len(made) == 5
    assert set(map(id, closed)) == set(map(id, made))

    made.clear(), closed.clear()
    collect(says("sleep 0.2"), Watched, limits=Limits(env_timeout=0.05), max_failures=1.0)
    assert len(made) == 5
    assert not closed  # a thread may still be inside


def test_a_pool_lends_what_was_given_back_and_makes_what_is_missing():
    fine = play("win")

    async def go():
        pool = EnvPool(Counter)
        first, second = await pool.take(), await pool.take()
        assert first is not second
        pool.give_back(first, fine)
        assert await pool.take() is first
        assert await pool.take() not in {first, second}

    agentgym.run(go)


@pytest.mark.parametrize("group_size", [1, 3])
def test_an_environment_that_cannot_be_made_is_an_ordinary_error(group_size):
    def make_env():
        raise BadInput("no such level")

    with pytest.raises(BadInput, match="no such level"):
        collect(says("win"), make_env, group_size=group_size)


def test_what_the_observer_raises_ends_the_run_with_that_error():
    def observe(trajectory):
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        collect(says("win"), on_trajectory=observe)


def test_no_tasks_are_refused():
    with pytest.raises(BadInput, match="no tasks"):
        collect(says("win"), tasks=[])


def test_cancelling_a_collection_leaves_nothing_that_goes_on():
    stepped, ended = [], []

    class Watched(Counter):
        def step(self, action):
            stepped.append(time.perf_counter())
            time.sleep(0.02)
            return super().step(action)

    async def go():
        with anyio.move_on_after(0.15):
            await agentgym.collect(
                Watched, says("go"), TASKS * 20, concurrency=4, on_trajectory=ended.append
            )
        return time.perf_counter(), len(ended)

    cancelled, so_far = agentgym.run(go)
    time.sleep(0.1)
    assert stepped and max(stepped) <= cancelled
    assert len(ended) == so_far


def test_random_play_is_a_function_of_the_seed():
    """Also where the environment lists no actions and many episodes draw at once."""

    class SlowSpace(FreeText):
        def seed(self, seed=None):
            super().seed(seed)
            time.sleep(0.002)  # now another episode may seed it too

    class Silent(Counter):
        action_space = SlowSpace()

        def step(self, action):
            return super().step("go" if self.count != 3 else "win")

    def actions(seed):
        groups = collect(random_policy(), Silent, group_size=6, seed=seed)
        return [step.action for g in groups for t in g.trajectories for step in t.steps]

    assert actions(1) == actions(1) == actions(1)
    assert actions(1) != actions(2)
    assert len(set(actions(1))) > 100


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


numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def trajectories(draw):
    steps = []
    for _ in range(draw(st.integers(0, 3))):
        ids = draw(st.lists(st.integers(0, 2**31), max_size=4))
        step = Step(
            observation=draw(texts),
            action=draw(texts),
            reward=draw(numbers),
            anchor=draw(texts),
            valid=draw(st.booleans()),
            segment=draw(st.integers(0, 3)),
            prompt_ids=draw(st.lists(st.integers(0, 9), max_size=3)),
            ids=ids,
            logprobs=[draw(numbers) for _ in ids],
            info={"note": draw(texts), "n": [draw(numbers), None, True]},
            seconds={"policy": draw(numbers)},
        )
        steps.append(step)
    return Trajectory(
        id=draw(texts),
        group=draw(texts),
        task=Task(id="t", split=draw(texts), data={"x": draw(texts)}),
        steps=steps,
        stop_reason=draw(st.sampled_from(StopReason)),
        failure=draw(st.none() | st.just(Failure(boundary="policy", type="E", message="m\n"))),
        success=draw(st.booleans()),
    )


@given(st.lists(trajectories(), max_size=3))
@settings(max_examples=50, deadline=None)
def test_trajectories_come_back_from_a_file_as_they_were(tmp_path_factory, played):
    path = tmp_path_factory.mktemp("trajectories") / "new" / "t.jsonl"
    write_jsonl(path, played)
    assert list(read_jsonl(path)) == played
    assert [p.name for p in path.parent.iterdir()] == ["t.jsonl"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:-20], "line 3: .*EOF"),
        (lambda text: text.replace("\n", "\n{]\n", 1), "line 2: "),
        (lambda text: "\n" + text, "line 1: "),
        (lambda text: text.replace('"seed 0"', "17", 1), r"line 1: steps\.0\.observation: "),
        (lambda text: text.replace(':"terminated"', ':"bored"', 1), "line 1: stop_reason"),
        (lambda text: text + "\x00\x01", "line 4: "),
        (lambda text: text.replace("seed 0", "seed \udcff", 1), "line 1: "),
    ],
)
def test_a_damaged_file_names_the_line(tmp_path, damage, message):
    path = tmp_path / "t.jsonl"
    write_jsonl(path, [play("win", id=str(i)) for i in range(3)])
    path.write_bytes(damage(path.read_text()).encode(errors="surrogateescape"))
    with pytest.raises(BadInput, match=f"(?s)t.jsonl, {message}"):
        list(read_jsonl(path))


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "t.jsonl"
    old = [play("win", id="old")]
    write_jsonl(path, old)

    def breaks():
        yield old[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_jsonl(path, breaks())
    assert list(read_jsonl(path)) == old
    assert [p.name for p in tmp_path.iterdir()] == ["t.jsonl"]


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(BadInput, match="no trajectory file"):
        list(read_jsonl(tmp_path / "nowhere.jsonl"))


def test_trajectories_are_grouped_as_they_were_played():
    groups = collect(says("win"), group_size=2)
    again = grouped([t for group in groups for t in group.trajectories])
    assert again == groups


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
