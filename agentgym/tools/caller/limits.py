"""Limits of tool calls, and the count of an episode's calls."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class CallLimits(BaseModel):
    """Limits of one call, and of all calls of a tool over all episodes.

    A call takes at most ``attempts`` times ``patience`` plus ``timeout``, plus the pauses.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    timeout: Annotated[float, Field(gt=0)] = 30.0
    """Timeout of one attempt, in seconds."""
    patience: Annotated[float, Field(ge=0)] = 30.0
    """Seconds that an attempt may wait for a slot (see ``concurrency`` and ``rate``)."""
    concurrency: Annotated[int, Field(ge=1)] = 256
    """Concurrent calls of the tool. An abandoned sync call counts until its thread ends."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Calls of the tool per second, evenly spaced; None: no limit."""
    attempts: Annotated[int, Field(ge=1)] = 3
    """Largest number of attempts; a call is retried only where that can help and is safe."""
    pause: Annotated[float, Field(ge=0)] = 0.5
    """Seconds before the second attempt, then doubled, plus up to half at random."""
    longest: Annotated[int, Field(ge=1)] | None = 10_000
    """Characters of a result that the model sees; None: all."""


class Ledger(BaseModel):
    """The calls of one episode. Plain data, so that an episode can be forked."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    episode: str = ""
    """The episode's name in recordings; the same in a run and its replay."""
    budget: int | None = None
    """Largest number of calls in the episode; None: no limit."""
    spent: int = 0
    """Calls so far, whatever their outcome."""
    outcomes: Counter[str] = Counter()
    """``ok`` or the kind of error -> count; ``cancelled``: cancelled together with the episode."""
    retries: int = 0
    """Attempts beyond the first of each call."""
    cached: int = 0
    """Calls answered from the cache, or by the same call of another episode."""
    history: str = ""
    """Digest of all calls and results so far: the place in a recording."""
