"""Independent rollouts: the episodes of a group know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentgym.context.context import Context
from agentgym.env.text_env import Task, TextEnv
from agentgym.policy import Policy
from agentgym.rollouts.collection import collect
from agentgym.trajectory import Group, Trajectory
from agentgym_trainers.rollouts.rollouts import Rollouts


class Independent(Rollouts):
    """Every episode starts at the task's first observation."""

    name: str = "independent"

    async def gather(
        self,
        make_env: Callable[[], TextEnv],
        policy: Policy,
        tasks: Sequence[Task],
        *,
        seed: int,
        context: Context,
        on_trajectory: Callable[[Trajectory], None] | None = None,
        label: str = "",
    ) -> list[Group]:
        """See :class:`Rollouts`."""
        return await collect(
            make_env,
            policy,
            tasks,
            group_size=self.group_size,
            seed=seed,
            context=context,
            sampling=self.sampling,
            limits=self.limits,
            concurrency=self.concurrency,
            max_failures=self.max_failures,
            on_trajectory=on_trajectory,
            label=label,
        )
