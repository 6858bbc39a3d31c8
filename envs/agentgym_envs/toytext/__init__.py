"""Gymnasium's toy-text games, with states told in words and moves written as words."""

from agentgym.env.registry import register

register(
    "agentgym/FrozenLake-v0",
    "agentgym_envs.toytext.frozen_lake:FrozenLake",
    summary="cross a frozen lake without falling into a hole (Gymnasium's, in words)",
    max_episode_steps=60,
)
register(
    "agentgym/Taxi-v0",
    "agentgym_envs.toytext.taxi:Taxi",
    summary="fetch a passenger and drive to the destination (Gymnasium's, in words)",
    max_episode_steps=60,
)
register(
    "agentgym/CliffWalking-v0",
    "agentgym_envs.toytext.cliff_walking:CliffWalking",
    summary="walk to the goal along a cliff (Gymnasium's, in words)",
    max_episode_steps=60,
)
register(
    "agentgym/Blackjack-v0",
    "agentgym_envs.toytext.blackjack:Blackjack",
    summary="draw cards and beat the dealer (Gymnasium's, in words)",
    max_episode_steps=20,
)
