"""Rollouts x context: what was sampled is trained once each, where it was sampled; no more."""

import random
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from editing import BROKEN, QUIET, Speller, Talk, call, prune, without_tools
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.context.context import FullHistory, Window
from agentgym.env.text_env import Task
from agentgym.rendering.renderer import ChatTemplate
from agentgym_trainers.learner.batches import weigh
from agentgym_trainers.learner.rows import rows_of
from agentgym_trainers.rollouts.aepo import AEPO
from agentgym_trainers.rollouts.arpo import ARPO
from agentgym_trainers.rollouts.independent import Independent

TASKS = [Task(id=name, split="train") for name in ("left", "right")]
LIMITS = {"limits": {"max_steps": 9}, "group_size": 5}
ROLLOUTS = [
    Independent(**LIMITS),
    ARPO(initial=2, probability=0.7, beam=3, **LIMITS),
    ARPO(initial=3, measured="before", **LIMITS),
    AEPO(probability=0.7, **LIMITS),
]
CONTEXTS = [FullHistory(), Window(turns=0), Window(turns=2), QUIET]
SAYINGS = [
    *("go", "go hall", "cellar"),
    *(prune(2), prune(2, 3), prune(4), prune(2) + prune(3), BROKEN[0]),
    *(call("write", key="k", text="go"), call("recall", key="k")),
]


class Chatter(Speller):
    """Says anything, as uncertain as it happens to be; keeps what it sampled."""

    def __init__(self, renderer):
        super().__init__(SAYINGS, renderer)
        self.function = lambda prompt: random.Random(prompt.seed).choice(SAYINGS)
        self.sampled = []

    async def generate(self, prompt, sampling):
        said = await super().generate(prompt, sampling)
        self.sampled.append((list(prompt.ids), list(said.ids), list(said.logprobs)))
        rng = random.Random(f"{prompt.seed}/entropies")
        return replace(said, entropies=[rng.random() for _ in said.ids])


@cache
def renderer():
    from agentgym_trainers.learner.tiny_model import tiny_tokenizer

    return ChatTemplate(without_tools(tiny_tokenizer(["go hall cellar"], 280)))


def gathered(rollouts, context, seed):
    policy = Chatter(renderer())
    play = lambda: rollouts.gather(Talk, policy, TASKS, seed=seed, context=context)  # noqa: E731
    return policy, [t for group in agentgym.run(play) for t in group.trajectories]


@pytest.mark.parametrize(
    ("rollouts", "context"),
    list(product(ROLLOUTS, CONTEXTS)),
    ids=lambda part: f"{part.name}-{getattr(part, 'turns', '')}{getattr(part, 'measured', '')}",
)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=4, deadline=None)
def test_each_sampled_token_is_trained_once_and_no_other(rollouts, context, seed):
    policy, episodes = gathered(rollouts, context, seed)
    assert len(episodes) == len(TASKS) * rollouts.group_size
    steps = sum(len(episode.steps) for episode in episodes)
    rows = rows_of(episodes, np.random.default_rng(seed).normal(size=steps))

    trained = []
    for row in rows:
        unmasked = [at for at, is_action in enumerate(row.mask) if is_action]
        assert unmasked == [at for action in row.actions for at in range(*action.ends)]
        for action in row.actions:
            a, b = action.ends
            trained.append((row.ids[:a], row.ids[a:b], row.logprobs[a:b]))
    assert sorted(trained) == sorted(policy.sampled)


@pytest.mark.parametrize("aggregation", ["token-mean", "seq-mean-token-mean", "seq-mean-token-sum"])
@given(
    rollouts=st.sampled_from(ROLLOUTS), context=st.sampled_from(CONTEXTS), seed=st.integers(0, 99)
)
@settings(max_examples=20, deadline=None)
def test_a_trajectory_weighs_what_it_weighs_alone(aggregation, rollouts, context, seed):
    _, episodes = gathered(rollouts, context, seed)
    owner = np.repeat(np.arange(len(episodes)), [len(episode.steps) for episode in episodes])
    lengths = np.array([sum(len(s.ids) for s in e.steps) for e in episodes], dtype=float)
    alone = {  # in a row of its own, of which nothing is shared
        "token-mean": lengths / lengths.sum(),
        "seq-mean-token-mean": np.full(len(episodes), 1 / len(episodes)),
        "seq-mean-token-sum": lengths / len(episodes),
    }
    for i in range(len(episodes)):  # the praise of this one and of no other
        rows = rows_of(episodes, (owner == i).astype(float))
        praise = sum(counts.positive.sum() for counts in weigh(rows, aggregation))
        assert praise == pytest.approx(alone[aggregation][i])
