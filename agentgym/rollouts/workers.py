"""Workers that play episodes: bounded in number, each holding a session of the policy.

Jobs may add further jobs while they run (an episode that branches, a group that is filled up); a
worker without a job closes its session, so that a policy which batches does not wait for it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup, TaskStatus

from agentgym.env.text_env import TextEnv
from agentgym.errors import TooManyFailures
from agentgym.policy import Policy
from agentgym.trajectory import StopReason, Trajectory

SPARE_THREADS = 8  # for the policy and for tools, beside one thread for each environment

Job = Callable[[str], Awaitable[Trajectory | None]]
"""Plays an episode in the open session of this name; None if it did not come to one."""


class EnvPool:
    """Environments that are reused from episode to episode; one that failed never comes back."""

    def __init__(self, make_env: Callable[[], TextEnv]) -> None:
        self.make_env = make_env
        self.idle: list[TextEnv] = []
        self.failed: list[TextEnv] = []

    async def acquire(self) -> TextEnv:
        """An environment that nobody else uses."""
        return self.idle.pop() if self.idle else await anyio.to_thread.run_sync(self.make_env)

    def release(self, env: TextEnv, trajectory: Trajectory) -> None:
        """Let others use it, unless it failed; one that hangs must not even be closed."""
        if trajectory.failure is None:
            self.idle.append(env)
        elif trajectory.stop_reason is StopReason.ERROR:
            self.failed.append(env)

    def close(self) -> None:
        """Close the environments; one that failed before may fail again."""
        for env in self.failed:
            with suppress(Exception):
                env.close()
        for env in self.idle:
            env.close()


class Workers:
    """Plays jobs until there are none, or until too many of the episodes failed."""

    def __init__(
        self,
        make_env: Callable[[], TextEnv],
        policy: Policy,
        *,
        concurrency: int,
        planned: int,
        max_failures: float,
        label: str = "",
        on_trajectory: Callable[[Trajectory], None] | None = None,
    ) -> None:
        """Hire.

        Args:
            make_env: called in a thread, for :attr:`pool`.
            policy: shared by all episodes.
            concurrency: episodes in flight.
            planned: episodes in all, at most; what ``max_failures`` is a share of.
            max_failures: share of the episodes that may end in an error or a timeout.
            label: prefix of the sessions' names.
            on_trajectory: called as each episode ends, in order of completion.
        """
        self.pool = EnvPool(make_env)
        self.policy, self.planned, self.max_failures = policy, planned, max_failures
        self.workers, self.label = min(concurrency, planned), label
        self.on_trajectory = on_trajectory
        self._jobs: deque[tuple[Job, anyio.Event]] = deque()
        self._idle: deque[anyio.Event] = deque()
        self._playing = 0
        self._failures: Counter[str] = Counter()
        self._too_many: TooManyFailures | None = None

    def add(self, job: Job) -> anyio.Event:
        """Have one more episode played; for jobs.

        Returns:
            an event to wait for before anything else is asked of the policy: an idle worker, if
            there is one, has then opened its session for the job, so that whether the policy's
            next batch includes it is not a matter of timing.
        """
        taken = anyio.Event()
        self._jobs.append((job, taken))
        if self._idle:
            self._idle.popleft().set()
            return taken
        queued = anyio.Event()
        queued.set()
        return queued

    async def play(self, jobs: list[Job]) -> None:
        """Play ``jobs`` and all that they add.

        Raises:
            TooManyFailures: more than ``max_failures`` of the planned episodes failed.
        """
        threads = anyio.to_thread.current_default_thread_limiter()
        threads.total_tokens = max(threads.total_tokens, self.workers + SPARE_THREADS)
        self._jobs.extend((job, anyio.Event()) for job in jobs)
        everyone_is_in = anyio.Event()  # all sessions open before the first prompt: deterministic
        try:
            async with anyio.create_task_group() as group:
                for number in range(self.workers):
                    name = f"{self.label}worker {number}"
                    await group.start(self._work, name, everyone_is_in, group)
                everyone_is_in.set()
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None  # a caller knows nothing of workers
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self.pool.close)
        if self._too_many:
            raise self._too_many

    async def _work(
        self,
        session: str,
        everyone_is_in: anyio.Event,
        group: TaskGroup,
        *,
        task_status: TaskStatus[None],
    ) -> None:
        while True:
            async with self.policy.session(session):
                if not everyone_is_in.is_set():
                    task_status.started()
                    await everyone_is_in.wait()
                while self._jobs:
                    job, taken = self._jobs.popleft()
                    self._playing += 1
                    taken.set()
                    try:
                        if trajectory := await job(session):
                            self._ended(trajectory, group)
                    finally:
                        self._playing -= 1
            if not self._playing:
                for idle in self._idle:
                    idle.set()
                return
            wanted = anyio.Event()
            self._idle.append(wanted)
            await wanted.wait()

    def _ended(self, trajectory: Trajectory, group: TaskGroup) -> None:
        if self.on_trajectory:
            self.on_trajectory(trajectory)
        if failure := trajectory.failure:
            self._failures[f"{failure.boundary}: {failure.type}: {failure.message}"] += 1
            allowed = self.max_failures * self.planned
            if self._failures.total() > allowed and self._too_many is None:
                self._too_many = _too_many(self._failures, self.planned, self.max_failures)
                group.cancel_scope.cancel()


def _too_many(failures: Counter[str], planned: int, max_failures: float) -> TooManyFailures:
    common = "\n".join(f"  {count} x {what}" for what, count in failures.most_common(3))
    return TooManyFailures(
        f"{failures.total()} of {planned} episodes failed, more than the {max_failures:.0%} that "
        f"`max_failures` allows. Most common:\n{common}\n"
        "`agentgym check ENV` tests an environment on its own."
    )
