"""From trajectories to one update: every sampled token once, and nothing else."""

import math
import random
from copy import deepcopy
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import agentgym
from agentgym.context import FullHistory, Window
from agentgym.env import Task, TextEnv
from agentgym.errors import AgentGymError, BadInput
from agentgym.policy import Sampling
from agentgym.policy.local import LocalPolicy
from agentgym.renderer import ChatTemplate
from agentgym.trajectory import Step, StopReason, Trajectory
from agentgym_trainers.config import OptimizerConfig
from agentgym_trainers.engine.learner import Learner, logprobs
from agentgym_trainers.engine.rows import Row, demonstration_rows, micro_batches, rows_of
from agentgym_trainers.ppo_clip import PPOClip, token_weights

TASK = Task(id="t", split="train")
AGGREGATIONS = [
    "token-mean",
    "seq-mean-token-sum",
    "seq-mean-token-mean",
    "seq-mean-token-sum-norm",
]


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


def sampled_step(rng, segment, *, prompt=3, tokens=2):
    return Step(
        observation="o",
        action="a",
        reward=0.0,
        anchor="o",
        segment=segment,
        prompt_ids=[rng.randrange(6, 260) for _ in range(prompt)],
        ids=[rng.randrange(6, 260) for _ in range(tokens)],
        logprobs=[-rng.random() * 3 for _ in range(tokens)],
    )


def episode(rng, segments, **sizes):
    return Trajectory(
        id="e",
        group="g",
        task=TASK,
        stop_reason=StopReason.TERMINATED,
        steps=[sampled_step(rng, segment, **sizes) for segment in segments],
    )


def some_rows(count=6, seed=0, **changes):
    """Rows of different lengths and advantages; trajectories 0 and 1 have two rows each."""
    rng = random.Random(seed)
    episodes = [episode(rng, [0, 0, 1] if n < 2 else [0] * (n + 1)) for n in range(count)]
    advantages = [rng.uniform(-2, 2) for t in episodes for _ in t.steps]
    rows = rows_of(episodes, np.array(advantages))
    for row in rows:
        vars(row).update(changes)
    return rows


def learner_of(model, **options):
    return Learner(deepcopy(model), OptimizerConfig(**{"max_grad_norm": 1e9} | options))


def gradient(model, rows, *, temperature=1.0, objective=PPOClip(), **options):  # noqa: B008
    """What one update puts into the weights' gradients: with plain SGD of rate 1, their change."""
    learner = learner_of(model, **options)
    learner.optimizer = torch.optim.SGD(learner.model.parameters(), lr=1.0)
    learner.reinforce(rows, objective, temperature=temperature, lr=1.0, seed=0)
    return torch.cat(
        [
            (old - new).detach().flatten()
            for old, new in zip(model.parameters(), learner.model.parameters(), strict=True)
        ]
    )


def on_policy(model, rows, temperature=1.0):
    """The rows as if this model had sampled them."""
    for row in rows:
        _, found = full_forward(model, row, temperature)
        row.logprobs = [x if own else 0.0 for x, own in zip(found, row.mask, strict=True)]
    return rows


def full_forward(model, row, temperature):
    """Every logprob of a row from the whole vocabulary at every position, the plain way."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([row.ids])).logits[0] / temperature
    whole = torch.log_softmax(logits, dim=-1)
    follow = torch.tensor(row.ids[1:])
    return whole, [0.0, *whole[:-1].gather(1, follow[:, None])[:, 0].tolist()]


def one_batch(rows):
    weights = [torch.ones(len(row)) for row in rows]
    (batch,) = micro_batches(rows, weights, micro_tokens=10**9, device="cpu")
    return batch


def test_steps_that_extend_each_other_are_one_row():
    rows = rows_of([episode(random.Random(0), [0, 0, 0])], np.array([1.0, 2.0, 3.0]))
    assert len(rows) == 1
    assert rows[0].mask == [False, False, False, True, True] * 3
    trained = [a for a, own in zip(rows[0].advantages, rows[0].mask, strict=True) if own]
    assert trained == [1, 1, 2, 2, 3, 3]
    assert {a for a, own in zip(rows[0].advantages, rows[0].mask, strict=True) if not own} == {0}


def test_steps_with_prompts_of_their_own_are_rows_of_their_own():
    rows = rows_of([episode(random.Random(0), [0, 1, 2])], np.array([1.0, 2.0, 3.0]))
    assert [row.trajectory for row in rows] == [0, 0, 0]
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
    for shape in shapes:
        record, segment = episode(rng, []), 0
        for anew, prompt, tokens in shape:
            segment += bool(anew and record.steps)
            record.steps.append(sampled_step(rng, segment, prompt=1 + prompt, tokens=tokens))
        episodes.append(record)
    steps = [(n, i) for n, record in enumerate(episodes) for i in range(len(record.steps))]
    rows = rows_of(episodes, np.arange(1.0, len(steps) + 1))
    found = []
    for row in rows:
        assert len(row.ids) == len(row.mask) == len(row.logprobs) == len(row.advantages)
        for at, own in enumerate(row.mask):
            if own:
                before, values = row.ids[:at], (row.ids[at], row.logprobs[at], row.advantages[at])
                found.append((row.trajectory, before, *values))
            else:
                assert row.advantages[at] == row.logprobs[at] == 0.0
    expected = []
    for number, (n, i) in enumerate(steps, start=1):
        step, prompt = episodes[n].steps[i], episodes[n].prompt_of(i)
        for k, (token, logprob) in enumerate(zip(step.ids, step.logprobs, strict=True)):
            expected.append((n, prompt + step.ids[:k], token, logprob, number))
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


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.3])
def test_logprobs_and_entropies_equal_a_plain_forward_pass(model, temperature):
    rows = some_rows()
    with torch.no_grad():
        found, entropy = logprobs(model, one_batch(rows), temperature)
    for i, row in enumerate(sorted(rows, key=len)):
        whole, expected = full_forward(model, row, temperature)
        plain = (-(whole.exp() * whole).sum(-1)).tolist()
        for at, own in enumerate(row.mask):
            assert found[i, at].item() == pytest.approx(expected[at] if own else 0.0, abs=1e-5)
            assert entropy[i, at].item() == pytest.approx(plain[at - 1] if own else 0.0, abs=1e-5)
        assert not found[i, len(row) :].any()


def test_a_prompt_may_be_one_token_and_what_nothing_precedes_has_no_logprob(model):
    short, bare = Row(0), Row(1)
    short.add_context([9])
    for row in (short, bare):
        row.add_sampled([10, 20, 30], [0.0] * 3, 1.0)
    with torch.no_grad():
        found, _ = logprobs(model, one_batch([short, bare]))
    by_length = dict(zip((3, 4), found, strict=True))
    assert by_length[4].tolist() == pytest.approx(full_forward(model, short, 1.0)[1], abs=1e-5)
    assert by_length[3][:3].tolist() == pytest.approx(full_forward(model, bare, 1.0)[1], abs=1e-5)


@pytest.mark.parametrize("context", [FullHistory(), Window(turns=1)], ids=lambda c: c.kind)
@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_what_the_policy_sampled_is_what_the_learner_sees(model, tokenizer, context, temperature):
    policy = LocalPolicy(model, tokenizer)
    sampling = Sampling(temperature=temperature, max_tokens=6)
    play = agentgym.run(agentgym.rollout, Rooms(), policy, TASK, context=context, sampling=sampling)
    rows = rows_of([play], np.ones(4))
    assert len(rows) == (1 if context.kind == "full" else 3)  # the first two steps show everything
    assert sum(sum(row.mask) for row in rows) == play.tokens
    learnt = learner_of(model).reinforce(rows, PPOClip(), temperature=temperature, lr=0.0, seed=0)
    assert learnt["mismatch"] < 1e-5
    assert learnt["ratio"] == pytest.approx(1.0, abs=1e-5)
    entropies = [x for step in play.steps for x in step.entropies]
    assert learnt["entropy"] == pytest.approx(np.mean(entropies), abs=1e-4)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_one_row_for_a_trajectory_is_one_row_for_each_step(model, aggregation):
    rng = random.Random(1)
    joined = [episode(rng, [0] * steps) for steps in (3, 1, 2)]
    split = deepcopy(joined)
    for together, apart in zip(joined, split, strict=True):
        for i, step in enumerate(apart.steps):
            step.segment, step.prompt_ids = i, together.prompt_of(i)
    advantages = np.array([1.0, -0.5, 2.0, -1.0, 0.3, 0.7])
    objective = PPOClip(aggregation=aggregation, max_length=32)
    gradients = []
    for episodes, rows in ((joined, 3), (split, 6)):
        made = on_policy(model, rows_of(episodes, advantages))
        assert len(made) == rows
        gradients.append(gradient(model, made, objective=objective))
    assert gradients[0].abs().max() > 1e-3
    assert torch.allclose(*gradients, atol=1e-5)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_micro_batches_add_up_to_one_big_batch(model, aggregation):
    rows = on_policy(model, some_rows())
    objective = PPOClip(aggregation=aggregation, entropy_coef=0.01, max_length=64)
    big = gradient(model, rows, objective=objective, micro_tokens=10**6)
    for micro_tokens in (1, 25, 60):
        small = gradient(model, rows, objective=objective, micro_tokens=micro_tokens)
        assert torch.allclose(small, big, atol=1e-6, rtol=1e-4)
    assert big.abs().max() > 1e-3


def test_micro_batches_keep_to_their_size_and_lose_no_row():
    rows = some_rows()
    weights = [torch.full((len(row),), float(i)) for i, row in enumerate(rows)]
    batches = list(micro_batches(rows, weights, micro_tokens=30, device="cpu"))
    assert all(batch.ids.numel() <= 30 or len(batch.ids) == 1 for batch in batches)
    found = {int(w) for batch in batches for w in batch.weights[:, 0]}
    assert found == set(range(len(rows)))


def test_what_stands_beside_sampled_tokens_in_a_row_does_not_matter(model):
    """A prompt token has no label: no advantage, logprob or weight of its own reaches the loss."""
    rows = on_policy(model, some_rows())
    changed = deepcopy(rows)
    for row in changed:
        for at, own in enumerate(row.mask):
            if not own:
                row.logprobs[at], row.advantages[at] = -123.0, 99.0
    assert torch.equal(gradient(model, rows), gradient(model, changed))


def test_the_last_token_of_a_row_is_a_label_only_when_it_was_sampled(model):
    """Environment text behind the last sampled token changes nothing, whatever it says."""
    rows = on_policy(model, some_rows())
    before = gradient(model, rows)
    for filler in ([7], [8, 9, 250]):
        longer = deepcopy(rows)
        for row in longer:
            row.add_context(filler)
        assert torch.allclose(gradient(model, longer), before, atol=1e-6)


def test_rows_of_prompts_alone_leave_the_weights_exactly_as_they_are(model):
    rows = [Row(n) for n in range(2)]
    for n, row in enumerate(rows):
        row.add_context([10 + n, 20, 30, 40])
    assert not gradient(model, rows).any()


def test_a_step_without_advantage_has_no_gradient(model):
    rows = on_policy(model, some_rows())
    for row in rows:
        row.advantages = [0.0] * len(row)
    assert not gradient(model, rows).any()


def test_an_update_makes_good_tokens_likelier_and_bad_ones_rarer(model):
    rows = on_policy(model, some_rows())
    for row in rows:
        sign = 1.0 if row.trajectory % 2 else -1.0
        row.advantages = [sign * own for own in row.mask]
    learner = learner_of(model)
    for step in range(5):
        learner.reinforce(rows, PPOClip(), temperature=1.0, lr=1e-3, seed=step)
    after = on_policy(learner.model, deepcopy(rows))
    change = {
        sign: sum(
            sum(new.logprobs) - sum(old.logprobs)
            for old, new in zip(rows, after, strict=True)
            if (1 if old.trajectory % 2 else -1) == sign
        )
        for sign in (1, -1)
    }
    assert change[1] > 0 > change[-1]


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_leaves_the_weights_and_says_so(model, broken):
    rows = on_policy(model, some_rows())
    learner = learner_of(model)
    learner.reinforce(rows, PPOClip(), temperature=1.0, lr=1e-3, seed=0)
    before = deepcopy(learner.model.state_dict())
    moments = deepcopy(learner.optimizer.state_dict()["state"])
    bad = deepcopy(rows)
    at = bad[2].mask.index(True)
    bad[2].advantages[at] = broken
    with pytest.raises(AgentGymError, match=r"it was not made"):
        learner.reinforce(bad, PPOClip(), temperature=1.0, lr=1e-3, seed=0)
    after = learner.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    for number, state in learner.optimizer.state_dict()["state"].items():
        assert torch.equal(state["exp_avg"], moments[number]["exp_avg"])
    assert not learner.model.training
    assert all(p.grad is None or not p.grad.any() for p in learner.model.parameters())


def test_an_update_that_was_interrupted_leaves_nothing_to_the_next(model):
    """Out of memory in the second micro-batch: the gradient of the first must not stay."""
    rows = on_policy(model, some_rows())
    clean, shaken = learner_of(model, micro_tokens=25), learner_of(model, micro_tokens=25)
    calls = iter(range(100))

    def breaks(new, _entropy, batch):
        if next(calls) == 1:
            raise RuntimeError("out of memory")
        return -new * batch.mask, {}

    with pytest.raises(RuntimeError, match="out of memory"):
        shaken.update(rows, breaks, lr=1e-3)
    assert not shaken.model.training
    for learner in (clean, shaken):
        learner.imitate(rows, lr=1e-3)
    for one, other in zip(clean.model.parameters(), shaken.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_reference_term_is_zero_at_the_start_and_pulls_back_later(model):
    rows = on_policy(model, some_rows())
    learner = Learner(deepcopy(model), OptimizerConfig(), reference=deepcopy(model))
    objective = PPOClip(kl_coef=0.5, kl_form="k3")
    first = learner.reinforce(rows, objective, temperature=1.0, lr=1e-2, seed=0)
    assert first["reference_kl"] == pytest.approx(0.0, abs=1e-9)
    second = learner.reinforce(rows, objective, temperature=1.0, lr=1e-2, seed=0)
    assert second["reference_kl"] > 1e-4
    for row in rows:
        row.advantages = [0.0] * len(row)
    divergence = [
        learner.reinforce(rows, objective, temperature=1.0, lr=1e-3, seed=0)["reference_kl"]
        for _ in range(15)
    ]
    assert divergence[-1] < divergence[0] / 2


def test_the_entropy_bonus_raises_entropy(model):
    rows = on_policy(model, some_rows())
    for row in rows:
        row.advantages = [0.0] * len(row)
    learner = learner_of(model)
    measured = [
        learner.reinforce(rows, PPOClip(entropy_coef=1.0), temperature=1.0, lr=1e-3, seed=0)
        for _ in range(5)
    ]
    assert measured[-1]["entropy"] > measured[0]["entropy"]


def test_minibatches_and_epochs_use_every_trajectory_as_a_whole(model):
    """Rows of one trajectory stay in one minibatch: their weights are made together."""
    seen = []

    class Watched(Learner):
        def update(self, rows, *arguments, **options):
            seen.append([row.trajectory for row in rows])
            return super().update(rows, *arguments, **options)

    rows = some_rows()
    learner = Watched(deepcopy(model), OptimizerConfig(minibatches=2, epochs=2))
    learner.reinforce(rows, PPOClip(), temperature=1.0, lr=0.0, seed=3)
    assert len(seen) == 4
    for epoch in (seen[:2], seen[2:]):
        assert sorted(epoch[0] + epoch[1]) == sorted(row.trajectory for row in rows)
        assert not set(epoch[0]) & set(epoch[1])
    assert seen[:2] != seen[2:]


def test_imitation_is_the_mean_negative_log_likelihood_of_a_demonstrated_token(model):
    rows = on_policy(model, some_rows())
    trained = [x for row in rows for x, own in zip(row.logprobs, row.mask, strict=True) if own]
    loss = learner_of(model, micro_tokens=25).imitate(rows, lr=0.0)["loss"]
    assert loss == pytest.approx(-np.mean(trained), abs=1e-5)


@pytest.mark.parametrize("context", [FullHistory(), Window(turns=1)], ids=lambda c: c.kind)
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
    mask = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(row.mask) for row in rows], batch_first=True
    )
    of = torch.tensor([row.trajectory for row in rows])
    weights = token_weights(mask, "seq-mean-token-mean", sequence=of)
    for number in set(of.tolist()):
        assert weights[of == number].sum().item() == pytest.approx(1 / 6)
