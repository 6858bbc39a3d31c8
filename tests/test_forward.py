"""The forward pass of training: the numbers of a plain one, whatever it saves or leaves frozen."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from made_rows import (
    full_forward,
    gradient,
    learner_of,
    on_policy,
    one_batch,
    small_llama,
    some_rows,
)

from agentgym_trainers.config import OptimizerConfig
from agentgym_trainers.learner.forward import logprobs, without_adapters
from agentgym_trainers.learner.learner import Learner
from agentgym_trainers.learner.rows import Row
from agentgym_trainers.objectives.ppo_clip import PPOClip

REINFORCE = {"temperature": 1.0, "lr": 1e-2, "seed": 0}


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
        row.add_sampled([10, 20, 30], [0.0] * 3, [0], [], np.ones((1, 3)))
    with torch.no_grad():
        found, _ = logprobs(model, one_batch([short, bare]))
    by_length = dict(zip((3, 4), found, strict=True))
    assert by_length[4].tolist() == pytest.approx(full_forward(model, short, 1.0)[1], abs=1e-5)
    assert by_length[3][:3].tolist() == pytest.approx(full_forward(model, bare, 1.0)[1], abs=1e-5)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("adapters", [False, True])
@pytest.mark.parametrize("micro_tokens", [20, 10**6])
def test_the_learner_says_how_likely_rows_are_in_their_own_order(tied, adapters, micro_tokens):
    model = small_llama(tied=tied, adapters=adapters)
    rows = some_rows()[::-1]
    found = learner_of(model, micro_tokens=micro_tokens).logprobs(rows, 0.8)
    for row, values in zip(rows, found, strict=True):
        _, expected = full_forward(model, row, 0.8)
        own = [x if own else 0.0 for x, own in zip(expected, row.mask, strict=True)]
        assert values == pytest.approx(own, abs=1e-5)


def test_adapters_are_trained_and_the_rest_stays_to_the_last_bit():
    model = small_llama(adapters=True)
    rows = on_policy(model, some_rows())
    learner = learner_of(model, max_grad_norm=1e-3)
    learnt = learner.reinforce(rows, PPOClip(), **REINFORCE)
    for (name, old), new in zip(model.named_parameters(), learner.model.parameters(), strict=True):
        assert torch.equal(old, new) == ("lora_" not in name), name
    held = {id(x) for group in learner.optimizer.param_groups for x in group["params"]}
    assert held == {id(x) for name, x in learner.model.named_parameters() if "lora_" in name}
    assert learnt["grad_norm"] == pytest.approx(gradient(model, rows).norm().item(), rel=1e-5)


def test_a_model_with_its_adapters_off_is_its_own_reference():
    """As good as a second copy, step by step, and training goes on as if it had not been asked."""
    model, objective = small_llama(adapters=True), PPOClip(kl_coef=0.3)
    with without_adapters(model):
        start = on_policy(model, some_rows())
    assert on_policy(model, some_rows())[0].logprobs != start[0].logprobs
    rows = on_policy(model, some_rows())
    own, copied = deepcopy(model), deepcopy(model)
    apart = Learner(copied, OptimizerConfig(), reference=small_llama())
    alone = Learner(own, OptimizerConfig(), reference=own)
    for _ in range(3):
        expected = apart.reinforce(rows, objective, **REINFORCE)
        assert alone.reinforce(rows, objective, **REINFORCE) == pytest.approx(expected, rel=1e-5)
        assert expected["reference_kl"] > 1e-3
    for one, other in zip(alone.trained, apart.trained, strict=True):
        assert one.requires_grad
        assert torch.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("adapters", [False, True])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_checkpointing_computes_each_layer_twice_and_the_same_gradient(adapters, precision):
    model = small_llama(adapters=adapters)
    rows = on_policy(model, some_rows())
    options = {"objective": PPOClip(entropy_coef=0.1), "precision": precision}
    plain = gradient(model, rows, **options)
    saving = gradient(model, rows, checkpointing=True, **options)
    assert plain.abs().max() > 1e-3
    assert torch.allclose(saving, plain, atol=1e-7, rtol=1e-5)

    learner = learner_of(model, checkpointing=True)
    runs = []
    for layer in learner.model.base_model.layers:
        layer.self_attn.register_forward_hook(lambda *_, layer=layer: runs.append(layer))
    learner.reinforce(rows, PPOClip(), **REINFORCE)
    assert len(runs) == 2 * 2
    assert not any(module.training for module in learner.model.modules())
    learner.logprobs(rows)
    assert len(runs) == 3 * 2


def test_in_bfloat16_only_the_products_are_rounded(model):
    rows = on_policy(model, some_rows())
    exact, rounded = gradient(model, rows), gradient(model, rows, precision="bfloat16")
    assert not torch.equal(exact, rounded)
    assert torch.cosine_similarity(exact, rounded, dim=0) > 0.99
    learner = learner_of(model, precision="bfloat16")
    learnt = learner.reinforce(rows, PPOClip(), **REINFORCE)
    assert 1e-5 < learnt["mismatch"] < 0.1
    assert {x.dtype for x in learner.trained} == {torch.float32}
    for state in learner.optimizer.state.values():
        assert state["exp_avg"].dtype == torch.float32
