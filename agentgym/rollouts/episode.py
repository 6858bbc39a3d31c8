"""One episode: observation -> prompt -> sampled ids -> action -> environment, until it ends.

Every episode ends exactly once, as a Trajectory with a stop reason. An exception on the way is
recorded with the boundary it crossed (environment, policy, ...) and ends only this episode.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from typing import Literal

import anyio
import anyio.to_thread

from agentgym.context.context import Context, FullHistory, Turn
from agentgym.env.text_env import Task, TextEnv
from agentgym.errors import Disagreement
from agentgym.policy import Completion, Policy, Prompt, Sampling
from agentgym.rendering.transcript import Transcript
from agentgym.rollouts.limits import Limits
from agentgym.rollouts.outcome import outcome, text
from agentgym.seeding import derive_seed
from agentgym.trajectory import Failure, Step, StopReason, Trajectory

Boundary = Literal["environment", "policy", "renderer", "context"]


class _Failed(Exception):
    """Carries a failure out of the episode's loop."""

    def __init__(self, reason: StopReason, failure: Failure) -> None:
        self.reason, self.failure = reason, failure


OnDecision = Callable[["Episode"], Awaitable[None]]
"""Called after each decision, before the environment acts on it."""


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
    on_decision: OnDecision | None = None,
) -> Trajectory:
    """Play one episode.

    Args:
        env: not in use by another episode.
        policy: completes the prompts.
        task: the problem; it is passed to ``env.reset``.
        seed: resets the environment; episodes of a group share it.
        context: which past turns the policy sees; default: all.
        sampling: temperature and so on; default: temperature 1, at most 64 tokens per step.
        limits: steps, tokens and seconds.
        id: names the trajectory; default: the task's id.
        group: names the group; default: ``id``.
        sampling_seed: seeds the policy; default: ``seed``. Differs within a group.
        session: an open session of the policy; default: one for this episode alone.
        on_decision: called with each decision before the environment acts on it; it may call
            :meth:`Episode.fork`.

    Returns:
        The record. It has a ``failure`` if the environment or the policy raised or timed out; the
        exception is not raised here.
    """
    record = Trajectory(
        id=id or task.id,
        group=group or id or task.id,
        task=task,
        env=env.spec.id if env.spec else type(env).__name__,
        seed=seed,
        system_prompt=env.system_prompt,
        stop_reason=StopReason.ERROR,
    )
    episode = Episode(
        env,
        policy,
        record,
        sampling_seed=seed if sampling_seed is None else sampling_seed,
        context=context or FullHistory(),
        sampling=sampling or Sampling(),
        limits=limits or Limits(),
    )
    return await episode.run(session, on_decision)


class Episode:
    """An episode on its way: what it has seen so far, and which of its sides is waited for."""

    def __init__(
        self,
        env: TextEnv,
        policy: Policy,
        record: Trajectory,
        *,
        sampling_seed: int,
        context: Context,
        sampling: Sampling,
        limits: Limits,
    ) -> None:
        self.env, self.policy, self.record = env, policy, record
        self.sampling_seed, self.context = sampling_seed, context
        self.sampling, self.limits = sampling, limits
        self.max_steps = limits.max_steps or (env.spec and env.spec.max_episode_steps) or 50
        self.waiting_for: Boundary = "environment"
        self.observation: str | None = None
        self.turns: list[Turn] = []
        self.tools = [*env.tools, *context.tools]
        self.transcript = Transcript(policy.renderer, self.tools)
        self.unasked = self.transcript
        """The transcript as it was before the last prompt."""

    async def run(
        self, session: str | None = None, on_decision: OnDecision | None = None
    ) -> Trajectory:
        """Play to the end; the record says how it ended.

        Args:
            session: an open session of the policy; default: one for this episode alone.
            on_decision: see :func:`rollout`.
        """
        record, limit = self.record, self.limits.episode_timeout
        name = session or record.id
        own = self.policy.session(name) if session is None else nullcontext()
        try:
            with anyio.move_on_after(limit) as clock:
                async with own:
                    record.stop_reason = await self._play(name, on_decision)
            if clock.cancelled_caught:
                spent = f"the episode passed {limit:g} s"
                failure = self._timed_out(spent, len(record.steps))
                record.stop_reason, record.failure = StopReason.TIMEOUT, failure
        except _Failed as failed:
            record.stop_reason, record.failure = failed.reason, failed.failure
        return record

    async def fork(self, id: str, sampling_seed: int) -> Episode:  # noqa: A002
        """For a ``on_decision``: another episode that shares everything before the last decision.

        The environment is forked in a thread; if it raises, this episode fails.
        """
        shared = self.record.steps[:-1]
        with self._crossing("environment", self.limits.env_timeout, len(shared)):
            env = await anyio.to_thread.run_sync(self.env.fork, abandon_on_cancel=True)
        own = self.record
        steps = [
            step.model_copy(update={"sampled_by": step.sampled_by or own.id}) for step in shared
        ]
        changes = {
            "id": id,
            "parent": own.id,
            "branch_step": len(shared),
            "branch_token": len(self.transcript.ids),
            "steps": steps,
        }
        branch = copy(self)
        branch.env, branch.sampling_seed = env, sampling_seed
        branch.record = own.model_copy(update=changes)
        branch.turns, branch.transcript = list(self.turns), copy(self.unasked)
        return branch

    async def _play(self, session: str, on_decision: OnDecision | None) -> StopReason:
        """Step until something ends the episode; the record grows on the way."""
        record = self.record
        if self.observation is None:
            with self._crossing("environment", self.limits.env_timeout, 0):
                observation, _ = await self.env.areset(
                    seed=record.seed, options={"task": record.task.model_dump()}
                )
                self.observation = text(observation)
        while True:
            record.final_observation = self.observation
            if len(record.steps) >= self.max_steps:
                return StopReason.MAX_STEPS
            step = await self._decide(session, self.observation)
            if step is None:
                return StopReason.CONTEXT
            if on_decision:
                await on_decision(self)
            ended = await self._act(step, self.observation)
            self.transcript.sample(step.ids, step.action)
            self.turns.append(Turn(self.observation, step.action))
            self.observation = record.final_observation
            if ended:
                return ended

    async def _decide(self, session: str, observation: str) -> Step | None:
        """What the policy does about the observation; None if it has no room left to answer."""
        index, limits = len(self.record.steps), self.limits
        with self._crossing("context", limits.env_timeout, index):
            messages = self.context.messages(self.env.system_prompt, self.turns, observation)
        self.unasked = copy(self.transcript)
        with self._crossing("renderer", limits.env_timeout, index):
            added = self.transcript.prompt(messages)
        room = self.sampling.max_tokens
        for most in (self.policy.max_context, limits.max_context):
            if most is not None:
                room = min(room, most - len(self.transcript.ids))
        if room < 1:
            return None
        prompt = Prompt(
            session=session,
            episode=self.record.id,
            step=index,
            seed=derive_seed(self.sampling_seed, index),
            messages=messages,
            ids=self.transcript.ids,
            tools=self.tools,
            env=self.env,
        )
        with self._crossing("environment", limits.env_timeout, index):
            anchor = self.env.anchor()
        started = time.perf_counter()
        with self._crossing("policy", limits.policy_timeout, index):
            sampling = self.sampling.model_copy(update={"max_tokens": room})
            completion = await self.policy.generate(prompt, sampling)
            step = self._decided(observation, anchor, added, completion)
        step.seconds = {"policy": time.perf_counter() - started}
        self.record.steps.append(step)  # before the environment acts: its failures keep the action
        return step

    def _decided(
        self, observation: str, anchor: str | None, added: list[int], completion: Completion
    ) -> Step:
        """The step as the policy took it; what comes of it is not known yet."""
        return Step(
            observation=observation,
            action=text(completion.text),
            anchor=observation if anchor is None else text(anchor),
            segment=self.transcript.segment,
            drift=self.transcript.drift,
            prompt_ids=added,
            ids=list(completion.ids),
            logprobs=list(completion.logprobs),
            entropies=list(completion.entropies),
            finish_reason=completion.finish_reason,
            weight_versions=list(completion.weight_versions),
            usage=completion.usage,
            refused_parameters=list(completion.refused_parameters),
        )

    async def _act(self, step: Step, observation: str) -> StopReason | None:
        """Let the context answer the action if it is about the past, else the environment."""
        record, started = self.record, time.perf_counter()
        index = len(record.steps) - 1
        with self._crossing("context", self.limits.env_timeout, index):
            edited = self.context.answer(self.turns, observation, step.action)
        if edited is not None:
            record.final_observation, step.valid, step.info = (
                text(edited.text),
                edited.valid,
                dict(edited.info),
            )
            return None
        with self._crossing("environment", self.limits.env_timeout, index):
            record.final_observation, info = outcome(step, await self.env.astep(step.action))
        step.seconds["environment"] = time.perf_counter() - started
        if not (step.terminated or step.truncated):
            return None
        record.success = bool(info.get("success", record.reward > 0))
        return StopReason.TERMINATED if step.terminated else StopReason.TRUNCATED

    def _timed_out(self, what: str, step: int) -> Failure:
        message = f"{what} while waiting for the {self.waiting_for} (step {step})"
        return Failure(boundary=self.waiting_for, type="TimeoutError", message=message)

    @contextmanager
    def _crossing(self, boundary: Boundary, seconds: float, step: int) -> Iterator[None]:
        """Whatever raises inside becomes a failure of ``boundary``."""
        self.waiting_for = boundary
        try:
            with anyio.fail_after(seconds):
                yield
        except TimeoutError as error:
            what = str(error) or f"no answer in {seconds:g} s"
            raise _Failed(StopReason.TIMEOUT, self._timed_out(what, step)) from error
        except Disagreement:
            raise
        except Exception as error:
            failure = Failure(
                boundary=boundary,
                type=type(error).__name__,
                message=str(error),
                traceback=traceback.format_exc(),
            )
            raise _Failed(StopReason.ERROR, failure) from error
