"""Columns of steps made by hand, and episodes at random for properties that credit must have."""

import numpy as np
from hypothesis import strategies as st

from agentgym.credit import Steps

episodes = st.lists(  # (group, [(anchor, reward, valid)])
    st.tuples(
        st.sampled_from("gh"),
        st.lists(
            st.tuples(
                st.sampled_from("xyz"), st.sampled_from([-1.0, 0.0, 0.3, 10.0]), st.booleans()
            ),
            min_size=1,
            max_size=5,
        ),
    ),
    min_size=1,
    max_size=8,
)


def columns(numbered):
    """Numbered episodes as group, trajectory, anchor, reward, valid; and the name of each step."""
    steps = [(g, n, *s, (n, t)) for n, (g, ss) in numbered for t, s in enumerate(ss)]
    group, trajectory, anchor, reward, valid, names = map(list, zip(*steps, strict=True))
    return (group, trajectory, anchor, reward, valid), names


def interleaved(names, rng):
    """An order of the steps that mixes episodes and keeps each one's own."""
    left = {n: [i for i, name in enumerate(names) if name[0] == n] for n, _ in names}
    order = []
    while left:
        n = rng.choice(sorted(left))
        order.append(left[n].pop(0))
        if not left[n]:
            del left[n]
    return order


def constant_groups():
    """Group and reward of 2 to 16 equal episodes of one step; float32 makes |A| up to .64 of it."""
    groups = [(n, value) for n in range(2, 17) for value in np.arange(0.15, 11.0, 0.15)]
    pairs = [(f"{n} x {value}", value) for n, value in groups for _ in range(n)]
    group, reward = zip(*pairs, strict=True)
    return list(group), list(reward)


def steps_of(group, trajectory, reward, **given):
    """Steps with these columns; the others say nothing."""
    n = len(reward)
    tokens = np.asarray(given.pop("tokens", np.ones(n)), dtype=np.int64)
    plain = {
        "anchor": list(range(n)),
        "valid": np.ones(n, dtype=bool),
        "role": [""] * n,
        "success": np.zeros(n, dtype=bool),
        "stop": ["terminated"] * n,
        "calls": np.ones(n, dtype=np.int64),
        "parts": {},
        "entropy": np.zeros(tokens.sum()),
        "values": np.zeros(0),
        "greedy": np.full(n, np.nan),
    }
    given = {name: np.asarray(v) if name in ARRAYS else v for name, v in given.items()}
    return Steps(
        group=list(group),
        trajectory=list(trajectory),
        reward=np.asarray(reward, dtype=np.float64),
        tokens=tokens,
        **(plain | given),
    )


ARRAYS = {"valid", "success", "calls", "entropy", "values", "greedy"}
