"""GDPO: group reward-decoupled normalisation policy optimisation (Liu et al. 2026, 2601.05242).

    z_k = (r_k - mean(r_k)) / (std(r_k) + eps)     of each reward k by itself, within the group
    S   = sum over k of w_k z_k
    A   = (S - mean(S)) / (std(S) + eps)           over the trajectories of the whole batch

Summed before they are normalised, different combinations of rewards collapse into one advantage,
and the reward with the widest spread drowns the others. Normalised one by one, each counts by its
weight and not by its scale; the batch then keeps the size of A independent of how many there are.
"""

from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from agentgym.credit import Credit, Floats, Integers, Steps
from agentgym.errors import BadInput
from agentgym_trainers.credit.columns import codes, finite, numbers
from agentgym_trainers.credit.groups import centre, episode_sums, first_steps


def gdpo(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    parts: Mapping[str, ArrayLike],
    *,
    weights: Mapping[str, float] | None = None,
    epsilon: float = 1e-4,
) -> Floats:
    """Advantages from the parts of the reward, given as plain columns of N steps.

    >>> gdpo("gg", "ab", {"right": [1.0, 0.0], "short": [10.0, 10.0]}).round(3).tolist()
    [0.707, -0.707]

    Args:
        group, trajectory: as in :func:`grpo`.
        parts: each part of the reward by name, shape (N,); an episode's is the sum over its
            steps. NaN: this part does not apply to the episode, which is then left out of the
            part's statistics and gets nothing from it.
        weights: w_k by name; parts that it does not name are left out. Default: 1 for all.
        epsilon: added to every standard deviation: 1e-4 in TRL's code, 1e-6 in verl's.

    Returns:
        shape (N,), float64. The only episode of a group is 0, so is a constant group, and an
        episode to which no part applies. (verl's code whitens over tokens, so that long answers
        weigh more, and gives a group of one its raw score; here it is as in the paper and TRL.)

    Raises:
        BadInput: ``weights`` names a part that is not there, or a part is infinite.
    """
    episode, of = codes(group, trajectory), codes(group)
    first = first_steps(episode)
    combined, off = np.zeros(len(of)), np.zeros(len(of))
    applies = np.zeros(len(of), dtype=np.bool_)
    for name, weight in (dict.fromkeys(parts, 1.0) if weights is None else weights).items():
        if name not in parts:
            known = ", ".join(sorted(parts)) or "none"
            raise BadInput(f"weights name {name!r}, which is no part of the reward; known: {known}")
        raw, error = numbers(name, parts[name], len(of))
        has = ~np.isnan(episode_sums(episode, raw))
        part = episode_sums(episode, finite(name, np.where(np.isnan(raw), 0.0, raw), len(of)))
        slack = episode_sums(episode, np.where(np.isnan(raw), 0.0, error))
        z, doubt = _standardised(part, slack, of, first & has, epsilon)
        combined += np.where(has, weight * z, 0.0)
        off += np.where(has, abs(weight) * doubt, 0.0)
        applies |= has
    everywhere = np.zeros(len(of), dtype=np.int64)
    return applies * centre(
        combined,
        everywhere,
        "mean_std",
        counted=first & applies,
        singleton_is_zero=True,
        epsilon=epsilon,
        error=off,
    )


def _standardised(
    part: Floats, slack: Floats, group: Integers, counted: NDArray[np.bool_], epsilon: float
) -> tuple[Floats, Floats]:
    """z_k, and how far each may be off where the sums of the part may be by ``slack``."""
    centred = partial(
        centre, part, group, counted=counted, singleton_is_zero=True, epsilon=epsilon, error=slack
    )
    z, apart = centred(normalise="mean_std"), centred(normalise="mean")
    scale = np.divide(z, apart, out=np.zeros(len(z)), where=apart != 0)  # 1 / (std + epsilon)
    return z, scale * slack


class GDPO(Credit):
    """Each part of the reward normalised by itself, then summed."""

    shaped: ClassVar[bool] = False
    name: str = "gdpo"
    weights: dict[str, float] | None = None
    """Weight of each part of the reward by name, the others are left out; not set: 1 for all."""
    epsilon: Annotated[float, Field(gt=0)] = 1e-4
    """Added to every standard deviation."""

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`gdpo`.

        Raises:
            BadInput: there are rewards, but the environment does not tell their parts.
        """
        if not steps.parts:
            if not steps.reward.any():
                return np.zeros(len(steps))  # no episode got as far as to be judged
            raise BadInput(
                "gdpo needs the parts of the reward, and no step has any: let the environment "
                "report them as info['parts'], or use grpo"
            )
        return gdpo(
            steps.group,
            steps.trajectory,
            steps.parts,
            weights=self.weights,
            epsilon=self.epsilon,
        )
