"""Tau2: the domains and tasks of tau2-bench, for those who have its package."""

from agentgym.env.registry import register

register(
    "agentgym/Tau2-v0",
    "agentgym_envs.tau2.env:Tau2",
    summary="tau2-bench: serve customers by tools and conversation (extra 'tau2')",
    max_episode_steps=60,
)
