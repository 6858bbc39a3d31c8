"""Along sequences: what comes before and after in an episode, by steps or by sampled tokens.

A column of sequence numbers says which episode each place belongs to. The places of one sequence
are in time order, but other sequences may lie between them.
"""

import numpy as np

from agentgym.credit import Floats, Integers
from agentgym.errors import BadInput


def discounted(sequence: Integers, values: Floats, factor: float) -> Floats:
    """S_t = x_t + factor * S_{t+1} along each sequence, shape (N,).

    Each round doubles how far ahead the sums reach, so the rounds are as many as the logarithm of
    the longest sequence.

    >>> discounted(np.array([0, 0, 1, 0]), np.array([0.0, 2.0, 5.0, 4.0]), 0.5).tolist()
    [2.0, 4.0, 5.0, 4.0]
    """
    order = np.argsort(sequence, kind="stable")
    of, sums = sequence[order], values[order]
    reach = 1
    while (together := of[:-reach] == of[reach:]).any():
        sums[:-reach] += np.where(together, factor**reach * sums[reach:], 0.0)
        reach *= 2
    unsorted = np.empty_like(sums)
    unsorted[order] = sums
    return unsorted


def before(sequence: Integers) -> Integers:
    """Index of the place before each one in its sequence, -1 at its start; shape (N,).

    >>> before(np.array([0, 0, 1, 0])).tolist()
    [-1, 0, -1, 1]
    """
    order = np.argsort(sequence, kind="stable")
    together = sequence[order[:-1]] == sequence[order[1:]]
    found = np.full(len(sequence), -1, dtype=np.int64)
    found[order[1:][together]] = order[:-1][together]
    return found


def last_tokens(tokens: Integers) -> Integers:
    """Index among all T sampled tokens of the last one of each step, shape (N,).

    Args:
        tokens: how many each step sampled, shape (N,).

    Raises:
        BadInput: a step sampled none, so that nothing of it could be given credit.
    """
    if (tokens < 1).any():
        raise BadInput(
            f"step {int(np.argmax(tokens < 1))} sampled no tokens; leave it out and add its "
            "reward to the step before it"
        )
    return np.cumsum(tokens) - 1


def first_tokens(tokens: Integers) -> Integers:
    """Index among all T sampled tokens of the first one of each step; as :func:`last_tokens`."""
    return last_tokens(tokens) - tokens + 1
