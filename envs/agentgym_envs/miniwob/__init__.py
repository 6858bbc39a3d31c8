"""MiniWoB++: small web pages in a real browser; one id for each page that has an expert."""

from agentgym.env.registry import register
from agentgym_envs.miniwob.experts import EXPERTS

_CLASS = "agentgym_envs.miniwob.env:MiniWoB"

register(
    "agentgym/MiniWoB-v0",
    _CLASS,
    summary="tasks of all 130 MiniWoB++ pages, in headless Chromium",
    max_episode_steps=30,
)
for _page in sorted(EXPERTS):
    register(
        f"agentgym/MiniWoB-{_page}-v0",
        _CLASS,
        summary=f"the MiniWoB++ page {_page}, in headless Chromium",
        max_episode_steps=30,
        task=_page,
    )
