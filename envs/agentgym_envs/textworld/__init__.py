"""TextWorld: text adventures that are generated, with prose, scores and walkthroughs."""

from agentgym.env.registry import register

register(
    "agentgym/TextWorld-v0",
    "agentgym_envs.textworld.env:TextWorld",
    summary="explore rooms, find things and cook, in adventures that TextWorld generates",
    max_episode_steps=50,
)
