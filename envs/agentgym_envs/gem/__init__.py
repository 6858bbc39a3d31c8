"""Environments of gem-llm: games and reasoning tasks, by their own ids."""

from agentgym.env.registry import register

register(
    "agentgym/Gem-v0",
    "agentgym_envs.gem.env:Gem",
    summary="an environment of the gem-llm package: game='game:Minesweeper-v0-easy', 'rg:...'",
    max_episode_steps=100,
)
