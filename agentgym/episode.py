"""One episode: observation -> prompt -> sampled ids -> action -> environment, until it ends.

Every episode ends exactly once, as a Trajectory with a stop reason. What raises on the way is
recorded by the boundary it crossed and costs this episode only.
"""

from __future__ import annotations

import json
import math
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Annotated, Any, Literal

import anyio
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_jsonable_python

from agentgym.context import Context, FullHistory, Turn
from agentgym.env import StepResult, Task, TextEnv
from agentgym.policy import Completion, Policy, Prompt, Sampling
from agentgym.seeding import derive_seed
from agentgym.trajectory import Failure, Step, StopReason, Trajectory
from agentgym.transcript import Transcript

Boundary = Literal["environment", "policy", "renderer", "context"]


class Limits(BaseModel):
    """What an episode may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    max_steps: Annotated[int, Field(ge=1)] | None = None
    """Decisions; default: the environment's registered limit, else 50."""
    env_timeout: Annotated[float, Field(gt=0)] = 120.0
    """Seconds for one reset or step of the environment."""
    policy_timeout: Annotated[float, Field(gt=0)] = 600.0
    """Seconds for one completion."""
    episode_timeout: Annotated[float, Field(gt=0)] = 3600.0
    """Seconds for the whole episode."""


class _Failed(Exception):
    """Carries a failure out of the episode's loop."""

    def __init__(self, reason: StopReason, failure: Failure) -> None:
        self.reason, self.failure = reason, failure


async def rollout(
    env: TextEnv,
    policy: Policy,
    task: Task,
    *,
    seed: int = 0,
    context: Context | None = None,
    sampling: Sampling | None = None,
    limits: Limits | None = None,
    id: str = "",  # noqa: A002
    group: str = "",
    sampling_seed: int | None = None,
    session: str | None = None,
) -> Trajectory:
    """Play one episode.

    Args:
        env: not in use by another episode.
        policy: answers the prompts.
        task: the problem; it is passed to ``env.reset``.
        seed: resets the environment; episodes of a group share it.
        context: what the policy sees of the past; default: everything.
        sampling: how tokens are drawn; default: temperature 1.
        limits: steps and seconds.
        id: names the trajectory; default: the task's id.
        group: names the group; default: ``id``.
        sampling_seed: seeds the policy; default: ``seed``. Differs within a group.
        session: an open session of the policy; default: one for this episode alone.
    """
    episode = _Episode(
        env, policy, context or FullHistory(), sampling or Sampling(), limits or Limits()
    )
    episode.session = session or id or task.id
    own = policy.session(episode.session) if session is None else nullcontext()
    record = Trajectory(
        id=id or task.id,
        group=group or id or task.id,
        task=task,
        env=env.spec.id if env.spec else type(env).__name__,
        seed=seed,
        system_prompt=env.system_prompt,
        stop_reason=StopReason.ERROR,
    )
    try:
        with anyio.move_on_after(episode.limits.episode_timeout) as clock:
            async with own:
                record.stop_reason = await episode.play(
                    record, seed if sampling_seed is None else sampling_seed
                )
        if clock.cancelled_caught:
            spent = f"the episode passed {episode.limits.episode_timeout:g} s"
            record.stop_reason, record.failure = (
                StopReason.TIMEOUT,
                episode.timed_out(spent, len(record.steps)),
            )
    except _Failed as failed:
        record.stop_reason, record.failure = failed.reason, failed.failure
    return record


class _Episode:
    """The moving parts of one episode, and which of them is being waited for."""

    def __init__(
        self,
        env: TextEnv,
        policy: Policy,
        context: Context,
        sampling: Sampling,
        limits: Limits,
    ) -> None:
        self.env, self.policy, self.context = env, policy, context
        self.sampling, self.limits = sampling, limits
        self.waiting_for: Boundary = "environment"
        self.max_steps = limits.max_steps or (env.spec and env.spec.max_episode_steps) or 50
        self.transcript = Transcript(policy.renderer, env.tools)
        self.session = ""

    def timed_out(self, what: str, step: int) -> Failure:
        message = f"{what} while waiting for the {self.waiting_for} (step {step})"
        return Failure(boundary=self.waiting_for, type="TimeoutError", message=message)

    @contextmanager
    def crossing(self, boundary: Boundary, seconds: float, step: int) -> Iterator[None]:
        """Whatever raises inside becomes a failure of ``boundary``."""
        self.waiting_for = boundary
        try:
            with anyio.fail_after(seconds):
                yield
        except TimeoutError as error:
            what = str(error) or f"no answer in {seconds:g} s"
            raise _Failed(StopReason.TIMEOUT, self.timed_out(what, step)) from error
        except Exception as error:
            failure = Failure(
                boundary=boundary,
                type=type(error).__name__,
                message=str(error),
                traceback=traceback.format_exc(),
            )
            raise _Failed(StopReason.ERROR, failure) from error

    async def play(self, record: Trajectory, sampling_seed: int) -> StopReason:
        """Step until something ends the episode; ``record`` grows on the way."""
        with self.crossing("environment", self.limits.env_timeout, 0):
            observation, _ = await self.env.areset(
                seed=record.seed, options={"task": record.task.model_dump()}
            )
            observation = _text(observation)
        turns: list[Turn] = []
        while True:
            record.final_observation = observation
            index = len(record.steps)
            if index >= self.max_steps:
                return StopReason.MAX_STEPS
            with self.crossing("context", self.limits.env_timeout, index):
                messages = self.context.messages(self.env.system_prompt, turns, observation)
            with self.crossing("renderer", self.limits.env_timeout, index):
                added = self.transcript.prompt(messages)
            room = self.sampling.max_tokens
            if self.policy.max_context is not None:
                room = min(room, self.policy.max_context - len(self.transcript.ids))
                if room < 1:
                    return StopReason.CONTEXT
            prompt = Prompt(
                session=self.session,
                episode=record.id,
                step=index,
                seed=derive_seed(sampling_seed, index),
                messages=messages,
                ids=self.transcript.ids,
                tools=self.env.tools,
                env=self.env,
            )
            with self.crossing("environment", self.limits.env_timeout, index):
                anchor = self.env.anchor()
            started = time.perf_counter()
            with self.crossing("policy", self.limits.policy_timeout, index):
                sampling = self.sampling.model_copy(update={"max_tokens": room})
                completion = await self.policy.generate(prompt, sampling)
                step = self.decided(observation, anchor, added, completion)
            answered = time.perf_counter()
            record.steps.append(step)  # before the environment acts: its failures keep the action
            with self.crossing("environment", self.limits.env_timeout, index):
                after, info = _outcome(step, await self.env.astep(step.action))
            step.seconds = {
                "policy": answered - started,
                "environment": time.perf_counter() - answered,
            }
            self.transcript.sample(step.ids, step.action)
            turns.append(Turn(observation, step.action))
            observation = record.final_observation = after
            if step.terminated or step.truncated:
                record.success = bool(info.get("success", record.reward > 0))
                return StopReason.TERMINATED if step.terminated else StopReason.TRUNCATED

    def decided(
        self, observation: str, anchor: str | None, added: list[int], completion: Completion
    ) -> Step:
        """The step as the policy took it; what comes of it is not known yet."""
        return Step(
            observation=observation,
            action=_text(completion.text),
            anchor=observation if anchor is None else _text(anchor),
            segment=self.transcript.segment,
            drift=self.transcript.drift,
            prompt_ids=added,
            ids=list(completion.ids),
            logprobs=list(completion.logprobs),
            entropies=list(completion.entropies),
            finish_reason=completion.finish_reason,
            weight_versions=list(completion.weight_versions),
            usage=completion.usage,
        )


def _outcome(step: Step, result: StepResult) -> tuple[str, dict[str, Any]]:
    """Check what the environment answered and write it into ``step``."""
    observation, reward, terminated, truncated, info = result
    if not math.isfinite(reward):
        raise ValueError(f"reward {reward} is not finite")
    step.reward = float(reward)
    step.valid = bool(info.get("valid", True))
    step.terminated, step.truncated = bool(terminated), bool(truncated)
    step.info = _json(info)
    return _text(observation), info


def _text(value: Any) -> str:
    """``value`` as text that can be written down: halves of a character become question marks."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, got a {type(value).__name__}: {value!r:.80}")
    return value.encode("utf-8", "replace").decode("utf-8")


def _json(value: Any) -> Any:
    """``value`` as JSON has it; what JSON lacks (objects, NaN) becomes text."""
    text = json.dumps(to_jsonable_python(value, fallback=repr), ensure_ascii=False)
    return json.loads(_text(text), parse_constant=str)
