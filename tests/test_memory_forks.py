"""Memory as action: a fork has the edits of its episode, and no environment hears of them."""

from functools import partial

import numpy as np
import pytest
from editing import BROKEN, Speller, call, play, prune, without_tools

import agentgym
from agentgym.context.memory import Memory
from agentgym.policy.scripted import ScriptedPolicy
from agentgym.rendering.renderer import ChatTemplate
from agentgym.rollouts.limits import Limits
from agentgym_trainers.learner.rows import rows_of


@pytest.fixture
def renderer(tokenizer):
    return ChatTemplate(without_tools(tokenizer))


def test_a_branch_has_the_edits_of_the_episode_that_it_left(renderer):
    script = ["go", "go hall", call("write", key="k", text="v"), prune(2, 3), "go"]
    script += [call("recall", key="k"), "go", "go"]
    policy, branches = Speller(script, renderer), []

    async def on_decision(episode):
        if len(episode.record.steps) in (4, 6):  # before the prune acts; long after it
            branches.append(await episode.fork(f"b{len(branches)}", sampling_seed=3))

    record = play(policy, id="root", sampling_seed=3, on_decision=on_decision)
    for branch, shared in zip(branches, (3, 5), strict=True):
        other = agentgym.run(branch.run, other_session(branch))
        assert other.branch_step == shared
        assert [s.action for s in other.steps] == [s.action for s in record.steps]
        assert other.steps[5].observation == "hall" and other.final_observation == "hall"
        assert [s.segment for s in other.steps] == [s.segment for s in record.steps]
        for i in range(len(record.steps)):
            assert other.prompt_of(i) == record.prompt_of(i)
        rows = rows_of([record, other], np.ones(2 * len(record.steps)))
        own = record.tokens + sum(len(s.ids) for s in other.steps[shared:])
        assert sum(sum(row.mask) for row in rows) == own


def other_session(branch):
    return f"session of {branch.record.id}"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("agentgym/Sokoban-v0", {"level": "easy"}),
        ("agentgym/WebShop-v0", {"level": "easy"}),
        ("agentgym/FrozenLake-v0", {}),
        ("agentgym/Household-v0", {"level": "easy"}),
    ],
)
def test_no_environment_sees_a_memory_call(name, options):
    env = agentgym.make(name, **options).unwrapped
    heard, step = [], env.step

    def listen(action):
        heard.append(action)
        return step(action)

    env.step = listen
    edits = {1: call("write", key="k", text="up"), 2: BROKEN[0], 4: prune(2, 3), 5: prune(99)}
    policy = ScriptedPolicy(lambda p: edits.get(p.step) or p.env.actions()[0])
    task = env.tasks("train")[0]
    run = partial(agentgym.rollout, env, policy, task, context=Memory())
    record = agentgym.run(run, limits=Limits(max_steps=8))
    assert record.failure is None
    played = [s.action for i, s in enumerate(record.steps) if i not in edits]
    assert heard == played and len(heard) == 4
    assert [record.steps[i].valid for i in edits] == [True, False, True, False]
    assert record.steps[3].anchor == record.steps[1].anchor  # the world stood still
