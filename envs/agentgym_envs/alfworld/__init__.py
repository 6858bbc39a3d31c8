"""ALFWorld's text games, where its data is present."""

from agentgym.env.registry import register

register(
    "agentgym/ALFWorld-v0",
    "agentgym_envs.alfworld.env:ALFWorld",
    summary="household tasks of ALFWorld, as text games; needs its data (alfworld-download)",
    max_episode_steps=50,
)
