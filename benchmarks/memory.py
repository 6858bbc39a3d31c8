"""Contexts compared where the history is long: tokens and success in Inspection, without training.

    python benchmarks/memory.py

A script plays the same tasks under each context: it prunes and sums up where it can, and else
answers from what it sees. Its words are counted in tokens fitted to the episodes. The limit of a
level is the least with which the script gets through under ``memory``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

import agentgym
from agentgym.context.context import Context, FullHistory, Window
from agentgym.context.memory import Memory
from agentgym.env.text_env import TextEnv
from agentgym.policy import Completion, Prompt, Sampling
from agentgym.rendering.renderer import ChatTemplate
from agentgym.rollouts.limits import Limits
from agentgym.trajectory import Trajectory
from agentgym_envs.inspection.remembering import remembering
from agentgym_trainers.learner.tiny_model import tiny_tokenizer

TASKS = 100
CONTEXTS: tuple[Context, ...] = (FullHistory(), Window(turns=2), Memory())
LEVELS: tuple[dict[str, Any], ...] = (
    {"level": "easy"},
    {"level": "easy", "clutter": 6},
    {"level": "medium"},
    {"level": "hard"},
)


class Typist(agentgym.ScriptedPolicy):
    """The script, in tokens."""

    def __init__(self, renderer: ChatTemplate) -> None:
        super().__init__(remembering)
        self.chat = renderer
        self.renderer = renderer  # type: ignore[assignment]  # a script has none of its own

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """See :class:`agentgym.policy.Policy`."""
        said = await super().generate(prompt, sampling)
        return Completion(text=said.text, ids=self.chat.encode_action(said.text))


class Cost(NamedTuple):
    """What an episode takes, in tokens."""

    longest: int
    """Longest prompt with its completion."""
    mean: float
    """Mean prompt."""
    sampled: int

    @classmethod
    def of(cls, trajectory: Trajectory) -> Cost:
        """Of an episode."""
        prompts = [len(trajectory.prompt_of(i)) for i in range(len(trajectory.steps))]
        spent = [n + len(step.ids) for n, step in zip(prompts, trajectory.steps, strict=True)]
        return cls(max(spent), float(np.mean(prompts)), trajectory.tokens)


def played(
    env: TextEnv, policy: Any, context: Context, limits: Limits | None = None
) -> list[Trajectory]:
    """An episode of each task."""
    tasks = env.tasks("test")[:TASKS]
    groups = agentgym.run(
        agentgym.collect, env.fork, policy, tasks, context=context, limits=limits, concurrency=1
    )
    return [trajectory for group in groups for trajectory in group.trajectories]


def texts(episodes: Iterable[Trajectory], contexts: Sequence[Context]) -> list[str]:
    """All that a prompt is made of."""
    said = [text for t in episodes for s in t.steps for text in (s.observation, s.action)]
    schemas = [json.dumps([tool.schema for tool in context.tools]) for context in contexts]
    rules = [m["content"] for c in contexts for m in c.messages("", [], "")]
    return [*said, *schemas, *rules]


def success(episodes: Sequence[Trajectory]) -> str:
    """As a percentage."""
    return f"{np.mean([episode.success for episode in episodes]):.0%}"


def main() -> None:
    """Play and print."""
    columns = ("longest", "mean prompt", "sampled", "success", "success within the limit")
    table = Table("level", "context", *columns, title="tokens of an episode, and success")
    for options in LEVELS:
        env = agentgym.make("agentgym/Inspection-v0", **options)
        written = played(env, agentgym.ScriptedPolicy(remembering), Memory())
        fitted = tiny_tokenizer([env.system_prompt, *texts(written, CONTEXTS)])
        typist = Typist(ChatTemplate(fitted))
        episodes = {context.name: played(env, typist, context) for context in CONTEXTS}
        costs = {name: [Cost.of(t) for t in done] for name, done in episodes.items()}
        limit = max(cost.longest for cost in costs["memory"])
        for context in CONTEXTS:
            cost = costs[context.name]
            within = played(env, typist, context, Limits(max_context=limit))
            table.add_row(
                " ".join(map(str, options.values())),
                context.name,
                f"{max(c.longest for c in cost):,}",
                f"{np.mean([c.mean for c in cost]):,.0f}",
                f"{np.mean([c.sampled for c in cost]):,.0f}",
                success(episodes[context.name]),
                f"{success(within)} of {limit:,}",
            )
        table.add_section()
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
