"""OPO: on-policy RL with the optimal reward baseline (Hao et al. 2025, arXiv 2505.23585).

    A_i = R_i - b,   b = sum of l_i R_i / sum of l_i        over the trajectories i of one group

l_i is how many tokens trajectory i sampled. The baseline with the least variance weighs a return
with the squared norm of its gradient, and that grows about as the length. Nothing is divided by a
deviation. The method is strictly on-policy: one update per batch, without KL and entropy terms.

The formula was compared with verl's code (``compute_opo_outcome_advantage``), which differs for
the only episode of a group: it keeps its return there, and has the baseline R_i, thus 0, here.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from agentgym.credit import Credit, Floats, Steps
from agentgym.errors import BadInput
from agentgym_trainers.credit.columns import codes, counts, measured
from agentgym_trainers.credit.groups import centre, episode_sums, first_steps


def opo(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    tokens: ArrayLike,
) -> Floats:
    """Advantages over the length-weighted mean, from plain columns of N steps.

    >>> opo("ggg", "aab", [0.0, 1.0, 0.0], [1, 2, 1]).tolist()
    [0.25, 0.25, -0.75]

    Args:
        group, trajectory, reward: as in :func:`grpo`.
        tokens: how many tokens each step sampled.

    Returns:
        shape (N,), float64; exactly 0 for a constant group and for the only episode of a group.

    Raises:
        BadInput: no step of a group sampled a token.
    """
    episode, of = codes(group, trajectory), codes(group)
    returns, error = (episode_sums(episode, x) for x in measured("reward", reward, len(of)))
    length = episode_sums(episode, counts("tokens", tokens, len(of)))
    if (silent := np.bincount(of, length)[of] == 0).any():
        where = group[int(np.argmax(silent))]
        raise BadInput(f"group {where!r} sampled no tokens; OPO weighs returns by their number")
    return centre(
        returns,
        of,
        "mean",
        counted=first_steps(episode) & (length > 0),
        singleton_is_zero=True,
        error=error,
        weight=length,
    )


class OPO(Credit):
    """Optimal reward baseline: the return less the mean of the group's, weighted by length."""

    name: str = "opo"

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`opo`."""
        return opo(steps.group, steps.trajectory, steps.reward, steps.tokens)
