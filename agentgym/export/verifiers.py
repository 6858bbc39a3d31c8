"""Our environments in verifiers 0.4: a taskset, an environment that steps them, and a harness.

    import verifiers.v1 as vf
    from agentgym.export.verifiers import Episodes, EpisodesConfig, Tasks, TasksConfig

Verifiers finds plug-ins by the name of a top-level module, which is ``agentgym_verifiers``:

    eval agentgym-verifiers --env.taskset.env agentgym/WebShop-v0 --env.taskset.split test
         --model NAME --client.base-url http://127.0.0.1:8000/v1

The model is the user's partner in a chat, as in verifiers' own game tasksets: every observation is
a user's turn, every answer an action. The trace's reward is the return of the episode.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
from pydantic import Field

from agentgym.env.registry import make
from agentgym.env.text_env import Task
from agentgym.errors import MissingExtra
from agentgym.export.instructions import instructions

try:
    import verifiers.v1 as vf
    from verifiers.v1.dialects.chat import message_to_wire
except ImportError as error:
    raise MissingExtra("agentgym.export.verifiers", "verifiers") from error

PLUG_IN = "agentgym-verifiers"

__all__ = ["ChatHarness", "Episodes", "Tasks"]


class TasksConfig(vf.TasksetConfig):
    """Which environment, and which of its tasks."""

    id: str = PLUG_IN
    env: str = ""
    """An environment's id: ``agentgym list`` shows them."""
    split: str = "train"
    settings: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the environment."""
    seed: int = 0
    """Resets every episode."""


class Problem(vf.TaskData):
    """One task; all that is needed to play it anywhere."""

    env: str
    settings: dict[str, Any]
    task: dict[str, Any]
    seed: int


class Play(vf.Task[Problem, vf.State, vf.TaskConfig]):
    """Rewards are recorded by :class:`Episodes`, which sees the environment."""


class Tasks(vf.Taskset[Play, TasksConfig]):
    """The tasks of one split."""

    def load(self) -> Iterator[Play]:
        """One for each task, in the environment's order."""
        config = self.config
        env = make(config.env, **config.settings)
        told = instructions(env) or None
        for task in env.tasks(config.split):
            problem = Problem(
                id=task.id,
                name=task.id,
                system_prompt=told,
                env=config.env,
                settings=config.settings,
                task=task.model_dump(mode="json"),
                seed=config.seed,
            )
            yield Play(problem, config.task)
        env.close()


class EpisodesConfig(vf.EnvConfig):
    """Who plays: ``--env.player...``."""

    taskset: TasksConfig = TasksConfig()
    player: vf.AgentConfig = vf.AgentConfig(runtime=vf.SubprocessConfig())


class Episodes(vf.Env[EpisodesConfig]):
    """Steps the environment with the player's answers."""

    async def run(self, task: Play, agents: vf.Agents) -> None:
        """Play one episode; an episode that the player's own limits end keeps what it earned."""
        problem = task.data
        env = make(problem.env, **problem.settings)
        limit = (env.spec and env.spec.max_episode_steps) or 50
        total, steps, over, info = 0.0, 0, False, dict[str, Any]()
        try:
            wanted = Task.model_validate(problem.task)
            observation, _ = await env.areset(seed=problem.seed, options={"task": wanted})
            async with agents.player.interaction(task) as interaction:
                while not over and steps < limit:
                    segment = await interaction.turn(observation)
                    if segment.terminated:
                        break
                    observation, reward, terminated, truncated, info = await env.astep(
                        segment.last_reply
                    )
                    total, steps, over = total + reward, steps + 1, terminated or truncated
        finally:
            env.close()
        trace = interaction.trace
        trace.record_reward("agentgym", total)
        trace.record_metric("success", float(over and info.get("success", total > 0)))


class ChatHarness(vf.Harness[vf.HarnessConfig]):
    """Asks the model once a turn, from this process; verifiers' own starts a program for each."""

    APPENDS_SYSTEM_PROMPT = True
    SUPPORTS_RESUME = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(
        self,
        ctx: vf.ModelContext,
        trace: vf.Trace,  # noqa: ARG002
        runtime: vf.Runtime,  # noqa: ARG002
        endpoint: str,
        secret: str,
        mcp_urls: dict[str, str],  # noqa: ARG002
        data: vf.TaskData,
        tool_interception_url: str | None = None,  # noqa: ARG002
    ) -> vf.ProgramResult:
        """One request to the rollout's endpoint, where verifiers records it and passes it on."""
        system, conversation = self.resolve_prompt(data)
        messages = [message_to_wire(message) for message in conversation or []]
        if system:
            messages.insert(0, {"role": "system", "content": system})
        async with httpx.AsyncClient(timeout=None) as client:
            answer = await client.post(
                f"{endpoint}/chat/completions",
                headers={"Authorization": f"Bearer {secret}"},
                json={"model": ctx.model, "messages": messages},
            )
        failed = "" if answer.is_success else answer.text
        return vf.ProgramResult(exit_code=int(bool(failed)), stdout="", stderr=failed)
