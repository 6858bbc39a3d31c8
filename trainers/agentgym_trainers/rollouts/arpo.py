"""ARPO: branch where a tool result made the policy uncertain (Dong et al. 2025, arXiv 2507.19849).

    dH_t = H_t - H_0                         entropy after the t-th tool result and at the start
    P_t  = clip(p + w dH_t, 0, 1)            probability of each of beam - 1 copies

A group starts with a few independent episodes and spends the rest of its budget on copies of them;
what they share was sampled once. Advantages are those of GRPO over all leaves.

The paper branches where p + w dH_t exceeds a threshold, its published code at random with the
probability above, which is what is done here. Entropies are divided by ln of the vocabulary's
size, as in the code (the paper divides by the size itself).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from agentgym_trainers.rollouts.rollouts import Positive
from agentgym_trainers.rollouts.tree import Branching

if TYPE_CHECKING:
    from agentgym.trajectory import Trajectory
    from agentgym_trainers.rollouts.tree import Tree


class ARPO(Branching):
    """Entropy-based adaptive branching after tool results."""

    name: str = "arpo"
    group_size: Annotated[int, Field(ge=2)] = 16
    """Trajectories in a group, i.e. leaves of a tree: initial episodes and branches."""
    initial: Positive = 8
    """Episodes that start at the beginning; the rest of the group are branches."""

    @model_validator(mode="after")
    def _leaves_some_to_branch(self) -> Self:
        if self.initial >= self.group_size:
            raise ValueError(
                f"initial = {self.initial} of group_size = {self.group_size} leaves nothing to "
                "branch"
            )
        return self

    def roots(self, tree: Tree) -> int:
        """The initial episodes; later, whatever no branch has used up."""
        return self.group_size - tree.started if tree.started else self.initial

    def chance(self, tree: Tree, path: Trajectory) -> float:
        """P_t."""
        rise = self.rise(path.steps, tree.vocabulary)
        return min(1.0, max(0.0, self.probability + self.entropy_weight * rise))
