"""Environments whose actions are tool calls: the caller runs them, the subclass sets rewards.

    class Sums(ToolEnv):
        system_prompt = "Calculate with the tool, then answer with the number alone."
        tools = (calculator,)

        def begin(self, task: Task) -> str:
            self.wanted = task.data["answer"]
            return task.data["question"]

        def said(self, text: str) -> StepResult:
            return "", float(text.strip() == self.wanted), True, False, {}

An action contains calls in any format that :mod:`agentgym.tools.parse` reads. An action without
calls is text: an answer, or a message to the user.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

from agentgym.env.text_env import StepResult, Task, TextEnv
from agentgym.errors import EpisodeOver
from agentgym.tools.caller import Ledger, ToolCaller
from agentgym.tools.parse import Parsed, parse_tool_calls
from agentgym.tools.tool import ToolCall, ToolResult


class ToolEnv(TextEnv):
    """Subclasses write ``tasks``, :meth:`begin`, :meth:`said` and, if needed, :meth:`called`.

    Keep state that tools change in objects whose methods are the tools, and create them in
    :meth:`begin`: then a fork gets its own copy, and a hanging call of the last episode cannot
    change this one. The schemas of the tools are the same in every episode.

    ``info["tool_calls"]`` counts the calls of the episode so far: ``ok``, or the kind of failure.
    """

    caller: ToolCaller = ToolCaller()
    """Runs the calls; all environments of a class share it."""
    budget: int | None = None
    """Largest number of tool calls in an episode; None: no limit."""
    ledger: Ledger = Ledger()
    """Counts the calls of the episode; each episode has its own."""

    _over = True

    @abstractmethod
    def begin(self, task: Task) -> str:
        """Set up an episode of ``task``; returns the first observation."""

    @abstractmethod
    def said(self, text: str) -> StepResult:
        """The result of a step without calls; it runs on the event loop, so it must not block."""

    def called(
        self,
        calls: Sequence[ToolCall],  # noqa: ARG002
        results: Sequence[ToolResult],
    ) -> StepResult:
        """The result of a step with calls; by default the observation is their results."""
        info = {"valid": not any(result.error in ("unknown", "arguments") for result in results)}
        return "\n".join(result.content for result in results), 0.0, False, False, info

    def read(self, action: str) -> Parsed:
        """Parse the calls in an action; override it for another format."""
        return parse_tool_calls(action, self.tools)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin an episode.

        Raises:
            TimeoutError: a call of the last episode hangs and holds an object that this one uses.
        """
        task = self.task(seed, options)
        observation = self.begin(task)
        self._settled()
        self.ledger = Ledger(episode=f"{task.id} seed {seed}", budget=self.budget)
        self._over = False
        return observation, {"task": task.id}

    def step(self, action: str) -> StepResult:
        """Run the calls, or hear what was said; the model is told which it must write anew."""
        parsed = self._heard(action)
        results = self.caller.run(self.tools, parsed.calls, self.ledger)
        return self._outcome(parsed, results)

    async def astep(self, action: str) -> StepResult:
        """:meth:`step`, with the tools on this event loop."""
        parsed = self._heard(action)
        results = await self.caller.call(self.tools, parsed.calls, self.ledger)
        return self._outcome(parsed, results)

    def fork(self) -> Self:
        """An independent copy at this state, with the objects of its tools; functions are shared.

        Raises:
            TimeoutError: a call hangs and may still change what is to be copied.
        """
        self._settled()
        return super().fork()

    def _heard(self, action: str) -> Parsed:
        """What is in an action."""
        if self._over:
            raise EpisodeOver("the episode has ended or not begun; call reset() first")
        parsed = self.read(action)
        if parsed.malformed:
            self.ledger.outcomes["malformed"] += len(parsed.malformed)
        return parsed

    def _outcome(self, parsed: Parsed, results: Sequence[ToolResult]) -> StepResult:
        if parsed.calls:
            outcome = self.called(parsed.calls, results)
        elif parsed.malformed:
            outcome = "", 0.0, False, False, {}
        else:
            outcome = self.said(parsed.text)
        observation, reward, terminated, truncated, info = outcome
        if parsed.malformed:
            observation = "\n".join(filter(None, (observation, *parsed.malformed)))
            info = info | {"valid": False}
        self._over = terminated or truncated
        info = info | {"tool_calls": dict(self.ledger.outcomes)}
        return observation, reward, terminated, truncated, info

    def _settled(self) -> None:
        if hanging := self.caller.still_runs(self.tools, self.ledger):
            raise TimeoutError(
                f"a call of {hanging}, which took too long, still runs on an object of this "
                "environment; make a new environment, make new objects in begin(), or declare "
                "the tools pure if they have no state"
            )
