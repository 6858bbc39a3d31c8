"""Policies: from a prompt to an action.

A policy with a ``renderer`` takes and returns token ids, with the logprobs of sampling. One without
(scripted, random, a chat endpoint) takes and returns text; it can be evaluated but not trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from agentgym.context.context import Message
from agentgym.env.text_env import TextEnv
from agentgym.rendering.protocol import Renderer
from agentgym.tools.tool import Tool
from agentgym.trajectory import Usage


class Sampling(BaseModel):
    """How a policy samples tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    temperature: Annotated[float, Field(ge=0)] = 1.0
    """0 is greedy. Logprobs are those after temperature: of the distribution sampled from."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Sample from the most likely tokens up to this probability mass. Training needs 1."""
    top_k: Annotated[int, Field(ge=0)] = 0
    """Sample from this many most likely tokens; 0: from all. Training needs 0."""
    max_tokens: Annotated[int, Field(ge=1)] = 64
    """Longest action, in tokens."""


@dataclass(frozen=True)
class Prompt:
    """A request to a policy."""

    session: str
    """The open session that sends it; prompts of a session usually extend each other."""
    episode: str
    """The trajectory's id, the same in every run with the same seed."""
    step: int
    """The number of the step in the episode, from 0."""
    seed: int
    """Seeds this completion."""
    messages: Sequence[Message]
    ids: Sequence[int]
    """The rendered messages; empty for policies without a renderer."""
    tools: Sequence[Tool]
    """Tools of the environment; ``ids`` already contain their schemas."""
    env: TextEnv = field(repr=False)
    """For scripted policies, which may read the state; a model sees only ``messages``."""


@dataclass(frozen=True)
class Completion:
    """The response of a policy. Token lists are empty for policies without a renderer."""

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
    """Tokens and cost, as the endpoint counted them."""
    refused_parameters: Sequence[str] = ()
    """Parameters of sampling that the endpoint does not take: they were not sent."""


class Policy(Protocol):
    """Anything that completes prompts."""

    @property
    def renderer(self) -> Renderer | None:
        """Turns messages into ids; None for policies that take text."""
        ...

    @property
    def max_context(self) -> int | None:
        """Longest prompt plus completion, in tokens; None: no limit."""
        ...

    def session(self, name: str) -> AbstractAsyncContextManager[None]:
        """A session, held open by a worker that plays episodes one after the other.

        A policy keeps its caches by session, and a policy that batches waits for open sessions.
        """
        ...

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Complete a prompt."""
        ...
