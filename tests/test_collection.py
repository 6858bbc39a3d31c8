"""Many episodes: bounded, none waits for the slowest, and each failure costs itself alone."""

import threading
import time

import anyio
import pytest
from counter import TASK, TASKS, Counter, collect, play, says

import agentgym
from agentgym.env.text_env import FreeText, Task
from agentgym.errors import BadInput, TooManyFailures
from agentgym.policy.scripted import ScriptedPolicy, random_policy
from agentgym.rollouts.limits import Limits
from agentgym.rollouts.workers import EnvPool


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
        seeds[prompt.episode, prompt.step] = prompt.seed
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
        first = prompt.env.options["task"]["data"]["i"] == 0
        return "sleep 1" if first and not prompt.env.count else "win"

    ended = []
    groups = collect(ScriptedPolicy(act), on_trajectory=lambda t: ended.append(t.task.id))
    assert [group.task.id for group in groups] == [task.id for task in TASKS]
    assert ended[-1] == TASKS[0].id


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
        first, second = await pool.acquire(), await pool.acquire()
        assert first is not second
        pool.release(first, fine)
        assert await pool.acquire() is first
        assert await pool.acquire() not in {first, second}

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
