"""REINFORCE++ and REINFORCE++-baseline (Hu et al. 2025, arXiv 2501.03262).

    REINFORCE++            G_t = r_t + gamma * G_{t+1}    over the sampled tokens of an episode
                           A_t = (G_t - mean(G)) / std(G)             over all tokens of the batch
    REINFORCE++-baseline   A_i = R_i - mean of its group's R,  then whitened in the same way

Without a critic, the whole batch is the baseline and the scale; the second form first removes what
makes one task easier than another. (The paper's KL penalty is a matter of the objective here.)

verl's code sets G to 0 wherever it passes tokens that were not sampled, so that a tool's answer
cuts an episode's earlier turns off from the reward. That is a defect, not the paper; here the
return is carried across.
"""

from collections.abc import Hashable, Sequence
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from agentgym.credit import Credit, Floats, Steps
from agentgym_trainers.credit.columns import codes, counts, finite
from agentgym_trainers.credit.groups import whiten
from agentgym_trainers.credit.grpo import grpo
from agentgym_trainers.credit.sequences import discounted, last_tokens


def reinforce_pp(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    tokens: ArrayLike,
    *,
    gamma: float = 1.0,
) -> Floats:
    """Whitened returns of tokens, from plain columns of N steps that sampled T tokens.

    >>> reinforce_pp("ggg", "aab", [0.0, 1.0, 0.0], [1, 1, 2]).round(3).tolist()
    [0.866, 0.866, -0.866, -0.866]

    Args:
        group, trajectory: which episode each step is of; in time order.
        reward: of each step; it arrives with the step's last token.
        tokens: how many tokens each step sampled.
        gamma: discount from one sampled token to the next.

    Returns:
        shape (T,), float64; exactly 0 where all returns are the same.
    """
    episode = codes(group, trajectory)
    sampled = counts("tokens", tokens, len(episode))
    rewards = np.zeros(sampled.sum())
    rewards[last_tokens(sampled)] = finite("reward", reward, len(episode))
    return whiten(discounted(np.repeat(episode, sampled), rewards, gamma))


def reinforce_pp_baseline(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    reward: ArrayLike,
    tokens: ArrayLike,
) -> Floats:
    """Returns minus their group's mean, whitened over all sampled tokens.

    >>> reinforce_pp_baseline("gg", "ab", [1.0, 0.0], [2, 2]).round(3).tolist()
    [0.866, -0.866]

    Args:
        group, trajectory, reward: as in :func:`grpo`; each trajectory counts once in its mean.
        tokens: how many tokens each step sampled: as often it counts where the batch is whitened.

    Returns:
        shape (N,), float64. The only episode of a group keeps its return before whitening, as in
        verl's code. The mean over all tokens is 0, so a constant group may not be: where good
        episodes are short, the mean that whitening subtracts is not 0.
    """
    advantages = grpo(group, trajectory, reward, normalise="mean")
    return whiten(advantages, counts("tokens", tokens, len(advantages)))


class ReinforcePP(Credit):
    """REINFORCE++: the return from each token on, whitened over the batch."""

    name: str = "reinforce_pp"
    gamma: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Discount from one sampled token to the next."""

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`reinforce_pp`."""
        return reinforce_pp(
            steps.group, steps.trajectory, steps.reward, steps.tokens, gamma=self.gamma
        )


class ReinforcePPBaseline(Credit):
    """REINFORCE++-baseline: the return minus the group's mean, whitened over the batch."""

    name: str = "reinforce_pp_baseline"

    def advantages(self, steps: Steps) -> Floats:
        """See :func:`reinforce_pp_baseline`."""
        return reinforce_pp_baseline(steps.group, steps.trajectory, steps.reward, steps.tokens)
