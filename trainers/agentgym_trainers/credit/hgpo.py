"""HGPO: hierarchy-of-groups policy optimisation (He et al. 2026, arXiv 2602.22817).

    C_k(t) = (s_{t-k}, ..., s_t)           the state of a step and the k states before it
    A_k    the step's discounted return relative to those of all steps of the group with the
           same C_k, by population standard deviation
    A      = sum over k of w_k A_k / sum over k of w_k,      w_k = (k + 1)^alpha           (eq. 7)

A windowed context shows the agent its last K states, so steps in the same state with different
histories answered different prompts. Deeper levels compare like with like but have fewer members;
the weights trade that bias against the variance. A sum is over the levels k = 0 .. K at which the
step has company: a step that is alone with its history says nothing there.

Where the published code differs: it leaves an A_k of exactly 0 out of both sums, so a return at its
group's mean weighs nothing and one next to the mean fully; and it numbers the levels from 1, also
without the base group that the 0 is for, so w = 2, 3, ... at alpha 1. Here a zero keeps its weight,
and A does not jump; ``published`` brings both back.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from agentgym.credit import Credit, Floats, Integers, Steps
from agentgym_trainers.credit.columns import codes, flags, measured
from agentgym_trainers.credit.groups import Normalise, centre, pairs
from agentgym_trainers.credit.grpo import grpo
from agentgym_trainers.credit.sequences import before, discounted

ZERO = 1e-9
"""What the published code's test for an exact 0 amounts to in float64."""


def contexts(episode: Integers, state: Integers, history: int) -> Iterator[Integers]:
    """For k = 0 .. history, number the steps so that those with the same C_k share a number.

    C_k is the pair of the previous step's C_{k-1} and the state, so no history is ever spelled
    out. A step with fewer than k steps before it has a number of its own.

    Args:
        episode, state: numbers of each step's episode and state, shape (N,); a state belongs to
            one group.

    Yields:
        shape (N,), ``history + 1`` times.
    """
    previous = before(episode)
    alone = -1 - np.arange(len(state))
    number = state
    yield number
    for _ in range(history):
        number = pairs(np.where(previous < 0, alone, number[previous]), state)
        yield number


def hgpo(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    anchor: Sequence[Hashable],
    reward: ArrayLike,
    valid: ArrayLike | None = None,
    *,
    gamma: float = 0.95,
    history: int = 2,
    alpha: float = 1.0,
    base: bool = False,
    normalise: Normalise = "mean_std",
    invalid_penalty: float = 0.1,
    published: bool = False,
) -> Floats:
    """Hierarchical step advantages from plain columns of N steps.

    >>> hgpo("ggggg", "AABBB", ["s0", "s1", "s0", "s0", "s1"], [0, 10, 0, 0, 0],
    ...      history=1, base=True).round(3).tolist()
    [1.308, 1.016, -0.715, -0.715, -0.955]

    Args:
        group, trajectory, reward, valid: as in :func:`grpo`; the steps of a trajectory in time
            order, whatever lies between them.
        anchor: identity of the state in which each step was taken: text, numbers, or lists, dicts
            and arrays of them.
        gamma: discount of the step returns.
        history: K, how many states before the current one are compared at most. 0 with
            ``normalise="mean"`` is the step level of GiGPO.
        alpha: how much more a longer shared history weighs; 0 weighs all levels the same.
        base: add the episode's advantage, as in GRPO with ``statistics="steps"``, as level 0; the
            others move up by one.
        normalise: ``mean_std`` divides by the population standard deviation, ``mean`` does not.
        invalid_penalty: subtracted from an invalid step's return after discounting, so it does
            not spread to other steps.
        published: drop zeros and number the levels as the published code does; see above. Its
            sum of weights also has 1e-6 added, which is left out.

    Returns:
        shape (N,), float64. Exactly 0 for a step that is alone at every level, and where all
        groups it is in are constant.
    """
    episode = codes(group, trajectory)
    rewards = measured("reward", reward, len(episode))
    returns, error = (discounted(episode, x, gamma) for x in rewards)
    if valid is not None:
        returns = returns - invalid_penalty * ~flags("valid", valid, len(returns))
    levels = []
    if base:
        whole = grpo(
            group,
            trajectory,
            reward,
            valid,
            normalise=normalise,
            statistics="steps",
            invalid_penalty=invalid_penalty,
        )
        levels.append((whole, np.ones(len(whole), dtype=np.bool_)))
    for context in contexts(episode, codes(group, anchor), history):
        advantages = centre(
            returns, context, normalise, singleton_is_zero=True, ddof=0, error=error
        )
        levels.append((advantages, np.bincount(context)[context] > 1))
    total, weights = np.zeros(len(returns)), np.zeros(len(returns))
    for k, (advantages, counts) in enumerate(levels, start=int(published and not base)):
        kept = counts & (np.abs(advantages) > ZERO) if published else counts
        weight = float(k + 1) ** alpha * kept
        total += weight * advantages
        weights += weight
    mean: Floats = total / np.where(weights > 0, weights, 1.0)
    return mean


class HGPO(Credit):
    """Hierarchy of groups: compares steps in the same state with ever longer shared histories."""

    name: str = "hgpo"
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.95
    """Discount of the step returns."""
    history: Annotated[int, Field(ge=0)] = 2
    """Most earlier states to compare; set it to the number of turns the context shows."""
    alpha: Annotated[float, Field(ge=0, le=100)] = 1.0
    """How much more a longer shared history weighs; 0: all levels weigh the same."""
    base: bool = False
    """Add the episode's advantage as the lowest level."""
    normalise: Normalise = "mean_std"
    """mean_std divides by the group's standard deviation; mean only centres."""
    invalid_penalty: Annotated[float, Field(ge=0)] = 0.1
    """Subtracted from the return of a step whose action was invalid."""
    published: bool = False
    """Drop zeros and number the levels as the published code does, to reproduce its numbers."""

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`hgpo`."""
        return hgpo(
            steps.group,
            steps.trajectory,
            steps.anchor,
            steps.reward,
            steps.valid,
            gamma=self.gamma,
            history=self.history,
            alpha=self.alpha,
            base=self.base,
            normalise=self.normalise,
            invalid_penalty=self.invalid_penalty,
            published=self.published,
        )
