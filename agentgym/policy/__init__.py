"""Policies: from a prompt to an action.

A policy with a ``renderer`` speaks token ids and returns the logprobs it sampled them with; one
without (scripted, random, a chat endpoint) speaks text and can be evaluated but not trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from agentgym.context.context import Message
from agentgym.env.text_env import TextEnv
from agentgym.rendering.renderer import Renderer
from agentgym.tools.tool import Tool
from agentgym.trajectory import Usage


class Sampling(BaseModel):
    """How tokens are drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    temperature: Annotated[float, Field(ge=0)] = 1.0
    """0 is greedy. Logprobs are those of the tempered distribution, which is what was sampled."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Keep the most likely tokens up to this probability mass. Train with 1."""
    top_k: Annotated[int, Field(ge=0)] = 0
    """Keep this many most likely tokens; 0 keeps all. Train with 0."""
    max_tokens: Annotated[int, Field(ge=1)] = 64
    """Longest action, in tokens."""


@dataclass(frozen=True)
class Prompt:
    """What a policy is asked."""

    session: str
    """The open session that asks; its prompts usually extend each other."""
    episode: str
    """The trajectory's id, the same in every run with the same seed."""
    step: int
    """The decision's place in it, from 0."""
    seed: int
    """Seeds this one completion."""
    messages: Sequence[Message]
    ids: Sequence[int]
    """The rendered messages; empty for policies without a renderer."""
    tools: Sequence[Tool]
    """What the environment offers; part of ``ids`` already."""
    env: TextEnv = field(repr=False)
    """For scripted policies, which may look at the state; a model is given ``messages`` only."""


@dataclass(frozen=True)
class Completion:
    """What a policy answered. Token lists are empty for policies that speak text."""

    text: str
    ids: Sequence[int] = ()
    logprobs: Sequence[float] = ()
    """ln p of each id, temperature applied, shape as ``ids``."""
    entropies: Sequence[float] = ()
    """In nats, shape as ``ids``."""
    finish_reason: Literal["stop", "length"] = "stop"
    weight_versions: Sequence[int] = ()
    """Version of the weights that sampled each id, shape as ``ids``."""
    usage: Usage | None = None
    """What a metered endpoint counted."""


class Policy(Protocol):
    """Anything that answers prompts."""

    @property
    def renderer(self) -> Renderer | None:
        """How messages become ids; None for policies that speak text."""
        ...

    @property
    def max_context(self) -> int | None:
        """Longest prompt plus completion, in tokens; None when there is no limit to obey."""
        ...

    def session(self, name: str) -> AbstractAsyncContextManager[None]:
        """Held open by one that plays episodes, one after the other, while it may still ask.

        A policy keeps caches by session, and one that batches knows for whom it may wait.
        """
        ...

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Answer a prompt."""
        ...
