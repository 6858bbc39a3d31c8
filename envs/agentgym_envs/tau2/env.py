"""Tau2: the domains, tasks, user simulator and evaluation of tau2-bench (Barres et al., 2025).

    env = agentgym.make("agentgym/Tau2-v0", domain="mock")
    env = agentgym.make("agentgym/Tau2-v0", domain="retail", user="openai/MODEL",
                        user_args={"api_base": "http://localhost:8000/v1", "api_key": "none"})

Everything that decides about the reward is tau2's own.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agentgym.env.text_env import StepResult, Task, TextEnv
from agentgym.errors import BadInput, EpisodeOver, MissingExtra, UnknownName
from agentgym.tools.parse import parse_tool_calls, without_thoughts, write_tool_call
from agentgym.tools.tool import Tool, ToolCall, tool

if TYPE_CHECKING:
    from agentgym_envs.tau2.conversation import Conversation

NOTHING = "Call a tool, or say something."
HOW_TO_END = "When the matter is settled, call the tool done."


@tool
def done() -> str:
    """End the conversation."""
    return ""


class Tau2(TextEnv):
    """One domain of tau2-bench."""

    def __init__(
        self,
        domain: str = "mock",
        *,
        user: str | None = None,
        user_args: dict[str, Any] | None = None,
        max_messages: int = 200,
    ) -> None:
        """Load a domain.

        Args:
            domain: mock, airline, retail, telecom or telecom-workflow.
            user: litellm's name of the model that plays the user. Without one the agent plays
                alone (tau2's solo mode), for which a task needs a ticket: those of mock and
                telecom have one.
            user_args: more arguments of litellm's ``completion``; default: temperature 0 and a
                timeout of 120 seconds.
            max_messages: after which tau2 ends a conversation without a reward.

        Raises:
            MissingExtra: tau2-bench is not installed (the ``tau2`` on PyPI is another project).
            UnknownName: it has no such domain.
            BadInput: none of the domain's tasks can be played alone.
        """
        registry = registry_of_tau2()
        known = set(registry.get_task_sets()) & set(registry.get_domains())
        if domain not in known:
            raise UnknownName("tau2 domain", domain, known)
        self.domain, self.user, self.max_messages = domain, user, max_messages
        self.user_args = {"temperature": 0.0, "timeout": 120.0} | (user_args or {})
        tasks = registry.get_tasks_loader(domain)()
        self._problems = {task.id: task for task in tasks if user or playable_alone(task)}
        if not self._problems:
            raise BadInput(f"no task of {domain!r} can be played alone; name a model: user=...")
        self._by_split = self._split(registry.get_task_splits_loader(domain))
        self.splits = tuple(self._by_split)
        environment = registry.get_env_constructor(domain)(solo_mode=user is None)
        self.system_prompt = f"{environment.get_policy()}\n\n{HOW_TO_END}"
        theirs = environment.get_tools()
        if user is None and environment.user_tools:
            theirs = theirs + environment.get_user_tools()
        self.tools: Sequence[Tool] = (*map(tool_of, theirs), done)
        self._conversation: Conversation | None = None

    def _split(self, load: Any) -> dict[str, tuple[Task, ...]]:
        """tau2's own train and test; where it has none, all tasks are for testing."""
        named = load() if load else {}
        wanted = {split: named[split] for split in ("train", "test") if named.get(split)}
        return {
            split: tuple(
                Task(id=f"{self.domain}/{name}", split=split, data={"task": name})
                for name in names
                if name in self._problems
            )
            for split, names in (wanted or {"test": list(self._problems)}).items()
        }

    def tasks(self, split: str) -> Sequence[Task]:
        """The tasks of ``train`` or ``test``, as tau2 divides them."""
        if split not in self._by_split:
            raise UnknownName("split", split, self.splits)
        return self._by_split[split]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin a conversation: with the user's first words, or with the task's ticket.

        Raises:
            BadInput: the task is none of this domain.
            Exception: whatever litellm raises when the user's model fails.
        """
        from agentgym_envs.tau2.conversation import Conversation  # noqa: PLC0415  optional

        task = self.task(seed, options)
        problem = self._problems.get(str(task.data.get("task")))
        if problem is None:
            raise BadInput(f"task {task.id!r} is none of tau2's domain {self.domain!r}")
        self._made = 0
        self._conversation = Conversation(
            self.domain, problem, self.user, self.user_args, self.max_messages
        )
        heard = str(problem.ticket) if self.user is None else self._conversation.heard()
        return heard, {"task": task.id}

    def step(self, action: str) -> StepResult:
        """Make the calls in the action, or say it to the user; the reward comes at the end."""
        talk = self._now()
        parsed = parse_tool_calls(action, self.tools)
        said = without_thoughts(parsed.text).strip()
        if not parsed.calls and (parsed.malformed or not said):
            told = "\n".join(parsed.malformed) or NOTHING
            return told, 0.0, False, False, {"valid": False}
        failed = talk.errors
        if parsed.calls:
            talk.call(parsed.calls)
            self._made += len(parsed.calls)
        else:
            talk.say(said)
        info: dict[str, Any] = {"valid": talk.errors == failed and not parsed.malformed}
        if not talk.over:
            return "\n".join([talk.heard(), *parsed.malformed]), 0.0, False, False, info
        verdict = talk.verdict()
        info |= {"success": verdict["reward"] == 1.0, "tau2": verdict}
        return "", float(verdict["reward"]), True, False, info

    def _now(self) -> Conversation:
        if self._conversation is None or self._conversation.over:
            raise EpisodeOver("the episode has ended or not begun; call reset() first")
        return self._conversation

    def expert(self) -> str | None:
        """The next of the actions that tau2 expects, for an agent that plays alone."""
        criteria = self._now().task.evaluation_criteria
        if self.user is not None or criteria is None:
            return None
        expected = criteria.actions or []
        if self._made >= len(expected):
            return write_tool_call(ToolCall(name="done"))
        action = expected[self._made]
        return write_tool_call(ToolCall(name=action.name, arguments=action.arguments))


def registry_of_tau2() -> Any:
    """What tau2 knows of domains and tasks."""
    # Importing litellm asks the network for a table of prices unless it is told not to.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        from loguru import logger  # noqa: PLC0415  optional, as all of tau2

        logger.disable("tau2")  # it logs every message
        from tau2.registry import registry  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("tau2-bench", "tau2") from error
    return registry


def playable_alone(problem: Any) -> bool:
    """Whether a task says in a ticket what is wanted, and nobody must be told anything."""
    criteria = problem.evaluation_criteria
    return bool(problem.ticket) and not (criteria and criteria.communicate_info)


def tool_of(theirs: Any) -> Tool:
    """A tool of tau2 as one of ours: the same name, description and schema of arguments."""
    described = theirs.openai_schema["function"]["description"]
    return Tool(theirs.name, described, theirs, theirs.params)
