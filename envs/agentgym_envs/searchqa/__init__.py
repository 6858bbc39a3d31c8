"""Search QA: answer questions of one to three hops by searching a corpus."""

from agentgym.env.registry import register

register(
    "agentgym/SearchQA-v0",
    "agentgym_envs.searchqa.env:SearchQA",
    summary="search a corpus, read the passages found, and answer a question of 1 to 3 hops",
    max_episode_steps=8,
)
