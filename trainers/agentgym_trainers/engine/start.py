"""The model a run begins with: a folder's or a tiny new one, after its warm start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio.to_thread
import torch

from agentgym.env import Task
from agentgym.errors import BadInput
from agentgym.policy.local import load_folder
from agentgym.renderer import ChatTemplate
from agentgym.seeding import derive_seed
from agentgym_trainers import warm_start
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.engine.learner import Learner
from agentgym_trainers.engine.progress import Display
from agentgym_trainers.engine.rows import demonstration_rows
from agentgym_trainers.tiny_model import tiny_model, tiny_tokenizer


async def start(config: TrainConfig, tasks: Sequence[Task], display: Display) -> tuple[Any, Any]:
    """Model and tokenizer, on the run's device."""
    episodes = await warm_start.demonstrations(config, tasks)
    settings = config.model
    if settings.path == "tiny":
        texts = await warm_start.sample_texts(config, tasks, episodes)
        tokenizer = tiny_tokenizer(texts, settings.vocabulary)
        model = tiny_model(
            tokenizer,
            width=settings.width,
            layers=settings.layers,
            context=settings.context,
            seed=derive_seed(config.seed, "model"),
        ).to(settings.device, getattr(torch, settings.dtype))
    else:
        model, tokenizer = load_folder(settings.path, device=settings.device, dtype=settings.dtype)
    if episodes:
        rows = demonstration_rows(episodes, ChatTemplate(tokenizer), config.context)
        longest = model.config.max_position_embeddings
        rows = [row for row in rows if len(row) <= longest]
        if not rows:
            raise BadInput(f"every demonstration is longer than the model's {longest} tokens")
        success = sum(t.success for t in episodes) / len(episodes)
        display.say(f"imitating {len(episodes)} demonstrations, {success:.0%} of them successful")
        learner = Learner(model, config.optimizer)
        seed = derive_seed(config.seed, "warm start")
        with display.stage("warm start", warm_start.updates(rows, config.warm_start)) as stage:

            def imitate() -> None:
                for numbers in warm_start.imitate(learner, rows, config.warm_start, seed):
                    stage.advance(f"loss {numbers['loss']:.3f}")

            await anyio.to_thread.run_sync(imitate)
    return model, tokenizer
