"""GiGPO: group-in-group policy optimisation (Feng et al. 2025, arXiv 2505.10978).

    A = A_E + w * A_S                                                            (eq. 8)
    A_E  the episode's return relative to its group's, as in GRPO                (eq. 3)
    A_S  the step's discounted return R_t = r_t + gamma * R_{t+1} relative to those of all steps
         of the group that were taken in the same state, its anchor             (eq. 5-7)

Steps taken in the same state by different episodes are alternatives to each other, so comparing
what followed gives credit to single actions without a critic and without further rollouts.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field
from rapidfuzz.distance import LCSseq

from agentgym.credit import Credit, Floats, Integers, Steps
from agentgym.errors import BadInput
from agentgym_trainers.credit.columns import codes, finite, flags, measured
from agentgym_trainers.credit.groups import Normalise, centre
from agentgym_trainers.credit.grpo import Statistics, grpo
from agentgym_trainers.credit.sequences import discounted


def discounted_returns(
    trajectory: Sequence[Hashable] | Integers, reward: ArrayLike, gamma: float
) -> Floats:
    """R_t = r_t + gamma * R_{t+1} along each trajectory; steps in time order, shape (N,)."""
    episode = codes(trajectory)
    return discounted(episode, finite("reward", reward, len(episode)), gamma)


def similar_anchors(
    group: Sequence[Hashable], anchor: Sequence[Hashable], similarity: float
) -> Integers:
    """Number anchors so that texts which resemble each other share a number, shape (N,).

    Greedy, in order: a text joins the first cluster of its group whose first member it resembles
    with ``SequenceMatcher(None, text, first).ratio() >= similarity``, else it opens one. The
    result depends on the order of the steps.

    Raises:
        BadInput: an anchor is not text, or ``similarity`` is not between 0 and 1.
    """
    if not 0 < similarity < 1:
        raise BadInput(f"similarity is {similarity}; it must lie strictly between 0 and 1")
    places, groups = codes(group, anchor), codes(group)
    _, firsts, same = np.unique(places, return_index=True, return_inverse=True)
    numbers = np.zeros(len(firsts), dtype=np.int64)
    clusters: dict[int, list[tuple[str, int]]] = defaultdict(list)
    alike, opened = _resemblance(similarity), 0
    for i in firsts:
        if not isinstance(text := anchor[i], str):
            raise BadInput(f"anchor[{i}] is {type(text).__name__}; similarity compares texts only")
        known = clusters[groups[i]]
        number = next((number for first, number in known if alike(text, first)), opened)
        numbers[places[i]] = number
        if number == opened:
            known.append((text, opened))
            opened += 1
    return numbers[same]


def _resemblance(similarity: float) -> Callable[[str, str], bool]:
    """Whether ``SequenceMatcher(None, text, first).ratio() >= similarity``, sooner.

    What a SequenceMatcher matches is a common subsequence, so the longest of these bounds its ratio
    from above; that is a hundred times faster to compute, and mostly enough to tell texts apart.
    """
    matcher = lru_cache(1024)(lambda first: SequenceMatcher(None, b=first))  # it learns ``first``

    @lru_cache(2**16)
    def alike(text: str, first: str) -> bool:
        length = len(text) + len(first)
        longest = LCSseq.similarity(text, first, score_cutoff=int(similarity * length / 2))
        if 2 * longest / length < similarity:  # as difflib rounds it
            return False
        matcher(first).set_seq1(text)
        return matcher(first).ratio() >= similarity

    return alike


def gigpo(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    anchor: Sequence[Hashable],
    reward: ArrayLike,
    valid: ArrayLike | None = None,
    *,
    gamma: float = 0.95,
    step_weight: float = 1.0,
    normalise: Normalise = "mean_std",
    statistics: Statistics = "steps",
    invalid_penalty: float = 0.1,
    similarity: float | None = None,
) -> Floats:
    """Two-level advantages from plain columns of N steps.

    >>> gigpo("ggggg", "AABBB", ["s0", "s1", "s0", "s0", "s1"], [0, 10, 0, 0, 0],
    ...       normalise="mean").round(3).tolist()
    [12.333, 11.0, -7.167, -7.167, -9.0]

    Args:
        group, trajectory, reward, valid, normalise, statistics: as in :func:`grpo`.
        anchor: identity of the state in which each step was taken: text, numbers, or lists, dicts
            and arrays of them.
        gamma: discount of the step returns (the episode return is not discounted).
        step_weight: w, the weight of the step level; 0 leaves GRPO.
        invalid_penalty: subtracted from an invalid step's episode score and from its return after
            discounting, so it does not spread to other steps.
        similarity: None matches anchors exactly; else see :func:`similar_anchors`.

    Returns:
        shape (N,), float64. A state visited once has step advantage 0, a constant group too.
    """
    episode = codes(group, trajectory)
    rewards = measured("reward", reward, len(episode))
    returns, error = (discounted(episode, x, gamma) for x in rewards)
    if valid is not None:
        returns = returns - invalid_penalty * ~flags("valid", valid, len(returns))
    if similarity is None:
        state = codes(group, anchor)
    else:
        state = similar_anchors(group, anchor, similarity)
    by_step = centre(returns, state, normalise, singleton_is_zero=True, error=error)
    by_episode = grpo(
        group,
        trajectory,
        reward,
        valid,
        normalise=normalise,
        statistics=statistics,
        invalid_penalty=invalid_penalty,
    )
    return by_episode + step_weight * by_step


class GiGPO(Credit):
    """Group-in-group policy optimisation: GRPO plus a comparison of steps in the same state."""

    name: str = "gigpo"
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.95
    """Discount of the step returns."""
    step_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the step-level advantage; the episode level has weight 1."""
    normalise: Normalise = "mean_std"
    """mean_std divides by the group's standard deviation; mean only centres."""
    statistics: Statistics = "steps"
    """steps: each step counts in the group's mean, and penalised scores are part of the deviation
    that divides them; trajectories: each episode counts once, by the score of its first step."""
    invalid_penalty: Annotated[float, Field(ge=0)] = 0.1
    """Subtracted from score and return of a step whose action was invalid."""
    similarity: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Not set: states must be equal; else texts at least this similar are the same state."""

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`gigpo`."""
        return gigpo(
            steps.group,
            steps.trajectory,
            steps.anchor,
            steps.reward,
            steps.valid,
            gamma=self.gamma,
            step_weight=self.step_weight,
            normalise=self.normalise,
            statistics=self.statistics,
            invalid_penalty=self.invalid_penalty,
            similarity=self.similarity,
        )
