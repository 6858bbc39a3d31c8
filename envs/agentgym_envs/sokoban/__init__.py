"""Sokoban: push boxes onto targets."""

from agentgym.env.registry import register

register(
    "agentgym/Sokoban-v0",
    "agentgym_envs.sokoban.env:Sokoban",
    summary="push every box onto a target, in rooms that are solvable",
    max_episode_steps=120,
)
