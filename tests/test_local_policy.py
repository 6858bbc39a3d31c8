"""Batches of requests: the same run twice, nobody starved, and no failure beyond its own."""

import random
import time
from contextlib import AsyncExitStack

import anyio
import pytest
import torch
from asking import ask

import agentgym
from agentgym.env.text_env import Task, TextEnv
from agentgym.errors import BadInput
from agentgym.policy import Sampling
from agentgym.policy.local import LocalPolicy
from agentgym.rollouts.limits import Limits
from agentgym.trajectory import StopReason

TASKS = [  # of two kinds, so that a session's next episode may begin like its last one or not
    Task(id=f"t{i}", split="train", data={"word": "ab"[i % 2] * (80 + i % 5)}) for i in range(11)
]


class Slow(TextEnv):
    """Three to five rooms, each of which takes a while that nobody can foresee."""

    system_prompt = "You walk through a house. Answer with one word."

    def __init__(self, longest=0.03):
        self.longest, self.clock = longest, random.Random()  # not seeded: another delay every time

    def reset(self, *, seed=None, options=None):
        self.word = options["task"]["data"].get("word", "")
        self.rng, self.left = random.Random(seed), 3 + len(self.word) % 3
        return f"You are in the hall. {self.word} {self.rng.random():.3f}", {}

    def step(self, action):
        time.sleep(self.clock.random() * self.longest)
        self.left -= 1
        return f"go {self.rng.random():.3f} {action[:9]}", 1.0, self.left <= 0, False, {}


def play(model, tokenizer, seed, *, envs=Slow, concurrency=16, group_size=4, **options):
    """44 episodes, 16 at a time: as workers finish, the timing decides who plays what next."""
    policy = LocalPolicy(model, tokenizer, patience=30.0)
    groups = agentgym.run(
        agentgym.collect,
        envs,
        policy,
        TASKS,
        group_size=group_size,
        concurrency=concurrency,
        seed=seed,
        sampling=Sampling(max_tokens=6),
        **options,
    )
    return [t for group in groups for t in group.trajectories]


def sampled(trajectories):
    """All that was sampled, to the last bit."""
    return [
        (t.id, step.ids, step.logprobs, step.entropies) for t in trajectories for step in t.steps
    ]


def test_the_same_seed_gives_the_same_trajectories_whatever_the_timing(model, tokenizer):
    first = play(model, tokenizer, seed=1)
    assert sum(len(t.steps) for t in first) > 120
    assert sampled(play(model, tokenizer, seed=1)) == sampled(first)
    assert sampled(play(model, tokenizer, seed=2)) != sampled(first)
    assert {t.failure for t in first} == {None}


def test_the_first_batch_waits_for_everyone(model, tokenizer):
    sizes = []
    model.register_forward_pre_hook(
        lambda _, __, options: sizes.append(len(options["input_ids"])), with_kwargs=True
    )
    play(model, tokenizer, seed=1, concurrency=7, group_size=1)
    assert sizes[0] == 7


def test_more_sessions_than_fit_a_batch_all_make_progress(model, tokenizer):
    """Nobody waits until others have played to their end."""
    policy = LocalPolicy(model, tokenizer, max_batch=4, patience=30.0)
    order = []

    class Watched(Slow):
        def step(self, action):
            result = super().step(action)
            order.append(self.left)
            return result

    agentgym.run(
        agentgym.collect,
        lambda: Watched(longest=0),
        policy,
        [Task(id=f"t{i:02}", split="train") for i in range(12)],
        concurrency=12,
        sampling=Sampling(max_tokens=3),
    )
    assert order == [2] * 12 + [1] * 12 + [0] * 12


def test_a_slow_environment_does_not_hold_up_the_others(model, tokenizer):
    """While one thinks for 3 seconds the other three play six turns."""
    policy = LocalPolicy(model, tokenizer, patience=0.2)
    finished = {}

    async def go():
        started = time.perf_counter()

        async def session(name, turns, pause):
            async with policy.session(name):
                for _ in range(turns):
                    await ask(policy, name)
                    await anyio.sleep(pause)
            finished[name] = time.perf_counter() - started

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session, "slow", 1, 3.0)
            for name in "abc":
                tasks.start_soon(session, name, 6, 0.0)

    agentgym.run(go)
    assert max(finished[name] for name in "abc") < 2.0
    assert finished["slow"] >= 3.0


def test_a_session_that_was_left_behind_is_served_when_it_asks_again(model, tokenizer):
    policy = LocalPolicy(model, tokenizer, patience=0.05)

    async def go():
        async with policy.session("a"), policy.session("b"):
            alone = await ask(policy, "a")
            both = {}

            async def both_of(name):
                both[name] = await ask(policy, name)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(both_of, "a")
                tasks.start_soon(both_of, "b")
            return alone, both

    alone, both = agentgym.run(go)
    assert both["a"].ids == both["b"].ids == alone.ids


@pytest.mark.parametrize("names", [("impatient", *"123"), (*"123", "impatient")])
def test_cancelling_one_request_leaves_the_others_served(model, tokenizer, names):
    """The longest answer of a batch is given up half-way; the batch is not."""
    policy = LocalPolicy(model, tokenizer, patience=30.0)

    async def go():
        answers, everyone_is_in = {}, anyio.Event()

        async def play(name):
            async with policy.session(name):
                await everyone_is_in.wait()
                if name == "impatient":
                    with anyio.move_on_after(0.02) as clock:
                        await ask(policy, name, max_tokens=450)
                    assert clock.cancelled_caught == (name == names[0])
                answers[name] = await ask(policy, name, max_tokens=60)

        async with anyio.create_task_group() as tasks:
            for name in names:  # the last to ask runs the batch for all, and cannot leave it
                tasks.start_soon(play, name)
            await anyio.sleep(0.01)
            everyone_is_in.set()
        return answers

    answers = agentgym.run(go)
    assert len(answers) == 4
    assert len({tuple(answer.ids) for answer in answers.values()}) == 1


def test_cancelling_a_request_that_still_waits_lets_the_others_go_on(model, tokenizer):
    policy = LocalPolicy(model, tokenizer, patience=30.0)

    async def go():
        async with policy.session("absent"), policy.session("a"):
            with anyio.move_on_after(0.05) as clock:
                await ask(policy, "a")
            assert clock.cancelled_caught
        async with policy.session("b"):
            return await ask(policy, "b")

    assert agentgym.run(go).ids


def test_an_error_of_the_model_reaches_everyone_who_waits_and_passes(model, tokenizer):
    policy = LocalPolicy(model, tokenizer, patience=30.0)
    embed = model.get_input_embeddings()

    def fail(*_):
        raise RuntimeError("the device is on fire")

    async def go():
        broken = embed.register_forward_pre_hook(fail)
        errors = []

        async def one(name):
            try:
                await ask(policy, name)
            except RuntimeError as error:
                errors.append(str(error))

        async with AsyncExitStack() as sessions:
            for name in "abc":
                await sessions.enter_async_context(policy.session(name))
            async with anyio.create_task_group() as tasks:
                for name in "abc":
                    tasks.start_soon(one, name)
            broken.remove()
            assert errors == ["the device is on fire"] * 3
        async with policy.session("a"):
            return await ask(policy, "a")

    assert len(agentgym.run(go).ids) == 5


def test_an_episode_that_meets_a_broken_model_says_so(model, tokenizer):
    model.get_input_embeddings().register_forward_pre_hook(lambda *_: 1 / 0)
    record = agentgym.run(agentgym.rollout, Slow(), LocalPolicy(model, tokenizer), TASKS[0])
    assert record.stop_reason is StopReason.ERROR
    assert (record.failure.boundary, record.failure.type) == ("policy", "ZeroDivisionError")


def test_a_session_is_open_once(model, tokenizer):
    policy = LocalPolicy(model, tokenizer)

    async def go():
        async with policy.session("a"), policy.session("a"):
            pass

    with pytest.raises(BadInput, match="session 'a' is open already"):
        agentgym.run(go)


def test_new_weights_forget_what_was_cached(model, tokenizer):
    policy = LocalPolicy(model, tokenizer)

    async def go():
        async with policy.session("a"):
            first = await ask(policy, "a")
            with torch.no_grad():
                for weight in model.parameters():
                    weight.mul_(1.1)
            policy.updated(3)
            return first, await ask(policy, "a")

    first, second = agentgym.run(go)
    fresh = agentgym.run(ask, LocalPolicy(model, tokenizer), "a")
    assert ({*first.weight_versions}, {*second.weight_versions}) == ({0}, {3})
    assert second.ids == fresh.ids
    assert second.logprobs == fresh.logprobs != first.logprobs


def test_a_prompt_without_room_to_answer_ends_the_episode(model, tokenizer):
    policy = LocalPolicy(model, tokenizer)
    assert policy.max_context == 512
    long = Task(id="t", split="train", data={"word": "0" * 600})
    record = agentgym.run(agentgym.rollout, Slow(), policy, long)
    assert (record.stop_reason, record.steps, record.failure) == (StopReason.CONTEXT, [], None)
    assert record.final_observation.startswith("You are in the hall.")


def test_the_last_answer_may_fill_the_context_and_no_more(model, tokenizer):
    policy = LocalPolicy(model, tokenizer)
    policy.max_context = 120
    sampling, limits = Sampling(max_tokens=25), Limits(max_steps=50)
    long = Task(id="t", split="train", data={"word": "00" * 10})
    record = agentgym.run(agentgym.rollout, Slow(0), policy, long, sampling=sampling, limits=limits)
    assert record.steps
    for i, step in enumerate(record.steps):
        assert len(record.prompt_of(i)) + len(step.ids) <= 120
