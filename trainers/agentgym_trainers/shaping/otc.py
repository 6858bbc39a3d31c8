"""OTC-PO: optimal tool calls (Wang et al. 2025, "Acting Less is Reasoning More!", 2504.14870).

    R' = scale * r_tool * R     for an episode that succeeded; one that failed keeps its R

    OTC-PPO    r_tool = cos(m pi / (2m + c))
    OTC-GRPO   r_tool = sin(f pi / (2n)),  f = 2mn / (m + n),   where n > 0
                        cos(m pi / (2m + c))                    where n = 0

m is the number of tool calls of the episode, n the least m among the successful episodes of its
group, c smooths. The product matters: an added bonus could be earned without an answer.

The paper keeps the least n of all epochs; here it is that of the batch, since a part keeps no state
between batches. The paper's c and scale are not known to us; c = 4 is the most turns of Search-R1,
on whose tasks it trains. Returns of successes must be positive, or the product reverses their
order.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from agentgym.credit import Floats, Steps
from agentgym_trainers.credit.columns import codes, counts, flags
from agentgym_trainers.credit.groups import episode_sums
from agentgym_trainers.shaping.shaping import Shaping, on_last_step

Positive = Annotated[float, Field(gt=0)]


def otc_ppo(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    success: ArrayLike,
    calls: ArrayLike,
    *,
    smoothing: float = 4.0,
) -> Floats:
    """r_tool of the episode of each step, from plain columns of N steps.

    >>> otc_ppo("ggg", "abc", [True, True, False], [0, 2, 0]).round(4).tolist()
    [1.0, 0.7071, 0.0]

    Args:
        group, trajectory: as in :func:`agentgym_trainers.credit.grpo.grpo`.
        success: whether the episode of the step succeeded.
        calls: tool calls of the step.
        smoothing: c; the larger it is, the less a call costs.

    Returns:
        shape (N,), in (0, 1]; 0 for an episode that failed.
    """
    episode = codes(group, trajectory)
    m = episode_sums(episode, counts("calls", calls, len(episode)))
    return np.where(flags("success", success, len(m)), _few(m, smoothing), 0.0)


def otc_grpo(
    group: Sequence[Hashable],
    trajectory: Sequence[Hashable],
    success: ArrayLike,
    calls: ArrayLike,
    *,
    smoothing: float = 4.0,
) -> Floats:
    """As :func:`otc_ppo`, against the least calls of a success in the group.

    >>> otc_grpo("ggg", "abc", [True, True, False], [1, 2, 0]).round(4).tolist()
    [1.0, 0.866, 0.0]
    """
    episode, of = codes(group, trajectory), codes(group)
    m = episode_sums(episode, counts("calls", calls, len(episode)))
    won = flags("success", success, len(m))
    least = np.full(len(m), np.inf)  # there are at most as many groups as steps
    np.minimum.at(least, of[won], m[won])
    m, n = m[won], least[of[won]]
    found = np.zeros(len(won))
    # f pi / 2n is pi m / (m + n): it needs no n > 0 and is exactly pi / 2 at m = n
    found[won] = np.where(n > 0, np.sin(np.pi * m / np.maximum(m + n, 1)), _few(m, smoothing))
    return found


def _few(calls: Floats, smoothing: float) -> Floats:
    """1 at none, then falling towards 0."""
    return np.cos(calls * np.pi / (2 * calls + smoothing))


class OTCPPO(Shaping):
    """A success earns less, the more tools it called."""

    name: str = "otc_ppo"
    scale: Positive = 1.0
    """Another factor of the return of a success."""
    smoothing: Positive = 4.0
    """c: a larger value makes a call cheaper; about the largest number of calls in an episode."""

    def shape(self, steps: Steps) -> Steps:
        """See :func:`otc_ppo`."""
        columns = (steps.group, steps.trajectory, steps.success, steps.calls)
        return _scaled(steps, self.scale * otc_ppo(*columns, smoothing=self.smoothing))


class OTCGRPO(Shaping):
    """A success earns less, the more tools it called than the group's success with the fewest."""

    name: str = "otc_grpo"
    scale: Positive = 1.0
    """Another factor of the return of a success."""
    smoothing: Positive = 4.0
    """c, used where a success of the group made no call: a larger value makes a call cheaper; about
    the largest number of calls in an episode."""

    def shape(self, steps: Steps) -> Steps:
        """See :func:`otc_grpo`."""
        columns = (steps.group, steps.trajectory, steps.success, steps.calls)
        return _scaled(steps, self.scale * otc_grpo(*columns, smoothing=self.smoothing))


def _scaled(steps: Steps, factor: Floats) -> Steps:
    """Multiply the returns of successes."""
    returns = episode_sums(codes(steps.group, steps.trajectory), steps.reward)
    change = np.where(steps.success, (factor - 1) * returns, 0.0)
    added = on_last_step(steps.group, steps.trajectory, change)
    return replace(steps, reward=steps.reward + added)
