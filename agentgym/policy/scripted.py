"""Policies without a model: random and expert baselines for evaluation, fakes for tests."""

from __future__ import annotations

import copy
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio.to_thread

from agentgym.errors import BadInput
from agentgym.policy import Completion, Prompt, Sampling


class ScriptedPolicy:
    """Acts with ``function(prompt)``, called in a thread. It may read ``prompt.env``."""

    renderer = None
    max_context = None

    def __init__(self, function: Callable[[Prompt], str]) -> None:
        self.function = function

    @asynccontextmanager
    async def session(self, name: str) -> AsyncIterator[None]:  # noqa: ARG002
        """Nothing to keep between steps."""
        yield

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:  # noqa: ARG002
        """See :class:`agentgym.policy.Policy`."""
        text = await anyio.to_thread.run_sync(self.function, prompt, abandon_on_cancel=True)
        return Completion(text=text)


def _random_action(prompt: Prompt) -> str:
    draw = random.Random(prompt.seed)
    possible = prompt.env.actions()
    if possible:
        return draw.choice(possible)
    space = copy.deepcopy(prompt.env.action_space)  # environments of a class share theirs
    space.seed(prompt.seed)
    return space.sample()


def random_policy() -> ScriptedPolicy:
    """Acts uniformly over ``env.actions()``; random text where the environment lists none."""
    return ScriptedPolicy(_random_action)


def expert_policy(noise: float = 0.0) -> ScriptedPolicy:
    """Acts as ``env.expert()``; with probability ``noise`` randomly instead."""

    def act(prompt: Prompt) -> str:
        if noise and random.Random(f"{prompt.seed}/noise").random() < noise:
            return _random_action(prompt)
        action = prompt.env.expert()
        if action is None:
            raise BadInput(
                f"{type(prompt.env).__name__} has no expert: it does not implement expert()"
            )
        return action

    return ScriptedPolicy(act)
