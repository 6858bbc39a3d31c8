"""Environments behind OpenEnv servers."""

from agentgym.env.registry import register

register(
    "agentgym/OpenEnv-v0",
    "agentgym_envs.openenv.env:OpenEnv",
    summary="the environment of an OpenEnv server: url='http://HOST:PORT'",
    max_episode_steps=50,
)
