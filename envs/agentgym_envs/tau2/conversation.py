"""An episode of tau2, moved on step by step.

tau2's own Gymnasium environment runs the orchestrator in a thread, polls it, and when the user's
model fails it ends the episode with a reward of 0. Here the orchestrator is stepped directly: what
raises is raised, an action may hold several calls, and a conversation can be copied.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tau2.agent.base import LocalAgent
from tau2.data_model.message import AssistantMessage, ToolCall
from tau2.data_model.simulation import SimulationRun, TerminationReason
from tau2.environment.environment import Environment
from tau2.evaluator.evaluator import EvaluationType, evaluate_simulation
from tau2.orchestrator.orchestrator import Orchestrator, Role
from tau2.registry import registry
from tau2.user.user_simulator import DummyUser, UserSimulator
from tau2.utils.utils import get_now

from agentgym.tools.tool import ToolCall as Call

DONE = "done"
STOP = "###STOP###"


# tau2 knows by this name who may play alone.
class GymAgent(LocalAgent[list[Any]]):  # type: ignore[misc]  # it has no types
    """Says what it was told to say next."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment.get_tools(), environment.get_policy())
        self.next: AssistantMessage | None = None

    def get_init_state(self, message_history: list[Any] | None = None) -> list[Any]:
        """Nothing is remembered: the orchestrator keeps the messages."""
        return message_history or []

    def generate_next_message(
        self,
        message: Any,  # noqa: ARG002
        state: list[Any],
    ) -> tuple[AssistantMessage, list[Any]]:
        """The next message."""
        assert self.next is not None, "the orchestrator is only stepped when there is one"
        return self.next, state

    @classmethod
    def is_stop(cls, message: AssistantMessage) -> bool:
        """Whether the agent ends the conversation with it."""
        return message.content is not None and STOP in message.content


class Conversation:
    """A task that is being played."""

    def __init__(
        self, domain: str, task: Any, user: str | None, user_args: dict[str, Any], max_steps: int
    ) -> None:
        """Begin. With a user, its model is asked for the first message.

        Args:
            domain: a domain of tau2's registry.
            task: one of its tasks.
            user: litellm's name of the model that plays the user; None: there is no user.
            user_args: more arguments of litellm's ``completion``.
            max_steps: messages, after which tau2 ends the conversation.
        """
        solo = user is None
        self.environment = registry.get_env_constructor(domain)(solo_mode=solo)
        self.agent = GymAgent(self.environment)
        self.domain, self.task, self.solo = domain, task, solo
        player: UserSimulator = DummyUser()
        if user is not None:
            tools = self.environment.get_user_tools() if self.environment.user_tools else None
            player = UserSimulator(tools, task.user_scenario, user, user_args)
        self.orchestrator = Orchestrator(
            domain, self.agent, player, self.environment, task, max_steps=max_steps, solo_mode=solo
        )
        self._started, self._clock = get_now(), time.perf_counter()
        self._begun = False
        if not solo:
            self._begin()

    def _begin(self) -> None:
        self._begun = True
        self.orchestrator.initialize()
        self._until_the_agent_is_asked()

    def say(self, text: str) -> None:
        """Say something to the user; without one, tau2 ends the conversation as an error."""
        self._next(AssistantMessage(role="assistant", content=text))

    def call(self, calls: Sequence[Call]) -> None:
        """Make calls; ``done`` ends the conversation."""
        if any(call.name == DONE for call in calls):
            return self.say(STOP)
        made = [
            ToolCall(
                id=f"{self.orchestrator.step_count}-{place}", name=c.name, arguments=c.arguments
            )
            for place, c in enumerate(calls)
        ]
        return self._next(AssistantMessage(role="assistant", tool_calls=made))

    def _next(self, message: AssistantMessage) -> None:
        self.agent.next = message
        if not self._begun:  # without a user the agent has the first word
            return self._begin()
        self.orchestrator.step()
        return self._until_the_agent_is_asked()

    def _until_the_agent_is_asked(self) -> None:
        """Let tools and user answer; tau2's limits are looked at where its own loop does."""
        state = self.orchestrator
        while not state.done:
            if state.to_role != Role.ENV:
                if state.step_count >= state.max_steps:
                    state.done, state.termination_reason = True, TerminationReason.MAX_STEPS
                elif state.num_errors >= state.max_errors:
                    state.done, state.termination_reason = True, TerminationReason.TOO_MANY_ERRORS
                if state.done or state.to_role == Role.AGENT:
                    return
            state.step()

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return bool(self.orchestrator.done)

    @property
    def errors(self) -> int:
        """Calls that failed so far."""
        return int(self.orchestrator.num_errors)

    def heard(self) -> str:
        """What the agent reads next: the results of its calls, or the user's words."""
        message = self.orchestrator.message
        parts = getattr(message, "tool_messages", [message])
        return "\n".join(part.content or "" for part in parts)

    def verdict(self) -> dict[str, Any]:
        """tau2's evaluation of a conversation that is over: its RewardInfo as a dict."""
        state = self.orchestrator
        run = SimulationRun(
            id=f"{self.domain}/{self.task.id}",
            task_id=self.task.id,
            start_time=self._started,
            end_time=get_now(),
            duration=time.perf_counter() - self._clock,
            termination_reason=state.termination_reason,
            messages=state.get_trajectory(),
        )
        info = evaluate_simulation(
            run, self.task, EvaluationType.ALL, solo_mode=self.solo, domain=self.domain
        )
        return {"ended_by": state.termination_reason.value, **info.model_dump(mode="json")}
