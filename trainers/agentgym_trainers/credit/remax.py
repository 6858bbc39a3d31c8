"""ReMax: REINFORCE against a greedy episode (Li et al. 2023, arXiv 2310.10505).

    A = R(sampled episode) - R(greedy episode from the same initial state)

The return of one more episode per group, played greedily, is the baseline. It does not depend on
what was sampled, so the gradient is unbiased.
"""

from collections.abc import Hashable, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from agentgym.credit import Credit, Floats, Need, Steps
from agentgym.errors import BadInput
from agentgym_trainers.credit.columns import codes, measured, numbers
from agentgym_trainers.credit.groups import CONSTANT, episode_sums, first_steps
from agentgym_trainers.credit.sequences import discounted


def remax(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    greedy: ArrayLike,
    *,
    to_go: bool = False,
) -> Floats:
    """Advantages over a greedy episode, from plain columns of N steps.

    >>> remax("ggg", "aab", [0.0, 1.0, 0.0], [0.4, 0.4, 0.4]).round(3).tolist()
    [0.6, 0.6, -0.4]

    Args:
        group, trajectory, reward: as in :func:`grpo`.
        greedy: return of the greedy episode of each step's group.
        to_go: take only the rewards from the step on, as verl's code does, in place of all. There
            is no difference where the reward comes at the end.

    Returns:
        shape (N,), float64. Exactly 0 where both episodes earned the same; other episodes of the
        group do not matter, so a group of one is nothing special.

    Raises:
        BadInput: a group has no greedy episode, or several.
    """
    episode, of = codes(group, trajectory), codes(group)
    missing = np.isnan(numbers("greedy", greedy, len(of))[0])
    if missing.any():
        raise BadInput(
            "ReMax needs a greedy episode of each group, and "
            f"{group[int(np.argmax(missing))]!r} has none"
        )
    baseline, slack = measured("greedy", greedy, len(of))
    if (baseline != baseline[first_steps(of)][of]).any():
        raise BadInput("greedy differs within a group; it has the return of one greedy episode")
    rewards = measured("reward", reward, len(of))
    returns, error = (
        discounted(episode, x, 1.0) if to_go else episode_sums(episode, x) for x in rewards
    )
    advantages = returns - baseline
    tolerance = np.maximum(CONSTANT * np.maximum(1.0, np.abs(baseline)), np.maximum(error, slack))
    advantages[np.abs(advantages) <= tolerance] = 0.0
    return advantages


class ReMax(Credit):
    """ReMax: the return of an episode against that of a greedy one."""

    needs: ClassVar[frozenset[Need]] = frozenset({"greedy"})
    name: str = "remax"
    to_go: bool = False
    """Use the rewards from the step on instead of the whole episode's return."""

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`remax`."""
        return remax(steps.group, steps.trajectory, steps.reward, steps.greedy, to_go=self.to_go)
