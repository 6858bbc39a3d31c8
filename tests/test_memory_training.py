"""Memory as action: training sees what was sampled, once and where it was sampled."""

import random
import re
from functools import cache

import numpy as np
import pytest
import torch
from editing import (
    BROKEN,
    QUIET,
    Speller,
    Talk,
    call,
    play,
    prune,
    spelled,
    without_tools,
)
from hypothesis import given, settings, strategies as st
from made_rows import learner_of
from template_forms import assistant, renderer_of, user, written

from agentgym.context.context import FullHistory
from agentgym.policy import Completion, Sampling
from agentgym.policy.local import LocalPolicy
from agentgym.rendering.renderer import ChatTemplate
from agentgym.rendering.transcript import Transcript
from agentgym_trainers.learner.batches import weigh
from agentgym_trainers.learner.rows import demonstration_rows, rows_of
from agentgym_trainers.objectives.ppo_clip import PPOClip


@pytest.fixture
def renderer(tokenizer):
    return ChatTemplate(without_tools(tokenizer))


def numbers(messages):
    """The turns that messages show, by their numbers."""
    said = [message["content"] for message in messages if message["role"] == "user"]
    return [int(re.match(r"\[(\d+)\] ", text)[1]) for text in said]


def by_hand(renderer, record, messages):
    """The prompt with the sampled ids of every visible action, put together in the plainest way."""
    [end] = renderer.encode_action("")
    special = renderer.tokenizer.convert_tokens_to_ids
    ids = []
    for message, before in zip(messages, [None, *messages], strict=False):
        ids.append(special(f"<|{message['role']}|>"))
        own = written(renderer, message["content"])
        if message["role"] == "assistant":
            own = record.steps[numbers([before])[0] - 1].ids
        ids += [*own, *([] if own[-1:] == [end] else [end])]
    return [*ids, special("<|assistant|>")]


edits = st.one_of(
    st.sampled_from(["go", "go", "go hall"]),
    st.lists(st.integers(2, 6), min_size=1, max_size=3).map(lambda turns: prune(*turns)),
    st.lists(st.integers(1, 9), max_size=4).map(lambda turns: prune(*turns)),
    st.builds(lambda k: call("write", key=k, text="go"), st.sampled_from("kl")),
    st.builds(lambda k: call("recall", key=k), st.sampled_from("kl")),
    st.sampled_from([prune(2) + prune(3), prune(2) + call("search", q="x"), BROKEN[0]]),
)


@cache
def small_renderer():
    from agentgym_trainers.learner.tiny_model import tiny_tokenizer

    return ChatTemplate(without_tools(tiny_tokenizer(["go hall cellar"], 280)))


@settings(max_examples=80, deadline=None)
@given(script=st.lists(edits, min_size=1, max_size=14), seed=st.integers(0, 99))
def test_each_sampled_token_is_trained_once_where_it_was_sampled(script, seed):
    renderer = small_renderer()
    policy, env = Speller(script, renderer), Talk()
    record = play(policy, env, sampling_seed=seed, steps=len(script))
    steps = record.steps
    assert len(policy.asked) == len(steps)

    # The environment hears what is no memory call, and what it said last stays visible.
    told = [i for i, step in enumerate(steps) if "memory" in step.info]
    assert env.heard == [s.action for i, s in enumerate(steps) if i not in told]
    for i, (messages, ids) in enumerate(policy.asked):
        seen = numbers(messages)
        assert seen == sorted(set(seen)) and seen[0] == 1 and seen[-1] == i + 1
        latest = max(n for n in range(1, i + 2) if n == 1 or n - 2 not in told)
        assert latest in seen
        assert ids == record.prompt_of(i) == by_hand(renderer, record, messages)

    # A segment ends where something visible was taken away, and nowhere else.
    for i in range(1, len(steps)):
        gone = set(numbers(policy.asked[i - 1][0])) - set(numbers(policy.asked[i][0]))
        assert steps[i].segment == steps[i - 1].segment + bool(gone)

    rows = rows_of([record], np.arange(1.0, len(steps) + 1))
    assert len(rows) == 1 + steps[-1].segment
    found = [
        (row.ids[:at], row.ids[at], row.logprobs[at], advantage)
        for row in rows
        for action in row.actions
        for at, advantage in zip(range(*action.ends), action.advantages[0], strict=True)
    ]
    assert found == [
        (record.prompt_of(i) + step.ids[:k], token, step.logprobs[k], i + 1)
        for i, step in enumerate(steps)
        for k, token in enumerate(step.ids)
    ]
    assert sum(sum(row.mask) for row in rows) == record.tokens


def test_of_actions_that_read_the_same_each_keeps_its_own_ids(renderer):
    """The first `go` survives, the second is pruned; they were sampled in other pieces."""
    transcript = Transcript(renderer)
    whole, letters = written(renderer, "go"), [i for c in "go" for i in written(renderer, c)]
    assert whole != letters
    transcript.prompt([user("[1] hall")])
    transcript.sample(letters, "go")
    past = [user("[1] hall"), assistant("go")]
    transcript.prompt([*past, user("[2] hall")])
    transcript.sample(whole, "go")
    after = transcript.prompt([*past, user("[3] hall")])
    expected = renderer.render([*past, user("[3] hall")], (), {1: letters}).ids
    assert after == transcript.ids == expected
    assert expected != renderer.render([*past, user("[3] hall")]).ids


def test_one_answer_told_otherwise_does_not_cost_the_others_their_ids(renderer):
    transcript = Transcript(renderer)
    letters = [i for c in "go" for i in written(renderer, c)]
    transcript.prompt([user("hall")])
    transcript.sample(letters, "go")
    transcript.prompt([user("hall"), assistant("go"), user("cellar")])
    transcript.sample(written(renderer, "go hall"), "go hall")
    retold = [user("hall"), assistant("go"), user("cellar"), assistant("went"), user("hall")]
    assert transcript.prompt(retold) == renderer.render(retold, (), {1: letters}).ids


@pytest.mark.parametrize("form", ["qwen2_5", "qwen3", "llama3", "gemma"])
def test_sampled_ids_survive_an_edit_under_the_templates_of_well_known_models(form, tokenizer):
    renderer = renderer_of(form, tokenizer)
    script = ["go", "go hall", "go", prune(2, 3), "go", "go"]
    policy = Speller(script, renderer)
    record = play(policy, steps=6)
    messages, ids = policy.asked[-1]
    assert numbers(messages) == [1, 4, 5, 6] and record.steps[-1].segment == 1
    text = renderer.render(messages, QUIET.tools).text
    assert renderer.tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
    place = 0
    for step in (record.steps[n - 1] for n in (1, 4, 5)):
        length = len(step.ids)
        place = next(p for p in range(place, len(ids)) if ids[p : p + length] == step.ids) + length


def forced(model, policy, prompt, text, rng):
    """A completion that the model did not choose, with the probabilities that it gives it."""
    ids = spelled(policy.renderer, text, rng)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*prompt.ids, *ids]])).logits[0]
    whole = torch.log_softmax(logits[len(prompt.ids) - 1 : -1], dim=-1)
    logprobs = whole.gather(1, torch.tensor(ids)[:, None])[:, 0].tolist()
    return Completion(text=text, ids=ids, logprobs=logprobs)


@pytest.mark.parametrize("context", [QUIET, FullHistory()], ids=lambda c: c.name)
def test_the_learner_recomputes_what_was_sampled(model, tokenizer, context):
    """A model samples what it likes and is made to prune between."""

    class Guided(LocalPolicy):
        async def generate(self, prompt, sampling):
            if prompt.step in script:
                rng = random.Random(prompt.seed)
                return forced(model, self, prompt, script[prompt.step], rng)
            return await super().generate(prompt, sampling)

    script = {3: prune(2), 5: prune(4) + prune(3)}
    policy = Guided(model, without_tools(tokenizer))
    record = play(policy, context=context, steps=8, sampling=Sampling(max_tokens=5))
    assert len(record.steps) == (6 if context.name == "full" else 8)
    assert record.steps[-1].segment == (0 if context.name == "full" else 2)
    rows = rows_of([record], np.ones(len(record.steps)))
    learnt = learner_of(model).reinforce(rows, PPOClip(), temperature=1.0, lr=0.0, seed=0)
    assert learnt["mismatch"] < 1e-5
    assert learnt["ratio"] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("aggregation", ["token-mean", "seq-mean-token-sum", "seq-mean-token-mean"])
def test_a_trajectory_weighs_the_same_in_however_many_rows(renderer, aggregation):
    scripts = [["go"] * 6, ["go", "go", prune(2), "go", prune(3), "go hall", "go", "go", "go"]]
    records = [
        play(Speller(script, renderer), id=f"e{n}", sampling_seed=n)
        for n, script in enumerate(scripts)
    ]
    assert [t.steps[-1].segment for t in records] == [0, 2]
    tokens = [t.tokens for t in records]
    share = {
        "token-mean": [n / sum(tokens) for n in tokens],
        "seq-mean-token-sum": [n / 2 for n in tokens],
        "seq-mean-token-mean": [1 / 2, 1 / 2],
    }[aggregation]
    rows = rows_of(records, np.ones(sum(len(t.steps) for t in records)))
    weights = weigh(rows, aggregation)
    for number, total in enumerate(share):
        own = [w.weight.sum() for r, w in zip(rows, weights, strict=True) if r.family == number]
        assert len(own) == 1 + records[number].steps[-1].segment
        assert sum(own) == pytest.approx(total)


def test_demonstrations_are_learnt_in_the_context_that_was_edited(renderer):
    script = ["go", "go hall", prune(2), "go", "go", "go", "go"]
    policy = Speller(script, renderer)
    record = play(policy)
    rows = demonstration_rows([record], renderer, QUIET)
    assert len(rows) == 2
    own = [[i for i, m in zip(row.ids, row.mask, strict=True) if m] for row in rows]
    said = [
        [i for a in part for i in renderer.encode_action(a)] for part in (script[:3], script[3:])
    ]
    assert own == said
    assert renderer.decode(rows[1].ids) == renderer.decode(
        record.prompt_of(6) + record.steps[6].ids
    )
