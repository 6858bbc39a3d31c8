"""WebShop: buy what the instruction asks for, in a shop of text pages."""

from agentgym.env.registry import register

register(
    "agentgym/WebShop-v0",
    "agentgym_envs.webshop.env:WebShop",
    summary="search a shop, read product pages, choose options and buy what was asked for",
    max_episode_steps=30,
)
