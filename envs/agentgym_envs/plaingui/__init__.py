"""PlainGUI: small office programs as a tree of widgets, in pure Python."""

from agentgym.env.registry import register

register(
    "agentgym/PlainGUI-v0",
    "agentgym_envs.plaingui.env:PlainGUI",
    summary="use contacts, mail, tasks, calendar and settings through their accessibility tree",
    max_episode_steps=50,
)
