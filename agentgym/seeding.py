"""Seeds from seeds: every random choice of a run is a function of the run's seed and its place.

Nothing depends on how many numbers were drawn before, so a run resumes from its step counter alone.
"""

import zlib

import numpy as np

from agentgym.errors import BadInput


def derive_seed(*place: int | str) -> int:
    """A 63-bit seed for a place, e.g. ``derive_seed(run_seed, "rollout", step, member)``."""
    if any(isinstance(p, int) and p < 0 for p in place):
        raise BadInput(f"a seed must not be negative: {place}")
    words = [p if isinstance(p, int) else zlib.crc32(p.encode()) for p in place]
    state = np.random.SeedSequence(words).generate_state(1, np.uint64)
    return int(state[0]) >> 1
