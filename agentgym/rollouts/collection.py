"""Many concurrent episodes: groups of trajectories, without a barrier at every turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product

from agentgym.context.context import Context
from agentgym.env.text_env import Task, TextEnv
from agentgym.errors import BadInput
from agentgym.policy import Policy, Sampling
from agentgym.rollouts.episode import rollout
from agentgym.rollouts.limits import Limits
from agentgym.rollouts.workers import Workers
from agentgym.seeding import derive_seed
from agentgym.trajectory import Group, Trajectory


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
        tasks: one group each, in this order; a task may occur several times.
        group_size: episodes of a group; they share task and environment seed.
        seed: with the place in ``tasks``, determines every seed below.
        context, sampling, limits: as in :func:`agentgym.rollout`.
        concurrency: largest number of concurrent episodes.
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
    prefix = f"{label}/" if label else ""
    groups = [Group(id=f"{prefix}{i}/{task.id}", task=task) for i, task in enumerate(tasks)]
    ended: dict[tuple[int, int], Trajectory] = {}
    workers = Workers(
        make_env,
        policy,
        concurrency=concurrency,
        planned=len(tasks) * group_size,
        max_failures=max_failures,
        label=prefix,
        on_trajectory=on_trajectory,
    )

    async def play(place: int, member: int, session: str) -> Trajectory:
        env = await workers.pool.acquire()
        trajectory = ended[place, member] = await rollout(
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
        workers.pool.release(env, trajectory)
        return trajectory

    places = product(range(len(tasks)), range(group_size))
    await workers.play([partial(play, place, member) for place, member in places])
    for (place, _), trajectory in sorted(ended.items(), key=lambda item: item[0]):
        groups[place].trajectories.append(trajectory)
    return groups
