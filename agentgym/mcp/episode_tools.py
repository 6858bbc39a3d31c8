"""An environment as tools: a model, or any MCP client, plays episodes by calling them."""

from __future__ import annotations

from typing import Any

import anyio

from agentgym.env.text_env import TextEnv
from agentgym.tools.tool import tool


class EpisodeTools:
    """One environment; calls that come at the same time are answered one after the other."""

    def __init__(self, env: TextEnv) -> None:
        """Take ``env``, which nobody else uses."""
        self.env = env
        self._turn = anyio.Lock()

    @tool
    async def reset(self, task: str | None = None, seed: int | None = None) -> dict[str, Any]:
        """Begin an episode: of the task with this id, or of one drawn with the seed.

        Returns the rules, the first observation, and info, which names the task.
        """
        async with self._turn:
            options = None if task is None else {"task": task}
            observation, info = await self.env.areset(seed=seed, options=options)
        return {"rules": self.env.system_prompt, "observation": observation, "info": info}

    @tool
    async def step(self, action: str) -> dict[str, Any]:
        """Act in the episode; the rules that reset returns say how actions are written.

        Returns the next observation, the reward, and whether the episode has ended: terminated or
        truncated.
        """
        async with self._turn:
            observation, reward, terminated, truncated, info = await self.env.astep(action)
        return {
            "observation": observation,
            "reward": reward,
            "terminated": terminated,
            "truncated": truncated,
            "info": info,
        }

    @tool
    async def anchor(self) -> str | None:
        """The identity of the current state; null where the observation identifies it."""
        async with self._turn:
            return self.env.anchor()
