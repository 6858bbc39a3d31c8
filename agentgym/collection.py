"""Many episodes at once: groups of trajectories, bounded in number, with no turn barrier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus

from agentgym.context import Context
from agentgym.env import Task, TextEnv
from agentgym.episode import Limits, rollout
from agentgym.errors import BadInput, TooManyFailures
from agentgym.policy import Policy, Sampling
from agentgym.seeding import derive_seed
from agentgym.trajectory import Group, StopReason, Trajectory

SPARE_THREADS = 8  # for the policy and for tools, beside one thread for each environment


class EnvPool:
    """Environments that are reused from episode to episode; one that failed never comes back."""

    def __init__(self, make_env: Callable[[], TextEnv]) -> None:
        self.make_env = make_env
        self.idle: list[TextEnv] = []
        self.failed: list[TextEnv] = []

    async def take(self) -> TextEnv:
        """An environment that nobody else uses."""
        return self.idle.pop() if self.idle else await anyio.to_thread.run_sync(self.make_env)

    def give_back(self, env: TextEnv, trajectory: Trajectory) -> None:
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


async def collect(
    make_env: Callable[[], TextEnv],
    policy: Policy,
    tasks: Sequence[Task],
    *,
    group_size: int = 1,
    seed: int = 0,
    context: Context | None = None,
    sampling: Sampling | None = None,
    limits: Limits | None = None,
    concurrency: int = 64,
    max_failures: float = 0.2,
    on_trajectory: Callable[[Trajectory], None] | None = None,
    label: str = "",
) -> list[Group]:
    """Play ``group_size`` episodes of every task.

    Args:
        make_env: called in a thread, at most ``concurrency`` times (more if episodes fail).
        policy: shared by all episodes.
        tasks: one group each, in this order; a task may occur more than once.
        group_size: episodes of a group; they share task and environment seed.
        seed: with the place in ``tasks``, fixes every seed below.
        context, sampling, limits: as in :func:`agentgym.rollout`.
        concurrency: episodes in flight.
        max_failures: share of all episodes that may end in an error or a timeout.
        on_trajectory: called as each episode ends, in order of completion.
        label: prefix of the ids.

    Returns:
        The groups in the order of ``tasks``, failed trajectories included.

    Raises:
        BadInput: no tasks.
        TooManyFailures: more than ``max_failures`` of the episodes failed.
    """
    if not tasks:
        raise BadInput("there are no tasks to roll out; does the split you named have any?")
    planned = len(tasks) * group_size
    prefix = f"{label}/" if label else ""
    groups = [Group(id=f"{prefix}{i}/{task.id}", task=task) for i, task in enumerate(tasks)]
    ended: dict[tuple[int, int], Trajectory] = {}
    failures: Counter[str] = Counter()
    too_many: TooManyFailures | None = None
    pool = EnvPool(make_env)
    threads = anyio.to_thread.current_default_thread_limiter()
    threads.total_tokens = max(threads.total_tokens, concurrency + SPARE_THREADS)
    jobs = ((place, member) for place in range(len(tasks)) for member in range(group_size))
    everyone_is_in = anyio.Event()  # all sessions open before the first prompt: deterministic

    async def play(place: int, member: int, session: str) -> Trajectory:
        env = await pool.take()
        trajectory = await rollout(
            env,
            policy,
            tasks[place],
            seed=derive_seed(seed, "env", place),
            sampling_seed=derive_seed(seed, "policy", place, member),
            context=context,
            sampling=sampling,
            limits=limits,
            id=f"{groups[place].id}/{member}",
            group=groups[place].id,
            session=session,
        )
        pool.give_back(env, trajectory)
        return trajectory

    async def work(session: str, *, task_status: TaskStatus[None]) -> None:
        nonlocal too_many
        async with policy.session(session):
            task_status.started()
            await everyone_is_in.wait()
            for place, member in jobs:
                trajectory = ended[place, member] = await play(place, member, session)
                if on_trajectory:
                    on_trajectory(trajectory)
                if failure := trajectory.failure:
                    failures[f"{failure.boundary}: {failure.type}: {failure.message}"] += 1
                    if failures.total() > max_failures * planned and too_many is None:
                        too_many = _too_many(failures, planned, max_failures)
                        workers.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as workers:
            for number in range(min(concurrency, planned)):
                await workers.start(work, f"{prefix}worker {number}")
            everyone_is_in.set()
    except ExceptionGroup as group:
        raise group.exceptions[0] from None  # a caller of collect() knows nothing of workers
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(pool.close)
    if too_many:
        raise too_many
    for (place, _), trajectory in sorted(ended.items(), key=lambda item: item[0]):
        groups[place].trajectories.append(trajectory)
    return groups


def _too_many(failures: Counter[str], planned: int, max_failures: float) -> TooManyFailures:
    common = "\n".join(f"  {count} x {what}" for what, count in failures.most_common(3))
    return TooManyFailures(
        f"{failures.total()} of {planned} episodes failed, more than the {max_failures:.0%} that "
        f"`max_failures` allows. Most common:\n{common}\n"
        "`agentgym check ENV` tests an environment on its own."
    )
