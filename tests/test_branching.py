"""Trees of rollouts: budgets, ancestry, exact copies, and when a path branches."""

import math
import zlib
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from made_rows import TASK, sampled_step

import agentgym
from agentgym.context.context import FullHistory, Window
from agentgym.env.text_env import Task, TextEnv
from agentgym.errors import BadInput
from agentgym.policy.local import LocalPolicy
from agentgym.rollouts.workers import Workers
from agentgym.trajectory import Group, Step, StopReason, Trajectory
from agentgym_trainers.learner.batches import weigh
from agentgym_trainers.learner.rows import rows_of
from agentgym_trainers.rollouts.aepo import AEPO
from agentgym_trainers.rollouts.arpo import ARPO
from agentgym_trainers.rollouts.tree import Tree

TASKS = [Task(id=f"t{i}", split="train") for i in range(3)]
SHORT = {"sampling": {"max_tokens": 5}}


class Ledger(TextEnv):
    """Any text is an action; the observation is a checksum of all of them, after five it ends."""

    system_prompt = "Answer with one word."

    def reset(self, *, seed=None, options=None):
        self.sum, self.steps = zlib.crc32(f"{seed}".encode()), 0
        return f"{self.sum % 1000}", {}

    def step(self, action):
        self.sum, self.steps = zlib.crc32(action.encode(), self.sum), self.steps + 1
        done = self.steps == 5
        return f"{self.sum % 1000}", float(self.sum % 7) * done, done, False, {}


class Stuck(Ledger):
    """Cannot be copied once it is under way."""

    def fork(self):
        raise NotImplementedError("there is but one of me")


def gathered(rule, model, tokenizer, *, env=Ledger, tasks=TASKS, context=None, seed=3):
    policy = LocalPolicy(model, tokenizer)
    play = lambda: rule.gather(  # noqa: E731
        env, policy, tasks, seed=seed, context=context or FullHistory()
    )
    return agentgym.run(play)


RULES = [
    ARPO(group_size=7, initial=2, probability=0.6, **SHORT),
    ARPO(group_size=7, initial=2, probability=0.6, beam=4, concurrency=2, **SHORT),
    ARPO(group_size=6, initial=5, measured="before", **SHORT),
    AEPO(group_size=7, probability=0.6, **SHORT),
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("context", [FullHistory(), Window(turns=1)], ids=lambda c: c.name)
def test_every_path_of_a_tree_is_an_episode_of_the_environment(rule, context, model, tokenizer):
    """Each leaf, played again from the start by its actions alone, says and earns the same."""
    groups = gathered(rule, model, tokenizer, context=context)
    assert [group.task.id for group in groups] == ["t0", "t1", "t2"]
    for group in groups:
        assert len(group.trajectories) == rule.group_size
        leaves = {leaf.id: leaf for leaf in group.trajectories}
        assert len(leaves) == rule.group_size
        for leaf in leaves.values():
            assert leaf.stop_reason is StopReason.TERMINATED
            env = Ledger()
            observation, _ = env.reset(seed=leaf.seed)
            for step in leaf.steps:
                assert step.observation == observation
                observation, reward, *_ = env.step(step.action)
                assert step.reward == reward
            assert leaf.final_observation == observation
            if not leaf.parent:
                assert leaf.branch_step == 0
                assert not any(step.sampled_by for step in leaf.steps)
                continue
            parent, shared = leaves[leaf.parent], leaf.branch_step
            assert 0 < shared < 5
            for own, copy in zip(parent.steps[:shared], leaf.steps[:shared], strict=True):
                assert copy.sampled_by == (own.sampled_by or parent.id)
                assert copy.ids == own.ids
                assert copy.logprobs == own.logprobs
            assert not any(step.sampled_by for step in leaf.steps[shared:])
            assert leaf.branch_token == len(leaf.prompt_of(shared))
            assert leaf.prompt_of(shared) == parent.prompt_of(shared)


@pytest.mark.parametrize("rule", RULES)
def test_the_same_seed_grows_the_same_trees(rule, model, tokenizer):
    def told(groups):
        return [
            (t.id, t.parent, t.branch_step, [(s.ids, s.logprobs) for s in t.steps])
            for group in groups
            for t in group.trajectories
        ]

    first = told(gathered(rule, model, tokenizer))
    assert told(gathered(rule, model, tokenizer)) == first
    assert told(gathered(rule, model, tokenizer, seed=4)) != first


def roots(group):
    return [t for t in group.trajectories if not t.parent]


def test_a_budget_that_no_branch_uses_starts_from_the_beginning_at_once(model, tokenizer):
    rule = ARPO(group_size=6, initial=2, probability=0.0, entropy_weight=0.0, **SHORT)
    for group in gathered(rule, model, tokenizer):
        assert len(roots(group)) == 6


def test_a_path_branches_at_each_decision_but_the_first_and_its_own(model, tokenizer):
    """With probability 1 one root makes a branch before its decisions 1 to 4, and so do these."""
    rule = ARPO(group_size=64, initial=1, probability=1.0, entropy_weight=0.0, **SHORT)
    (group,) = gathered(rule, model, tokenizer, tasks=TASKS[:1])
    (root, second) = roots(group)[:2]
    tree = [t for t in group.trajectories if t.id == root.id or _grew_from(t, root, group)]
    assert len(tree) == 2**4
    places = sorted(t.branch_step for t in group.trajectories if t.parent == root.id)
    assert places == [1, 2, 3, 4]
    for t in tree:
        own = [other.branch_step for other in tree if other.parent == t.id]
        assert sorted(own) == list(range(t.branch_step + 1, 5))
    assert second.id == f"{group.id}/16"


def _grew_from(leaf, root, group):
    by_id = {t.id: t for t in group.trajectories}
    while leaf.parent:
        leaf = by_id[leaf.parent]
    return leaf is root


def test_branches_are_as_frequent_as_the_rule_says(model, tokenizer):
    """Of the decisions of 40 trees 0.3 branch, give or take four standard deviations."""
    rule = ARPO(group_size=1000, initial=40, probability=0.3, entropy_weight=0.0, **SHORT)
    (group,) = gathered(rule, model, tokenizer, tasks=TASKS[:1])
    first = roots(group)[:40]
    grown = [t for t in group.trajectories if any(_grew_from(t, root, group) for root in first)]
    could = sum(4 - t.branch_step for t in grown)
    did = sum(bool(t.parent) for t in grown)
    assert did > 30
    assert abs(did - 0.3 * could) < 4 * math.sqrt(0.21 * could)


def entropic(*entropies):
    """A path whose decisions have these entropies at each of their tokens."""
    steps = [
        Step(observation="", action="", anchor="", ids=[1, 2], logprobs=[-1, -1], entropies=[h, h])
        for h in entropies
    ]
    return Trajectory(id="p", group="g", task=TASK, steps=steps, stop_reason="terminated")


def planted(rule, model, tokenizer):
    """A tree of which nothing has grown yet; its vocabulary is e^4, so that ln V = 4."""
    workers = Workers(
        Ledger,
        LocalPolicy(model, tokenizer),
        concurrency=1,
        planned=rule.group_size,
        max_failures=0,
    )
    tree = Tree(rule, workers, Group(id="g", task=TASK), 0, 0, FullHistory())
    tree.vocabulary = math.exp(4)
    return tree


@pytest.mark.parametrize(
    ("settings", "chance"),
    [
        ({}, 0.5 + 0.2 * (2 - 1) / 4),
        ({"entropy_weight": 4.0}, 1.0),  # 0.5 + 1 is clipped
        ({"measured": "before"}, 0.5 + 0.2 * (0.4 - 1) / 4),
        ({"entropy_of": "sum"}, 0.5 + 0.2 * 2 * (2 - 1) / 4),
        ({"entropy_tokens": 1, "entropy_of": "sum"}, 0.5 + 0.2 * (2 - 1) / 4),
        ({"probability": 0.0, "measured": "before"}, 0.0),
    ],
)
def test_the_chance_to_branch_worked_by_hand(settings, chance, model, tokenizer):
    rule = ARPO(**settings)
    path = entropic(1.0, 0.4, 2.0)
    assert rule.chance(planted(rule, model, tokenizer), path) == pytest.approx(chance)


def test_a_policy_that_tells_no_entropies_cannot_branch(model, tokenizer):
    path = entropic(1.0, 0.4)
    path.steps[1].entropies = []
    with pytest.raises(BadInput, match="entropy_top"):
        ARPO().chance(planted(ARPO(), model, tokenizer), path)


@pytest.mark.parametrize(
    ("entropies", "fresh"),
    [
        ((1.0, 1.0, 1.0), 7),  # no gap: half of 16, one of which has been played
        ((4.0, 0.0, 0.0), 15),  # the question is uncertain: sigmoid(4) = .982 of 16 is 16
        ((0.0, 4.0, 4.0), 1),  # the tools are: sigmoid(-4) = .018; at least one more
        ((0.0, 1.6, 2.4), 1),  # sigmoid(-2) = .119 of 16 is 2
    ],
)
def test_aepo_splits_the_budget_by_what_it_monitored(entropies, fresh, model, tokenizer):
    rule = AEPO(group_size=16, sensitivity=4.0)
    tree = planted(rule, model, tokenizer)
    assert rule.roots(tree) == 1
    tree.started, tree.ended[0] = 1, entropic(*entropies)
    assert rule.chance(tree, tree.ended[0]) == 0
    assert rule.roots(tree) == fresh
    tree.started = 1 + fresh
    assert rule.roots(tree) == 15 - fresh


def test_aepo_survives_any_sensitivity(model, tokenizer):
    rule = AEPO(group_size=16, sensitivity=1e6, entropy_of="sum")
    tree = planted(rule, model, tokenizer)
    tree.started, tree.ended[0] = 1, entropic(0.0, 4.0, 4.0)
    assert rule.roots(tree) == 1


def test_aepo_branches_the_less_the_more_often_in_a_row_a_path_did(model, tokenizer):
    rule = AEPO(group_size=16, penalty=0.25, entropy_weight=0.0)
    tree = planted(rule, model, tokenizer)
    tree.started = 9
    chances = []
    for tree.streak["p"] in range(6):
        chances.append(rule.chance(tree, entropic(1.0, 1.0)))
    assert chances == pytest.approx([0.5, 0.375, 0.25, 0.125, 0.0, 0.0])


def test_the_first_episode_of_aepo_only_monitors(model, tokenizer):
    rule = AEPO(group_size=8, probability=1.0, **SHORT)
    for group in gathered(rule, model, tokenizer):
        first, *others = group.trajectories
        assert not [t for t in others if t.parent == first.id]
        assert [t for t in others if t.parent]


def test_an_environment_that_cannot_fork_costs_the_episode_that_asked(model, tokenizer):
    rule = ARPO(group_size=6, initial=3, probability=1.0, max_failures=1.0, **SHORT)
    for group in gathered(rule, model, tokenizer, env=Stuck):
        assert len(group.trajectories) == 6
        for t in group.trajectories:
            if t.failure:
                assert (t.failure.boundary, t.failure.type) == (
                    "environment",
                    "NotImplementedError",
                )
        assert any(t.failure for t in group.trajectories)


def grown(shape, windows, rng):
    """A tree by hand: each path branches off one before it, after one of its steps."""
    made: list[Trajectory] = []
    for number, (parent, at) in enumerate(shape):
        leaf = Trajectory(id=f"{number}", group="g", task=TASK, stop_reason="terminated")
        if made:
            above = made[parent % len(made)]
            leaf.parent, leaf.branch_step = above.id, min(1 + at, len(above.steps) - 1)
            for step in above.steps[: leaf.branch_step]:
                copied = deepcopy(step)
                copied.sampled_by = step.sampled_by or above.id
                leaf.steps.append(copied)
        for _ in range(rng.randint(1, 3) + (not made)):
            segment = len(leaf.steps) if windows else 0
            leaf.steps.append(sampled_step(rng, segment, tokens=rng.randint(1, 3)))
        made.append(leaf)
    return made


trees = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), min_size=1, max_size=7)


@given(trees, st.booleans(), st.randoms(use_true_random=False), st.integers(0, 7))
@settings(max_examples=150, deadline=None)
def test_rows_of_any_tree_train_each_sampled_token_once(shape, windows, rng, dropped):
    """Of random trees, some of whose paths failed and were dropped; with and without windows."""
    made = grown(shape, windows, rng)
    kept = [leaf for leaf in made if leaf.id != str(dropped)] or made
    pairs = [(leaf, i) for leaf in kept for i in range(len(leaf.steps))]
    advantages = np.array([rng.uniform(-1, 1) for _ in pairs])

    expected: dict = {}
    for (leaf, i), advantage in zip(pairs, advantages, strict=True):
        step, prompt = leaf.steps[i], leaf.prompt_of(i)
        for k, (token, logprob) in enumerate(zip(step.ids, step.logprobs, strict=True)):
            place = (step.sampled_by or leaf.id, i, k)
            own = (tuple(prompt + step.ids[:k]), token, logprob)
            assert expected.setdefault(place, (own, []))[0] == own
            expected[place][1].append(advantage)

    rows, found = rows_of(kept, advantages), []
    for row in rows:
        for action in row.actions:
            for k, at in enumerate(range(*action.ends)):
                own = (tuple(row.ids[:at]), row.ids[at], row.logprobs[at])
                found.append((own, action.advantages[:, k].tolist()))
        assert sum(row.mask) == sum(a.advantages.shape[1] for a in row.actions)
    assert sorted(found) == sorted(expected.values())

    total = np.zeros(len(kept))
    for row, counts in zip(rows, weigh(rows, "token-mean"), strict=True):
        for action in row.actions:
            each = counts.weight[slice(*action.ends)].sum() / len(action.trajectories)
            total[action.trajectories] += each
    lengths = np.array([sum(len(step.ids) for step in leaf.steps) for leaf in kept])
    assert total == pytest.approx(lengths / lengths.sum())  # as if each had been played alone
    assert sum(c.weight.sum() for c in weigh(rows, "seq-mean-token-mean")) == pytest.approx(1)
