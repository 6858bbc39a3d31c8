"""Pass@k training: credit for the best of k attempts (Chen et al. 2025, arXiv 2508.10751).

    R     = 1 - C(F, k) / C(N, k)                               of N attempts, F of them failures
    std   = sqrt(R (1 - R))
    A     = (1 - R) / std                                       of a success
    A     = (1 - R - C(F - 1, k - 1) / C(N - 1, k - 1)) / std   of a failure

A draw of k attempts is a success if one of them is. An attempt's advantage is the mean reward of
the draws that it is in, normalised over all draws; nothing is drawn, the mean is known. So a rare
success counts for more than one among many, and a group in which every draw of k holds a success
teaches nothing more: training does not give up the attempts that differ.

The formula is that of the authors' code (``passk_adv.py``, which was read); it adds 1e-6 to std.
Here a group whose std is 0 gets exactly 0, and nothing is added.
"""

from collections.abc import Hashable, Sequence
from math import comb, sqrt
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from agentgym.credit import Credit, Floats, Steps
from agentgym.errors import BadInput
from agentgym_trainers.credit.columns import codes, flags
from agentgym_trainers.credit.groups import first_steps


def pass_at_k(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    success: ArrayLike,
    *,
    k: int = 4,
) -> Floats:
    """Advantages for the best of k, from plain columns of N steps.

    >>> pass_at_k("gggg", "abcd", [True, False, False, False], k=2).round(3).tolist()
    [1.0, -0.333, -0.333, -0.333]

    Args:
        group, trajectory: as in :func:`grpo`.
        success: whether the episode of the step succeeded, the same for all steps of an episode.
        k: attempts in a draw; 1 is GRPO with the population deviation, for rewards of 0 and 1.

    Returns:
        shape (N,), float64. Exactly 0 where fewer than k attempts failed or all did, and where a
        group has at most k attempts: it is one draw.

    Raises:
        BadInput: ``k`` is less than 1.
    """
    if k < 1:
        raise BadInput(f"k is {k}; a draw has at least one attempt")
    episode, of = codes(group, trajectory), codes(group)
    won, first = flags("success", success, len(of)), first_steps(episode)
    attempts = np.bincount(of, first).astype(int)
    failures = np.bincount(of, first & ~won).astype(int)
    pairs = [_of_failure_and_success(n, f, k) for n, f in zip(attempts, failures, strict=True)]
    advantages: Floats = np.array(pairs, dtype=np.float64).reshape(-1, 2)[of, won.astype(int)]
    return advantages


def _of_failure_and_success(attempts: int, failures: int, k: int) -> tuple[float, float]:
    if failures < k or failures == attempts:
        return 0.0, 0.0
    missed = comb(failures, k) / comb(attempts, k)
    std = sqrt(missed * (1 - missed))
    beside = comb(failures - 1, k - 1) / comb(attempts - 1, k - 1)
    return (missed - beside) / std, missed / std


class PassAtK(Credit):
    """Pass@k training: an attempt is worth what it adds to the best of k."""

    shaped: ClassVar[bool] = False
    name: str = "pass_at_k"
    k: Annotated[int, Field(ge=1)] = 4
    """Attempts in a draw, of which one success is enough; less than rollouts.group_size."""

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`pass_at_k`."""
        return pass_at_k(steps.group, steps.trajectory, steps.success, k=self.k)
