"""REINFORCE++ and REINFORCE++-baseline (Hu et al. 2025, arXiv 2501.03262).

    REINFORCE++            G_t = r_t + gamma * G_{t+1}    over the sampled tokens of an episode
                           A_t = (G_t - mean(G)) / std(G)             over all tokens of the batch
    REINFORCE++-baseline   A_i = R_i - mean of its group's R,  then whitened in the same way

Without a critic, the whole batch is the baseline and the scale; the second form first removes what
makes one task easier than another. (The paper's KL penalty is a matter of the objective here.)

A penalty for an invalid action is subtracted from the G of that step's tokens alone, after
discounting, or from the R of that step alone.

verl's code sets G to 0 wherever it passes tokens that were not sampled, so that a tool's answer
cuts an episode's earlier turns off from the reward. That is a defect, not the paper; here the
return is carried across.
"""

from collections.abc import Hashable, Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from agentgym.credit import Credit, Floats, Steps
from agentgym.errors import option
from agentgym_trainers.credit.columns import codes, counts, flags, measured
from agentgym_trainers.credit.groups import episode_sums, whiten
from agentgym_trainers.credit.grpo import Statistics, grpo
from agentgym_trainers.credit.sequences import discounted, last_tokens

Whitened = Literal["tokens", "steps", "trajectories"]


def reinforce_pp(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    tokens: ArrayLike,
    valid: ArrayLike | None = None,
    *,
    gamma: float = 1.0,
    statistics: Whitened = "tokens",
    invalid_penalty: float = 0.0,
) -> Floats:
    """Whitened returns of tokens, from plain columns of N steps that sampled T tokens.

    >>> reinforce_pp("ggg", "aab", [0.0, 1.0, 0.0], [1, 1, 2]).round(3).tolist()
    [0.866, 0.866, -0.866, -0.866]

    Args:
        group, trajectory: which episode each step is of; in time order.
        reward: of each step; it arrives with the step's last token.
        tokens: how many tokens each step sampled.
        valid: False where the action was malformed; default: all valid.
        gamma: discount from one sampled token to the next.
        statistics: what counts once in the batch's mean and deviation: each of the ``tokens``, as
            published, or each of the ``steps`` or ``trajectories``, by the mean over its tokens.
        invalid_penalty: subtracted from the returns of the tokens of an invalid step.

    Returns:
        shape (T,), float64; exactly 0 where all returns are the same.
    """
    option("statistics", statistics, Whitened)
    episode = codes(group, trajectory)
    sampled = counts("tokens", tokens, len(episode))
    rewards = np.zeros(sampled.sum())
    rewards[last_tokens(sampled)], errors = measured("reward", reward, len(episode))
    error = episode_sums(episode, errors).max(initial=0)
    returns = discounted(np.repeat(episode, sampled), rewards, gamma)
    if valid is not None:
        returns -= invalid_penalty * np.repeat(~flags("valid", valid, len(episode)), sampled)
    if statistics == "tokens":
        return whiten(returns, error=error)
    length = sampled if statistics == "steps" else episode_sums(episode, sampled)
    return whiten(returns, np.repeat(1 / length, sampled), error)


def reinforce_pp_baseline(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    tokens: ArrayLike,
    valid: ArrayLike | None = None,
    *,
    statistics: Statistics = "trajectories",
    invalid_penalty: float = 0.0,
) -> Floats:
    """Returns minus their group's mean, whitened over all sampled tokens.

    >>> reinforce_pp_baseline("gg", "ab", [1.0, 0.0], [2, 2]).round(3).tolist()
    [0.866, -0.866]

    Args:
        group, trajectory, reward, valid, statistics, invalid_penalty: as in :func:`grpo`;
            ``statistics`` is about the group's mean.
        tokens: how many tokens each step sampled: as often it counts where the batch is whitened.

    Returns:
        shape (N,), float64. The only episode of a group keeps its return before whitening, as in
        verl's code. The mean over all tokens is 0, so a constant group may not be: where good
        episodes are short, the mean that whitening subtracts is not 0.
    """
    advantages = grpo(
        group,
        trajectory,
        reward,
        valid,
        normalise="mean",
        statistics=statistics,
        invalid_penalty=invalid_penalty,
    )
    _, errors = measured("reward", reward, len(advantages))
    error = episode_sums(codes(group, trajectory), errors).max(initial=0)
    return whiten(advantages, counts("tokens", tokens, len(advantages)), error)


class ReinforcePP(Credit):
    """REINFORCE++: the return from each token on, whitened over the batch."""

    name: str = "reinforce_pp"
    gamma: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Discount from one sampled token to the next."""
    statistics: Whitened = "tokens"
    """What counts once in the batch's mean and deviation: tokens (as published), steps or
    trajectories."""
    invalid_penalty: Annotated[float, Field(ge=0)] = 0.0
    """Subtracted from the returns of a step whose action was invalid."""

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`reinforce_pp`."""
        return reinforce_pp(
            steps.group,
            steps.trajectory,
            steps.reward,
            steps.tokens,
            steps.valid,
            gamma=self.gamma,
            statistics=self.statistics,
            invalid_penalty=self.invalid_penalty,
        )


class ReinforcePPBaseline(Credit):
    """REINFORCE++-baseline: the return minus the group's mean, whitened over the batch."""

    name: str = "reinforce_pp_baseline"
    statistics: Statistics = "trajectories"
    """trajectories: each episode counts once in the group's mean; steps: each step counts."""
    invalid_penalty: Annotated[float, Field(ge=0)] = 0.0
    """Subtracted from the score of a step whose action was invalid."""

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`reinforce_pp_baseline`."""
        return reinforce_pp_baseline(
            steps.group,
            steps.trajectory,
            steps.reward,
            steps.tokens,
            steps.valid,
            statistics=self.statistics,
            invalid_penalty=self.invalid_penalty,
        )
