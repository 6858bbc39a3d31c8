"""Rows made by hand, and what a plain forward pass says of them."""

import random
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from peft import LoraConfig
from transformers import LlamaConfig, LlamaForCausalLM

from agentgym.env.text_env import Task
from agentgym.trajectory import Step, StopReason, Trajectory
from agentgym_trainers.config import OptimizerConfig
from agentgym_trainers.learner.batches import micro_batches, weigh
from agentgym_trainers.learner.learner import Learner
from agentgym_trainers.learner.rows import rows_of
from agentgym_trainers.objectives.correction import Correction
from agentgym_trainers.objectives.ppo_clip import PPOClip

TASK = Task(id="t", split="train")
CLIP, NONE = PPOClip(), Correction()


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


def episode(rng, segments, *, name="e", **sizes):
    return Trajectory(
        id=name,
        group="g",
        task=TASK,
        stop_reason=StopReason.TERMINATED,
        steps=[sampled_step(rng, segment, **sizes) for segment in segments],
    )


def some_rows(count=6, seed=0, **changes):
    """Rows of different lengths and advantages; trajectories 0 and 1 have two rows each."""
    rng = random.Random(seed)
    shapes = [[0, 0, 1] if n < 2 else [0] * (n + 1) for n in range(count)]
    episodes = [episode(rng, shape, name=f"e{n}") for n, shape in enumerate(shapes)]
    advantages = [rng.uniform(-2, 2) for t in episodes for _ in t.steps]
    rows = rows_of(episodes, np.array(advantages))
    for row in rows:
        vars(row).update(changes)
    return rows


def set_advantage(row, advantage):
    """Give every sampled token of a row this advantage."""
    row.actions = [
        replace(action, advantages=np.full_like(action.advantages, advantage))
        for action in row.actions
    ]


def learner_of(model, **options):
    return Learner(deepcopy(model), OptimizerConfig(**{"max_grad_norm": 1e9} | options))


def gradient(model, rows, correction=NONE, *, objective=CLIP, temperature=1.0, **options):
    """The gradient of one update, before it is scaled or clipped, as one vector."""
    learner = learner_of(model, **options)
    found = []

    def keep(*_):
        grads = [torch.zeros_like(x) if x.grad is None else x.grad for x in learner.trained]
        found.append(torch.cat([grad.flatten() for grad in grads]).clone())

    learner.optimizer.register_step_pre_hook(keep)
    learner.reinforce(rows, objective, correction, temperature=temperature, lr=0.0, seed=0)
    (vector,) = found
    return vector


def on_policy(model, rows, temperature=1.0):
    """The rows as if this model had sampled them."""
    for row in rows:
        _, found = full_forward(model, row, temperature)
        row.logprobs = [x if own else 0.0 for x, own in zip(found, row.mask, strict=True)]
    return rows


def small_llama(*, tied=True, adapters=False):
    """A Llama of a few thousand weights, the same each time; its adapters are not zero."""
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        tie_word_embeddings=tied,
        initializer_range=0.2,
        bos_token_id=None,
        eos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = LlamaForCausalLM(config).eval()
        if adapters:
            model.add_adapter(LoraConfig(r=4, lora_dropout=0.5, target_modules="all-linear"))
            for name, weight in model.named_parameters():
                if "lora_B" in name:
                    torch.nn.init.normal_(weight, std=0.1)
    return model.eval()


def full_forward(model, row, temperature):
    """Every logprob of a row from the whole vocabulary at every position, the plain way."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([row.ids])).logits[0] / temperature
    whole = torch.log_softmax(logits, dim=-1)
    follow = torch.tensor(row.ids[1:])
    return whole, [0.0, *whole[:-1].gather(1, follow[:, None])[:, 0].tolist()]


def one_batch(rows):
    weights = weigh(rows, "token-mean")
    (batch,) = micro_batches(rows, weights, micro_tokens=10**9, device="cpu")
    return batch
