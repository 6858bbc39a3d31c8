"""AEPO: branching with a balanced budget (Dong et al. 2025, arXiv 2510.14545, section 3.2).

    m   = k sigmoid(beta (H_root - mean_t H_t))      of k episodes so many from the beginning
    P_t = clip(p + w dH_t, 0, 1) (1 - c l)           l: branches in a row on this path

ARPO may spend a group's budget on a single path whose every step is uncertain. AEPO first plays
one episode to see whether the question or the tool results are the uncertain part, and makes each
further branch on the same path less probable. The other half of the method, clipping that keeps
gradients and advantages aware of entropy, are ``objective = ce_gppo`` and ``credit = aepo``.

The published code plays two monitoring rollouts for a group and throws them away; here the one is
the group's first episode. There l counts a group's branches, here those of a path, as the paper
argues. The base term p is a probability (in the code of AEPO, a threshold).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agentgym_trainers.rollouts.rollouts import Share
from agentgym_trainers.rollouts.tree import Branching

if TYPE_CHECKING:
    from agentgym.trajectory import Trajectory
    from agentgym_trainers.rollouts.tree import Tree


class AEPO(Branching):
    """ARPO's branching with entropy pre-monitoring and a penalty on consecutive branches."""

    name: str = "aepo"
    group_size: Annotated[int, Field(ge=2)] = 16
    """k: trajectories in a group, i.e. leaves of a tree: initial episodes and branches."""
    sensitivity: Annotated[float, Field(ge=0)] = 0.5
    """beta: how strongly the monitored entropies shift the budget; 0 splits it in half."""
    penalty: Share = 0.05
    """c: each consecutive branch makes the next one less probable by this much."""

    def roots(self, tree: Tree) -> int:
        """One to monitor; then the others of m, at least one; then what no branch has used up."""
        if tree.started == 0:
            return 1
        missing = self.group_size - tree.started
        if tree.started > 1:
            return missing
        steps = tree.ended[0].steps
        entropies = [self.entropy(step, tree.vocabulary) for step in steps] or [0.0]
        after = entropies[1:] or entropies
        gap = entropies[0] - sum(after) / len(after)
        share = 0.5 * (1 + math.tanh(0.5 * self.sensitivity * gap))  # the sigmoid, for any gap
        return max(1, round(self.group_size * share) - 1)

    def chance(self, tree: Tree, path: Trajectory) -> float:
        """P_t; 0 for the episode that monitors."""
        if tree.started == 1:
            return 0.0
        streak = tree.streak.get(path.id, 0)
        rise = self.rise(path.steps, tree.vocabulary)
        base = min(1.0, max(0.0, self.probability + self.entropy_weight * rise))
        return base * max(0.0, 1 - self.penalty * streak)
