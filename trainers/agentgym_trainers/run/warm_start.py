"""Warm start: imitate demonstrations before reinforcement (behaviour cloning).

loss = -mean over demonstrated tokens of ln p(token | everything before it)
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence

import torch

from agentgym.env.registry import make
from agentgym.env.text_env import Task
from agentgym.policy.scripted import expert_policy, random_policy
from agentgym.rollouts.collection import collect
from agentgym.seeding import derive_seed
from agentgym.tools.tool import Tool
from agentgym.trajectory import Trajectory, read_jsonl
from agentgym_trainers.config import TrainConfig, WarmStartConfig
from agentgym_trainers.learner.learner import Learner
from agentgym_trainers.learner.rows import Row

TEXTS_WITHOUT_DEMONSTRATIONS = 50  # random episodes that show a tokenizer what the text is like


async def demonstrations(
    config: TrainConfig, tasks: Sequence[Task], on_trajectory: Callable[[Trajectory], None]
) -> list[Trajectory]:
    """The episodes to imitate: from files, and played by the environment's expert."""
    warm = config.warm_start
    episodes = [t for path in warm.trajectories for t in read_jsonl(path)]
    if warm.demonstrations:
        arguments = config.env.kwargs | warm.env_kwargs
        order = torch.Generator().manual_seed(derive_seed(config.seed, "demonstrations"))
        rounds = -(-warm.demonstrations // len(tasks))
        drawn = [i for _ in range(rounds) for i in torch.randperm(len(tasks), generator=order)]
        groups = await collect(
            lambda: make(config.env.id, **arguments),
            expert_policy(warm.noise),
            [tasks[int(i)] for i in drawn[: warm.demonstrations]],
            seed=derive_seed(config.seed, "demonstrations"),
            limits=config.rollouts.limits,
            concurrency=config.rollouts.concurrency,
            max_failures=0.0,
            on_trajectory=on_trajectory,
        )
        episodes += [t for group in groups for t in group.trajectories]
    return episodes


async def sample_texts(
    config: TrainConfig,
    tasks: Sequence[Task],
    tools: Sequence[Tool],
    episodes: Sequence[Trajectory],
) -> list[str]:
    """Text that is typical of the environment, for a tokenizer to be fitted to."""
    if not episodes:
        groups = await collect(
            lambda: make(config.env.id, **config.env.kwargs),
            random_policy(),
            tasks[:TEXTS_WITHOUT_DEMONSTRATIONS],
            seed=derive_seed(config.seed, "texts"),
            limits=config.rollouts.limits,
        )
        episodes = [t for group in groups for t in group.trajectories]
    first = {t.system_prompt: t.steps[0].observation for t in episodes if t.steps}
    return [
        *(
            message["content"]
            for prompt, observation in first.items()
            for message in config.context.messages(prompt, [], observation)
            if message["role"] == "system"
        ),
        *(json.dumps(tool.schema, ensure_ascii=False) for tool in tools),
        *(text for t in episodes for s in t.steps for text in (s.observation, s.action)),
    ]


def updates(rows: Sequence[Row], config: WarmStartConfig) -> int:
    """How many updates :func:`imitate` makes."""
    return config.epochs * math.ceil(sum(map(len, rows)) / config.batch_tokens)


def imitate(
    learner: Learner, rows: Sequence[Row], config: WarmStartConfig, seed: int
) -> Iterator[dict[str, float]]:
    """Train on ``rows`` for some epochs; yields the metrics of each update."""
    batches = math.ceil(sum(map(len, rows)) / config.batch_tokens)
    total, warmup = batches * config.epochs, max(1, batches * config.epochs // 30)
    shuffle = torch.Generator().manual_seed(seed)
    for epoch in range(config.epochs):
        order = torch.randperm(len(rows), generator=shuffle).tolist()
        for batch in range(batches):
            done = epoch * batches + batch
            decay = 0.1 + 0.45 * (1 + math.cos(math.pi * done / total))
            lr = config.lr * min(1.0, (done + 1) / warmup) * decay
            if chosen := [rows[i] for i in order[batch::batches]]:
                yield learner.imitate(chosen, lr=lr)
