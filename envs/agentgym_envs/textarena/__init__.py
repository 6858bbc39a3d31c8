"""Games of textarena, alone or against an opponent, by their own ids."""

from agentgym.env.registry import register

register(
    "agentgym/TextArena-v0",
    "agentgym_envs.textarena.env:TextArena",
    summary="a game of the textarena package: game='Minesweeper-v0-raw', opponents for two players",
    max_episode_steps=100,
)
