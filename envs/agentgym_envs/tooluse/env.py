"""ToolUse: serve a user by calling tools, as the rules in the system prompt demand.

    i am anna. refund my lamp. my code is tulip.
    > <tool_call>{"name": "check", "arguments": {"name": "anna", "code": "tulip"}}</tool_call>
    ok
    > <tool_call>{"name": "find", "arguments": {"item": "lamp"}}</tool_call>
    402 new
    > <tool_call>{"name": "refund", "arguments": {"id": "402"}}</tool_call>
    ok
    > done

An action is one or more calls, or something said to the user. What is left in the database at the
end, what was answered and which rules were broken make the reward.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal, Self

from pydantic import ValidationError

from agentgym.env.text_env import StepResult, Task, TextEnv
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.runtime import background
from agentgym.tools.parse import (
    Parsed,
    parse_tool_calls,
    without_thoughts,
    write_tool_call,
)
from agentgym.tools.tool import ToolCall, ToolResult, tools_of
from agentgym_envs.tooluse.case import Case, key_of
from agentgym_envs.tooluse.distractors import DISTRACTORS
from agentgym_envs.tooluse.domain import Domain
from agentgym_envs.tooluse.judge import judge
from agentgym_envs.tooluse.plausible import plausible_calls
from agentgym_envs.tooluse.tasks import SPLITS, Origin, domain_of, opened, tasks_of
from agentgym_envs.tooluse.user import Exchange, PolicyUser, asked_for, scripted_reply

CALLS_AT_ONCE = 20
NOTHING = "Call a tool, or say something."


class ToolUse(TextEnv):
    """A conversation with a user, a database and its tools. The reward comes at the end."""

    splits = SPLITS

    def __init__(
        self,
        domain: str,
        level: str = "full",
        *,
        user: Literal["none", "scripted"] | PolicyUser = "none",
        reward: Literal["success", "partial"] = "success",
        distractors: int | None = None,
        hurry: float = 0.0,
    ) -> None:
        """Choose a domain; a database is made at ``reset``.

        Args:
            domain: retail, travel, calendar, files or bank.
            level: ``easy`` (three or four tools, few words) or ``full``.
            user: ``none``: the first observation tells everything, and whatever the agent says
                ends the episode. ``scripted``: it tells the particulars when it is asked for them,
                and what is no question ends the episode. Or a user that a model plays.
            reward: 1 for success; or ``partial``: the product of the parts that ``info`` holds.
            distractors: tools that no task needs, offered besides; default: 0 easy, 4 full.
            hurry: probability that an episode's :meth:`expert` makes a typical mistake, such as
                to skip a check that the rules demand: flawed demonstrations, for training that
                shall correct a habit.
        """
        if not 0 <= hurry <= 1:
            raise BadInput(f"hurry is a probability, from 0 to 1, not {hurry}")
        if not isinstance(user, PolicyUser) and user not in ("none", "scripted"):
            raise UnknownName("user", str(user), ("none", "scripted"), "Or give a PolicyUser.")
        if reward not in ("success", "partial"):
            raise UnknownName("reward", reward, ("success", "partial"))
        self.domain = domain_of(domain, level)()
        extra = self.domain.distractors if distractors is None else distractors
        if not 0 <= extra <= len(DISTRACTORS):
            raise BadInput(f"there are 0 to {len(DISTRACTORS)} distractors, not {extra}")
        self._name, self._level, self._extra = domain, level, extra
        self.user, self.reward, self.hurry = user, reward, hurry
        self.system_prompt = self.domain.policy
        self._bind(self.domain)
        self._case: Case | None = None
        self._over = True

    def tasks(self, split: str) -> Sequence[Task]:
        """The tasks of ``train``, ``valid`` or ``test``."""
        found = tasks_of(self._name, self._level)
        if split not in found:
            raise UnknownName("split", split, self.splits)
        return found[split]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Make the database of a task and hear the wish."""
        task = self.task(seed, options)
        try:
            origin = Origin.model_validate(task.data)
        except ValidationError as error:
            raise BadInput(f"task {task.id!r} is not one of ToolUse: {error}") from error
        if (origin.domain, origin.level) != (self._name, self._level):
            raise BadInput(
                f"task {task.id!r} belongs to {origin.domain} at level {origin.level}, "
                f"not to {self._name} at level {self._level}"
            )
        self._start, self._case = opened(origin)
        self.domain.load(self._start)
        self._seed = origin.seed
        self._tried: frozenset[str] = frozenset()
        self._heard: frozenset[str] = frozenset()
        self._dialogue: tuple[Exchange, ...] = ()
        self._outcomes: tuple[str, ...] = ()
        self._hurried = bool(self.np_random.random() < self.hurry)
        self._over = False
        told = self._case.told_at_once() if self.user == "none" else self._case.request
        return told, {"task": task.id}

    def step(self, action: str) -> StepResult:
        """Run the calls in the action, or hear what it says."""
        if isinstance(self.user, PolicyUser):
            return background.call(self.astep, action)
        case, parsed = self._now(), parse_tool_calls(action, self.tools)
        if outcome := self._work(parsed):
            return outcome
        said = spoken(parsed)
        return self._reply(said, scripted_reply(case, said) if self.user == "scripted" else None)

    async def areset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """``reset`` at once: it takes microseconds, and a thread would cost more."""
        return self.reset(seed=seed, options=options)

    async def astep(self, action: str) -> StepResult:
        """``step`` at once, except that a user whom a model plays is waited for."""
        if not isinstance(self.user, PolicyUser):
            return self.step(action)
        case, parsed = self._now(), parse_tool_calls(action, self.tools)
        if outcome := self._work(parsed):
            return outcome
        said = spoken(parsed)
        reply = await self.user.reply(case, self._dialogue, said, seed=self._seed, env=self)
        return self._reply(said, reply)

    def _now(self) -> Case:
        if self._case is None or self._over:
            raise EpisodeOver("the episode has ended or not begun; call reset() first")
        return self._case

    def _work(self, parsed: Parsed) -> StepResult | None:
        """The outcome of a turn with calls, or of one that holds nothing; None: it speaks."""
        self._outcomes += ("malformed",) * len(parsed.malformed)
        if not parsed.calls and not parsed.malformed:
            return None if spoken(parsed) else (NOTHING, 0.0, False, False, {"valid": False})
        calls, left_out = parsed.calls[:CALLS_AT_ONCE], len(parsed.calls) - CALLS_AT_ONCE
        results = [self._run(call) for call in calls]
        self._outcomes += tuple(result.error or "ok" for result in results)
        self._tried |= {key_of(call) for call in calls}
        contents = [result.content for result in results]
        if len(calls) > 1:
            contents = [f"{call.name}: {text}" for call, text in zip(calls, contents, strict=True)]
        contents += parsed.malformed
        if left_out > 0:
            contents.append(f"{left_out} calls were left out: at most {CALLS_AT_ONCE} at once.")
        wrong = any(result.error in ("unknown", "arguments") for result in results)
        valid = not wrong and not parsed.malformed and left_out <= 0
        return "\n".join(contents), 0.0, False, False, {"valid": valid}

    def _run(self, call: ToolCall) -> ToolResult:
        for tool in self.tools:
            if tool.name == call.name:
                return tool.run(call.arguments)
        unknown = UnknownName("tool", call.name, (tool.name for tool in self.tools))
        return ToolResult(content=str(unknown), error="unknown")

    def _reply(self, said: str, reply: str | None) -> StepResult:
        """The conversation goes on with the user's reply, or is over and judged."""
        case = self._now()
        if reply is not None:
            self._dialogue += ((said, reply),)
            self._heard |= set(asked_for(case, said))
            return reply, 0.0, False, False, {"valid": True}
        self._over = True
        verdict = judge(case, self._start, self.domain, said)
        score = verdict.credit if self.reward == "partial" else float(verdict.success)
        info = {"valid": True, "success": verdict.success, **asdict(verdict)}
        info |= {"breaches": sorted(self.domain.breaches), "tool_calls": Counter(self._outcomes)}
        return "", score, True, False, info

    def anchor(self) -> str | None:
        """What the database became, rules broken, calls tried, and what the user told."""
        if self._case is None:
            return None
        changed = sorted(map(str, self.domain.changes(self._start)))
        told = [reply for _, reply in self._dialogue]
        broken = sorted(self.domain.breaches)
        return "\n".join([*changed, *broken, *sorted(self._tried), *sorted(set(told))])

    def actions(self) -> Sequence[str]:
        """Calls that look sensible, a question where there is one to ask, and an end."""
        asking = [self._question()] if self._now().details and self.user != "none" else []
        return [*plausible_calls(self.tools, self.domain.known()), *asking, "Done."]

    def expert(self) -> str:
        """The next turn of the reference plan: those of its calls that were not made yet."""
        case = self._now()
        if self.user != "none" and not self._heard >= case.details.keys():
            return self._question()
        plan = case.hasty if self._hurried else case.plan
        for turn in plan.turns:
            if left := [call for call in turn if key_of(call) not in self._tried]:
                return "\n".join(map(write_tool_call, left))
        return plan.answer

    def _question(self) -> str:
        return f"What is your {' and your '.join(self._now().details)}?"

    def fork(self) -> Self:
        """A copy with a database of its own; the records in it never change, and are shared."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._np_random = copy.deepcopy(self._np_random)
        twin._bind(self.domain.copy())
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Without the tools, whose models of arguments do not travel."""
        return {name: value for name, value in self.__dict__.items() if name != "tools"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Bind the tools anew."""
        self.__dict__.update(state)
        self._bind(self.domain)

    def _bind(self, domain: Domain) -> None:
        self.domain, self.tools = domain, (*tools_of(domain), *DISTRACTORS[: self._extra])


def spoken(parsed: Parsed) -> str:
    """What was said aloud: thoughts do not count."""
    return without_thoughts(parsed.text).strip()
