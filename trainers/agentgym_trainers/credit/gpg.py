"""GPG: group policy gradient (Chu et al. 2025, arXiv 2504.02546).

    A_i = alpha (R_i - mean(R)),   alpha = B / (B - M)

over the trajectories i of one group. B is how many trajectories the batch has, M how many of them
are in groups whose returns are all the same. These have no gradient, but the batch is averaged over
them too; alpha undoes that, so that the update does not shrink as more tasks are always solved.

The paper's loss is the plain policy gradient, -A ln p: ``objective.name = "cispo"`` with ``clip_low
= 0`` and ``clip_high = 0``. verl's code (``compute_gpg_outcome_advantage``, which was read) counts
the trajectories whose score is 0 in place of M: where a group that is solved by all is in the
batch, or a wrong answer among right ones, its alpha is another.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from agentgym.credit import Credit, Floats, Steps
from agentgym_trainers.credit.columns import codes, measured
from agentgym_trainers.credit.groups import centre, episode_sums, first_steps


def gpg(group: Sequence[Hashable], trajectory: Sequence[Hashable], reward: ArrayLike) -> Floats:
    """Returns less their group's mean, scaled by the share of groups with a gradient.

    >>> gpg("gghh", "abcd", [1.0, 0.0, 1.0, 1.0]).tolist()
    [1.0, -1.0, 0.0, 0.0]

    Args:
        group, trajectory, reward: as in :func:`grpo`.

    Returns:
        shape (N,), float64; exactly 0 for a constant group, and for the only episode of a group.
    """
    episode, of = codes(group, trajectory), codes(group)
    returns, error = (episode_sums(episode, x) for x in measured("reward", reward, len(of)))
    first = first_steps(episode)
    centred = centre(returns, of, "mean", counted=first, singleton_is_zero=True, error=error)
    moving = np.bincount(of, centred != 0)[of] > 0
    alpha = float(first.sum() / max(1, (first & moving).sum()))
    return alpha * centred


class GPG(Credit):
    """Group policy gradient: centred returns, scaled up where other groups have no gradient."""

    name: str = "gpg"

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`gpg`."""
        return gpg(steps.group, steps.trajectory, steps.reward)
