"""The model a run begins with: a folder's or a tiny new one, after its warm start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio.from_thread
import anyio.to_thread
import torch

from agentgym.env.text_env import Task
from agentgym.errors import BadInput
from agentgym.policy.folder import base_folder, named_folder
from agentgym.policy.loading import load_folder, put
from agentgym.policy.local import LocalPolicy
from agentgym.seeding import derive_seed
from agentgym.tools.tool import Tool
from agentgym_trainers.config import ModelConfig, TrainConfig
from agentgym_trainers.display import Display
from agentgym_trainers.learner.learner import Learner
from agentgym_trainers.learner.lora import add_adapters, train_adapters
from agentgym_trainers.learner.rows import demonstration_rows
from agentgym_trainers.learner.tiny_model import tiny_model, tiny_tokenizer
from agentgym_trainers.run import warm_start
from agentgym_trainers.run.adapter_folder import adapter, in_words, require_agreement
from agentgym_trainers.run.whole import save_model, whole_folder

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def load(folder: Path, settings: ModelConfig) -> tuple[Any, Any]:
    """Model and tokenizer of a folder, on the run's device; loaded adapters are trainable."""
    model, tokenizer = load_folder(folder, device=settings.device, dtype=DTYPES[settings.dtype])
    if base_folder(folder) != folder:
        train_adapters(model)
    return model, tokenizer


async def start(
    config: TrainConfig, tasks: Sequence[Task], tools: Sequence[Tool], display: Display
) -> tuple[Any, Any]:
    """Model and tokenizer, on the run's device."""
    with display.stage("playing demonstrations", config.warm_start.demonstrations) as stage:
        episodes = await warm_start.demonstrations(config, tasks, lambda _: stage.advance())
    settings, made = config.model, None
    if settings.path == "tiny":
        texts = await warm_start.sample_texts(config, tasks, tools, episodes)
        tokenizer = tiny_tokenizer(texts, settings.vocabulary)
        model = tiny_model(
            tokenizer,
            width=settings.width,
            layers=settings.layers,
            context=settings.context,
            seed=derive_seed(config.seed, "model"),
        )
        model = put(model, settings.device)
    else:
        folder = named_folder(settings.path)
        model, tokenizer = load(folder, settings)
        if made := adapter(folder):
            require_agreement(folder, settings.lora, model)
            display.say(f"training goes on with the adapter in {folder}: {in_words(made)}")
    if settings.lora and made is None:
        if settings.path == "tiny":  # an adapter's folder names the base model's, so it needs one
            base = (config.run_dir / "base").absolute()
            with whole_folder(base) as partial:
                save_model(model, tokenizer, partial)
            model.name_or_path = str(base)
        add_adapters(model, settings.lora, derive_seed(config.seed, "adapters"))
    if episodes:
        policy = LocalPolicy(model, tokenizer, template=config.policy.template.model_dump())
        rows = demonstration_rows(episodes, policy.renderer, config.context, tools)
        longest = policy.max_context or max(map(len, rows))
        fitting = [row for row in rows if len(row) <= longest]
        if not fitting:
            raise BadInput(f"every demonstration is longer than the model's {longest} tokens")
        success = sum(t.success for t in episodes) / len(episodes)
        display.say(f"imitating {len(episodes)} demonstrations, {success:.0%} of them successful")
        if len(fitting) < len(rows):
            display.say(f"{len(rows) - len(fitting)} rows longer than {longest} are left out")
        learner = Learner(model, config.optimizer)
        seed = derive_seed(config.seed, "warm start")
        with display.stage("warm start", warm_start.updates(fitting, config.warm_start)) as stage:

            def imitate() -> None:
                for numbers in warm_start.imitate(learner, fitting, config.warm_start, seed):
                    stage.advance(f"loss {numbers['loss']:.3f}")
                    anyio.from_thread.check_cancelled()

            await anyio.to_thread.run_sync(imitate)
    return model, tokenizer
