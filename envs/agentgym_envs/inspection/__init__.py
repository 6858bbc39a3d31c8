"""Inspection: walk through a building and remember what its meters said."""

from agentgym.env.registry import register

register(
    "agentgym/Inspection-v0",
    "agentgym_envs.inspection.env:Inspection",
    summary="read one long report after the other, then answer for what the first ones said",
    max_episode_steps=60,
)
