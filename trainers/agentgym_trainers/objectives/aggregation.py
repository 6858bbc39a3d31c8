"""How the losses of tokens become one number.

``token-mean``               sum over all tokens / number of tokens          (DAPO, 2503.14476)
``seq-mean-token-sum``       mean over trajectories of their sums
``seq-mean-token-mean``      mean over trajectories of their means           (GRPO, 2402.03300)
``seq-mean-token-sum-norm``  sum over all tokens / max_length                (Dr. GRPO, 2503.20783;
                             not divided by the number of trajectories, as published)

A trajectory is one sequence here, in however many rows it is trained: with an edited or windowed
context it weighs as much as one that was trained in a single row.
"""

from typing import Literal

import numpy as np

from agentgym.credit import Floats
from agentgym.errors import option

Aggregation = Literal[
    "token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm"
]


def token_weights(
    lengths: Floats, aggregation: Aggregation, max_length: int | None = None
) -> Floats:
    """The weight of each token of trajectory i in the aggregate of one update, shape (n,).

    Computed once over a whole minibatch, so that micro-batches add up to the same update.

    Args:
        lengths: sampled tokens of each trajectory, shape (n,); those without any do not count.
        aggregation: see above.
        max_length: divisor of ``seq-mean-token-sum-norm``; default: the longest trajectory.
    """
    option("aggregation", aggregation, Aggregation)
    sequences = max(1, int(np.count_nonzero(lengths)))
    divisor: Floats | float
    match aggregation:
        case "token-mean":
            divisor = max(1.0, float(lengths.sum()))
        case "seq-mean-token-sum":
            divisor = sequences
        case "seq-mean-token-mean":
            divisor = sequences * np.maximum(lengths, 1)
        case "seq-mean-token-sum-norm":
            divisor = max_length or max(1.0, float(lengths.max(initial=0)))
    weights: Floats = np.ones(len(lengths)) / divisor
    return weights
