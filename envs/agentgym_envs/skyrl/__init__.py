"""Environments of skyrl-gym, on rows in its own format or on generated sums."""

from agentgym.env.registry import register

register(
    "agentgym/SkyRL-v0",
    "agentgym_envs.skyrl.env:SkyRL",
    summary="an environment of the skyrl-gym package: game='search', data_dir= rows for it",
    max_episode_steps=20,
)
