"""Household: find things in a house, clean, heat, cool or examine them, put them away."""

from agentgym.env.registry import register

register(
    "agentgym/Household-v0",
    "agentgym_envs.household.env:Household",
    summary="find things in a house, clean, heat, cool or examine them, and put them away",
    max_episode_steps=60,
)
