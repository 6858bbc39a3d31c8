"""Sampling in this process: exact numbers, batches that change nothing, and the same run twice."""

import random
import time
from collections import Counter
from contextlib import AsyncExitStack
from copy import deepcopy

import anyio
import numpy as np
import pytest
import torch
from scipy.stats import chisquare

import agentgym
from agentgym.env import Task, TextEnv
from agentgym.episode import Limits
from agentgym.errors import BadInput
from agentgym.policy import Prompt, Sampling
from agentgym.policy.decoding import Row, sample
from agentgym.policy.local import LocalPolicy
from agentgym.trajectory import StopReason

TASKS = [  # of two kinds, so that a session's next episode may begin like its last one or not
    Task(id=f"t{i}", split="train", data={"word": "ab"[i % 2] * (80 + i % 5)}) for i in range(11)
]
NO_STOP = frozenset()


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


def prompts_of(tokenizer, *texts):
    return [tokenizer.encode(text) for text in texts]


HALL = "You are in the hall. Doors lead to the kitchen and the cellar."


def drawn(model, rows, stop=NO_STOP):
    """Complete rows in one batch; they come back in the order they were given."""
    list(sample(model, rows, stop))
    return rows


def expected(model, row):
    """Logprobs and entropies of a sampled row from one plain forward pass."""
    settings, start = row.sampling, len(row.prompt)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([row.prompt + row.ids])).logits[0, start - 1 : -1]
    logits = logits / (settings.temperature or 1.0)
    if settings.top_k:
        lowest = logits.topk(settings.top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < lowest, -torch.inf)
    if settings.top_p < 1:
        for at in logits:
            probs, order = at.softmax(-1).sort(descending=True)
            count = int((probs.cumsum(-1) < settings.top_p).sum()) + 1
            at[order[count:]] = -torch.inf
    whole = logits.log_softmax(-1)
    chosen = whole.gather(1, torch.tensor(row.ids)[:, None])[:, 0]
    return chosen.tolist(), torch.special.entr(whole.exp()).sum(-1).tolist()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.7},
        {"temperature": 1.5},
        {"top_k": 5},
        {"top_p": 0.6},
        {"temperature": 0.7, "top_k": 20, "top_p": 0.7},
        {"temperature": 0.0},
    ],
    ids=str,
)
def test_logprobs_and_entropies_equal_a_plain_forward_pass(model, tokenizer, settings):
    sampling = Sampling(max_tokens=12, **settings)
    rows = [Row(p, sampling, i) for i, p in enumerate(prompts_of(tokenizer, HALL, "go", "9"))]
    for row in drawn(model, rows):
        chosen, entropies = expected(model, row)
        assert len(row.ids) == len(row.logprobs) == len(row.entropies) == 12
        assert row.logprobs == pytest.approx(chosen, abs=1e-4)
        assert row.entropies == pytest.approx(entropies, abs=1e-4)
        assert min(chosen) > -np.inf


def test_top_k_and_top_p_draw_from_what_they_keep(model, tokenizer):
    (prompt,) = prompts_of(tokenizer, HALL)
    with torch.no_grad():
        probs = model(input_ids=torch.tensor([prompt])).logits[0, -1].softmax(-1)
    likeliest = probs.argsort(descending=True).tolist()
    first = [
        {
            row.ids[0]
            for row in drawn(
                model, [Row(prompt, Sampling(max_tokens=1, **keep), i) for i in range(300)]
            )
        }
        for keep in ({"top_k": 2}, {"top_p": float(probs.max()) / 2}, {"top_k": 1}, {})
    ]
    assert first[0] == set(likeliest[:2])
    assert first[1] == first[2] == {likeliest[0]}
    assert len(first[3]) > 20


def test_rows_of_one_batch_may_be_sampled_differently(model, tokenizer):
    (prompt,) = prompts_of(tokenizer, HALL)
    kinds = [Sampling(max_tokens=8, **k) for k in ({}, {"temperature": 0}, {"top_k": 3}, {})]
    together = drawn(model, [Row(prompt, kind, 5) for kind in kinds])
    for row, kind in zip(together, kinds, strict=True):
        (alone,) = drawn(model, [Row(prompt, kind, 5)])
        assert row.ids == alone.ids
        assert row.logprobs == pytest.approx(alone.logprobs, abs=1e-4)
    assert together[0].ids == together[3].ids != together[1].ids


def test_greedy_equals_the_librarys_own_generate(model, tokenizer):
    for prompt in prompts_of(tokenizer, HALL, "go garden", "0 1 2 3"):
        theirs = model.generate(
            torch.tensor([prompt]),
            do_sample=False,
            max_new_tokens=20,
            pad_token_id=0,
            eos_token_id=None,
        )[0, len(prompt) :]
        (row,) = drawn(model, [Row(prompt, Sampling(temperature=0, max_tokens=20), 0)])
        assert row.ids == theirs.tolist()
        assert row.finish_reason == "length"


def test_a_stop_id_ends_a_row_and_is_its_last_id(model, tokenizer):
    (prompt,) = prompts_of(tokenizer, HALL)
    (endless,) = drawn(model, [Row(prompt, Sampling(max_tokens=20), 3)])
    stop = frozenset({endless.ids[6]})
    (row,) = drawn(model, [Row(prompt, Sampling(max_tokens=20), 3)], stop)
    assert row.ids == endless.ids[: endless.ids.index(endless.ids[6]) + 1]
    assert row.finish_reason == "stop"
    last = len(row.ids)
    (row,) = drawn(model, [Row(prompt, Sampling(max_tokens=last), 3)], stop)
    assert row.finish_reason == "stop"  # also when it is the last that was allowed


@pytest.mark.parametrize("order", [1, -1])
def test_who_else_is_in_the_batch_does_not_matter(model, tokenizer, order):
    prompts = prompts_of(tokenizer, "9", HALL * 4, "go hall", HALL, "look under the table")
    rows = [Row(p, Sampling(max_tokens=4 + 3 * i), seed=i) for i, p in enumerate(prompts)]
    alone = [drawn(model, [deepcopy(row)])[0] for row in rows]
    together = drawn(model, rows[::order])[::order]
    for one, row in zip(alone, together, strict=True):
        assert row.ids == one.ids
        assert row.logprobs == pytest.approx(one.logprobs, abs=1e-4)
        assert row.entropies == pytest.approx(one.entropies, abs=1e-4)


def test_cached_turns_give_what_uncached_ones_give(model, tokenizer):
    """Four turns of three sessions; between turns a session appends, rewrites or starts anew."""
    settings = Sampling(max_tokens=7)
    more = tokenizer.encode("go garden")
    histories = prompts_of(tokenizer, HALL, "go", "look under the table")
    caches = [None] * 3
    for turn in range(4):
        seeds = [10 * turn + i for i in range(3)]
        cached = [
            Row(list(h), settings, s, c) for h, s, c in zip(histories, seeds, caches, strict=True)
        ]
        plain = [Row(list(h), settings, s) for h, s in zip(histories, seeds, strict=True)]
        if turn:
            assert [row.cached > 0 for row in cached] == [True, True, turn < 3]
            assert cached[0].cached == len(cached[0].cache.ids)
        drawn(model, cached)
        drawn(model, plain)
        for one, other in zip(cached, plain, strict=True):
            assert one.ids == other.ids
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
            assert one.entropies == pytest.approx(other.entropies, abs=1e-4)
        caches = [row.cache for row in cached]
        histories = [row.prompt + row.ids + more for row in cached]
        histories[1] = histories[1][: len(histories[1]) // 2] + more  # the past was edited
        if turn == 2:
            histories[2] = [tokenizer.eos_token_id, *tokenizer.encode("You")]  # nothing in common


def test_a_cache_that_covers_the_whole_prompt_is_good_for_all_but_its_last_token(model, tokenizer):
    (prompt,) = prompts_of(tokenizer, HALL)
    (first,) = drawn(model, [Row(prompt, Sampling(max_tokens=5), 1)])
    (again,) = drawn(model, [Row(prompt, Sampling(max_tokens=5), 1, first.cache)])
    assert again.cached == len(prompt) - 1
    assert again.ids == first.ids


def test_sampling_frequencies_follow_the_probabilities(model, tokenizer):
    (prompt,) = prompts_of(tokenizer, HALL)
    sampling = Sampling(temperature=0.8, top_k=6, max_tokens=1)
    rows = drawn(model, [Row(prompt, sampling, seed) for seed in range(3000)])
    counts = Counter(row.ids[0] for row in rows)
    probability = {row.ids[0]: np.exp(row.logprobs[0]) for row in rows}
    assert sum(probability.values()) == pytest.approx(1.0, abs=1e-5)
    frequencies = [counts[token] for token in probability]
    wanted = [3000 * p / sum(probability.values()) for p in probability.values()]
    assert chisquare(frequencies, wanted).pvalue > 1e-3


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


async def ask(policy, session, *, text=HALL, seed=0, max_tokens=5, name=None):
    ids = policy.renderer.encode_action(text)
    prompt = Prompt(session, name or session, seed, [], ids, env=None)
    return await policy.generate(prompt, Sampling(max_tokens=max_tokens))


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
    assert (first.weight_version, second.weight_version) == (0, 3)
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


def test_a_folder_without_tokenizer_or_template_is_refused(model, tokenizer, tmp_path):
    with pytest.raises(BadInput, match=r"no config\.json"):
        LocalPolicy.from_folder(tmp_path)
    model.save_pretrained(tmp_path)
    with pytest.raises(BadInput, match="has no tokenizer"):
        LocalPolicy.from_folder(tmp_path)
    template, tokenizer.chat_template = tokenizer.chat_template, None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(BadInput, match="no chat template"):
        LocalPolicy.from_folder(tmp_path)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(tmp_path)
    policy = LocalPolicy.from_folder(tmp_path)
    mine = agentgym.run(ask, LocalPolicy(model, tokenizer), "a")
    assert agentgym.run(ask, policy, "a").ids == mine.ids


def test_a_folder_whose_weights_are_missing_or_cut_is_refused(model, tokenizer, tmp_path):
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    (weights,) = tmp_path.glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(BadInput, match="cannot load the model"):
        LocalPolicy.from_folder(tmp_path)
    weights.unlink()
    with pytest.raises(BadInput, match="cannot load the model"):
        LocalPolicy.from_folder(tmp_path)
