"""PPO's credit: generalised advantage estimation (Schulman et al. 2016, arXiv 1506.02438).

    delta_t = r_t + gamma * V_{t+1} - V_t                  V = 0 after the end of an episode
    A_t     = delta_t + gamma * lambda * A_{t+1}                                          (eq. 16)

The critic's values replace more samples: lambda trades the critic's bias against the variance of
the returns. The critic's target is A_t + V_t, with A before whitening.

At the token level t counts the sampled tokens of an episode, and a step's reward arrives with its
last one; tokens of the environment between two steps are skipped. At
the turn level t counts the steps and V_t is the value before the first token of a step, so that
gamma and lambda do not depend on how much the agent says.
"""

from abc import ABC
from collections.abc import Hashable, Sequence
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from agentgym.credit import ActorCritic, Floats, Integers, Steps
from agentgym_trainers.credit.columns import codes, counts, finite, measured
from agentgym_trainers.credit.groups import whiten as whitened
from agentgym_trainers.credit.sequences import (
    before,
    discounted,
    first_tokens,
    last_tokens,
)


def estimate(episode: Integers, reward: Floats, values: Floats, gamma: float, lam: float) -> Floats:
    """A_t at the places of one or many episodes, shape (N,); see :func:`discounted`."""
    deltas = reward + gamma * _following(episode, values) - values
    return discounted(episode, deltas, gamma * lam)


def _error(episode: Integers, reward: Floats, values: Floats, gamma: float, lam: float) -> float:
    """How far any A_t may be off, from how far rewards and values may be."""
    longest, decay = np.bincount(episode).max(initial=0), 1 - gamma * lam
    terms = min(longest, 1 / decay) if decay > 0 else longest
    deltas = reward + gamma * _following(episode, values) + values
    return float(terms * deltas.max(initial=0))


def _following(episode: Integers, values: Floats) -> Floats:
    """The value at the next place of the episode, 0 after its end."""
    previous = before(episode)
    following = np.zeros(len(values))
    following[previous[previous >= 0]] = values[previous >= 0]
    return following


def gae(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    tokens: ArrayLike,
    values: ArrayLike,
    *,
    gamma: float = 1.0,
    lam: float = 0.95,
    whiten: bool = True,
) -> Floats:
    """Advantages of tokens, from plain columns of N steps that sampled T tokens.

    >>> gae("gg", "aa", [0, 1], [2, 1], [0.5, 0.5, 0.8], whiten=False, lam=1.0).round(3).tolist()
    [0.5, 0.5, 0.2]

    Args:
        group, trajectory: which episode each step is of; in time order.
        reward: of each step.
        tokens: how many tokens each step sampled.
        values: what the critic expects before each sampled token, shape (T,).
        gamma, lam: discount and lambda, from one sampled token to the next.
        whiten: bring the batch to mean 0 and deviation 1.

    Returns:
        shape (T,), float64. ``gae(..., whiten=False) + values`` is what the critic is trained
        towards: :func:`gae_returns`.
    """
    episode = codes(group, trajectory)
    sampled = counts("tokens", tokens, len(episode))
    critic, slack = measured("values", values, int(sampled.sum()), "sampled token")
    rewards = np.zeros((2, len(critic)))
    rewards[:, last_tokens(sampled)] = measured("reward", reward, len(episode))
    of = np.repeat(episode, sampled)
    advantages = estimate(of, rewards[0], critic, gamma, lam)
    if not whiten:
        return advantages
    return whitened(advantages, error=_error(of, rewards[1], slack, gamma, lam))


def turn_gae(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    tokens: ArrayLike,
    values: ArrayLike,
    *,
    gamma: float = 1.0,
    lam: float = 0.95,
    whiten: bool = True,
) -> Floats:
    """Advantages of steps; arguments as in :func:`gae`, but gamma and lambda go from step to step.

    >>> turn_gae("gg", "aa", [0, 1], [2, 1], [0.5, 0.9, 0.8], whiten=False).round(3).tolist()
    [0.49, 0.2]

    Returns:
        shape (N,), float64, whitened over steps.
    """
    episode = codes(group, trajectory)
    sampled = counts("tokens", tokens, len(episode))
    told = measured("values", values, int(sampled.sum()), "sampled token")
    critic, slack = (x[first_tokens(sampled)] for x in told)
    rewards, error = measured("reward", reward, len(episode))
    advantages = estimate(episode, rewards, critic, gamma, lam)
    if not whiten:
        return advantages
    return whitened(advantages, error=_error(episode, error, slack, gamma, lam))


def gae_returns(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    tokens: ArrayLike,
    values: ArrayLike,
    *,
    gamma: float = 1.0,
    lam: float = 0.95,
) -> Floats:
    """What the critic is trained towards at each sampled token, shape (T,); see :func:`gae`."""
    advantages = gae(group, trajectory, reward, tokens, values, gamma=gamma, lam=lam, whiten=False)
    return advantages + finite("values", values, len(advantages), "sampled token")


def turn_gae_returns(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    tokens: ArrayLike,
    values: ArrayLike,
    *,
    gamma: float = 1.0,
    lam: float = 0.95,
) -> Floats:
    """What the critic is trained towards at the first token of each step; see :func:`turn_gae`.

    Returns:
        shape (T,); NaN at the other tokens, whose values nothing depends on.
    """
    advantages = turn_gae(
        group, trajectory, reward, tokens, values, gamma=gamma, lam=lam, whiten=False
    )
    sampled = counts("tokens", tokens, len(advantages))
    critic = finite("values", values, int(sampled.sum()), "sampled token")
    starts = first_tokens(sampled)
    returns = np.full(len(critic), np.nan)
    returns[starts] = advantages + critic[starts]
    return returns


class Estimation(ActorCritic, ABC):
    """The hyper-parameters of both forms."""

    gamma: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Discount per sampled token (gae) or per step (turn_gae)."""
    lam: Annotated[float, Field(ge=0, le=1)] = 0.95
    """Lambda: 0 uses the critic's next value, 1 the observed rewards."""
    whiten: bool = True
    """Normalise the advantages of a batch to mean 0 and standard deviation 1."""


class GAE(Estimation):
    """PPO's generalised advantage estimation over the sampled tokens of an episode."""

    name: str = "gae"

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`gae`."""
        return gae(*_columns(steps), gamma=self.gamma, lam=self.lam, whiten=self.whiten)

    def returns(self, steps: Steps) -> Floats:
        """See :func:`gae_returns`."""
        return gae_returns(*_columns(steps), gamma=self.gamma, lam=self.lam)


class TurnGAE(Estimation):
    """PPO's generalised advantage estimation over the steps of an episode."""

    name: str = "turn_gae"

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`turn_gae`."""
        return turn_gae(*_columns(steps), gamma=self.gamma, lam=self.lam, whiten=self.whiten)

    def returns(self, steps: Steps) -> Floats:
        """See :func:`turn_gae_returns`."""
        return turn_gae_returns(*_columns(steps), gamma=self.gamma, lam=self.lam)


def _columns(
    steps: Steps,
) -> tuple[Sequence[Hashable], Sequence[Hashable], Floats, Integers, Floats]:
    return steps.group, steps.trajectory, steps.reward, steps.tokens, steps.values
