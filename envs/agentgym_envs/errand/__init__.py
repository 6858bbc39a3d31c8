"""Errand: fetch a thing and bring it somewhere, where no page says whether one has it."""

from agentgym.env.registry import register

register(
    "agentgym/Errand-v0",
    "agentgym_envs.errand.env:Errand",
    summary="fetch a thing and bring it somewhere; no page says whether one has it",
    max_episode_steps=40,
)
