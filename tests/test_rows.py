"""From trajectories to rows: every sampled token once, behind what it was sampled from."""

import random
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from made_rows import TASK, episode, learner_of, sampled_step, some_rows

import agentgym
from agentgym.context.context import FullHistory, Window
from agentgym.env.text_env import TextEnv
from agentgym.errors import BadInput
from agentgym.policy import Sampling
from agentgym.policy.local import LocalPolicy
from agentgym.rendering.renderer import ChatTemplate
from agentgym_trainers.learner.batches import micro_batches, weigh
from agentgym_trainers.learner.rows import demonstration_rows, rows_of
from agentgym_trainers.objectives.ppo_clip import PPOClip


class Rooms(TextEnv):
    """Four steps through numbered rooms; every second step is rewarded."""

    system_prompt = "You walk through a house."
    observations: ClassVar = ["You are in the kitchen.", "hall", "You are in the hall.", "garden"]

    def reset(self, *, seed=None, options=None):
        self.place = 0
        return self.observations[0], {}

    def step(self, action):
        self.place += 1
        done = self.place == len(self.observations)
        return "the end" if done else self.observations[self.place], self.place % 2, done, False, {}


def test_steps_that_extend_each_other_are_one_row():
    rows = rows_of([episode(random.Random(0), [0, 0, 0])], np.array([1.0, 2.0, 3.0]))
    assert len(rows) == 1
    assert rows[0].mask == [False, False, False, True, True] * 3
    assert [(a.ends, a.advantages.tolist()) for a in rows[0].actions] == [
        ((3, 5), [[1, 1]]),
        ((8, 10), [[2, 2]]),
        ((13, 15), [[3, 3]]),
    ]


def test_steps_with_prompts_of_their_own_are_rows_of_their_own():
    rows = rows_of([episode(random.Random(0), [0, 1, 2])], np.array([1.0, 2.0, 3.0]))
    assert [row.family for row in rows] == [0, 0, 0]
    assert [row.mask for row in rows] == [[False, False, False, True, True]] * 3


@given(
    st.lists(
        st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(1, 4)), max_size=5),
        min_size=1,
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=100, deadline=None)
def test_rows_hold_every_sampled_token_once_behind_its_whole_prompt(shapes, rng):
    """For any episodes: some steps extend the last, some begin anew; some episodes are empty."""
    episodes = []
    for place, shape in enumerate(shapes):
        record, segment = episode(rng, [], name=f"e{place}"), 0
        for anew, prompt, tokens in shape:
            segment += bool(anew and record.steps)
            record.steps.append(sampled_step(rng, segment, prompt=1 + prompt, tokens=tokens))
        episodes.append(record)
    steps = [(n, i) for n, record in enumerate(episodes) for i in range(len(record.steps))]
    rows = rows_of(episodes, np.arange(1.0, len(steps) + 1))
    found = []
    for row in rows:
        assert len(row.ids) == len(row.mask) == len(row.logprobs) == len(row.importance)
        places = [at for action in row.actions for at in range(*action.ends)]
        assert places == [at for at, own in enumerate(row.mask) if own]
        for action in row.actions:
            for at, advantage in zip(range(*action.ends), action.advantages[0], strict=True):
                values = (row.ids[at], row.logprobs[at], advantage)
                found.append((action.trajectories, row.ids[:at], *values))
        assert not any(x for x, own in zip(row.logprobs, row.mask, strict=True) if not own)
    expected = []
    for number, (n, i) in enumerate(steps, start=1):
        step, prompt = episodes[n].steps[i], episodes[n].prompt_of(i)
        for k, (token, logprob) in enumerate(zip(step.ids, step.logprobs, strict=True)):
            expected.append(([n], prompt + step.ids[:k], token, logprob, number))
    assert found == expected


def test_a_step_without_ids_or_logprobs_cannot_be_trained_on():
    record = episode(random.Random(0), [0])
    record.steps[0].ids, record.steps[0].logprobs = [], []
    with pytest.raises(BadInput, match="0 sampled ids"):
        rows_of([record], np.ones(1))
    record.steps[0].ids = [3, 4]
    with pytest.raises(BadInput, match="2 sampled ids and 0 logprobs"):
        rows_of([record], np.ones(1))


@pytest.mark.parametrize("count", [1, 3])
def test_advantages_that_do_not_fit_the_steps_are_refused(count):
    with pytest.raises(BadInput, match=f"{count} advantages for 2 steps"):
        rows_of([episode(random.Random(0), [0, 0])], np.ones(count))


@pytest.mark.parametrize("context", [FullHistory(), Window(turns=1)], ids=lambda c: c.name)
@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_what_the_policy_sampled_is_what_the_learner_sees(model, tokenizer, context, temperature):
    policy = LocalPolicy(model, tokenizer)
    sampling = Sampling(temperature=temperature, max_tokens=6)
    play = agentgym.run(agentgym.rollout, Rooms(), policy, TASK, context=context, sampling=sampling)
    rows = rows_of([play], np.ones(4))
    assert len(rows) == (1 if context.name == "full" else 3)  # the first two steps show everything
    assert sum(sum(row.mask) for row in rows) == play.tokens
    learnt = learner_of(model).reinforce(rows, PPOClip(), temperature=temperature, lr=0.0, seed=0)
    assert learnt["mismatch"] < 1e-5
    assert learnt["ratio"] == pytest.approx(1.0, abs=1e-5)
    entropies = [x for step in play.steps for x in step.entropies]
    assert learnt["entropy"] == pytest.approx(np.mean(entropies), abs=1e-4)


def test_micro_batches_keep_to_their_size_and_lose_no_row():
    rows = some_rows()
    weights = weigh(rows, "token-mean")
    batches = list(micro_batches(rows, weights, micro_tokens=30, device="cpu"))
    assert all(batch.ids.numel() <= 30 or len(batch.ids) == 1 for batch in batches)
    assert sorted(n for batch in batches for n in batch.numbers) == list(range(len(rows)))


@pytest.mark.parametrize("context", [FullHistory(), Window(turns=1)], ids=lambda c: c.name)
def test_demonstrations_are_rendered_as_the_policy_would_meet_them(model, tokenizer, context):
    """Text recorded from the policy itself comes back as the ids that it sampled."""
    demonstrator = agentgym.ScriptedPolicy(lambda prompt: "go hall")
    record = agentgym.run(agentgym.rollout, Rooms(), demonstrator, TASK)
    rows = demonstration_rows([record], ChatTemplate(tokenizer), context)

    policy = LocalPolicy(model, tokenizer)
    played = agentgym.run(agentgym.rollout, Rooms(), policy, TASK, context=context)
    assert len(rows) == 1 + max(step.segment for step in played.steps)
    action = [*tokenizer.encode("go hall"), tokenizer.eos_token_id]
    for row in rows:
        own = [i for i, mine in zip(row.ids, row.mask, strict=True) if mine]
        assert own == action * (len(own) // len(action))
    first = played.steps[0].prompt_ids
    assert rows[0].ids[: len(first)] == first
    assert sum(sum(row.mask) for row in rows) == 4 * len(action)


def test_token_weights_of_a_minibatch_are_those_of_its_trajectories():
    rows = some_rows()
    total = dict.fromkeys(range(6), 0.0)
    for row, counts in zip(rows, weigh(rows, "seq-mean-token-mean"), strict=True):
        assert not counts.weight[~np.array(row.mask)].any()
        total[row.family] += counts.weight.sum()
    assert total == pytest.approx(dict.fromkeys(range(6), 1 / 6))
