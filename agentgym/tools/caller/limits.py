"""What a tool call may cost, and what an episode's calls have come to."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class CallLimits(BaseModel):
    """What one call may cost, and how hard a tool is used by all episodes together.

    In the worst case a call takes ``attempts`` times ``patience`` and ``timeout``, and the pauses.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    timeout: Annotated[float, Field(gt=0)] = 30.0
    """Seconds that the tool may take for one attempt."""
    patience: Annotated[float, Field(ge=0)] = 30.0
    """Seconds that an attempt may wait for its turn, where the next two limit the tool."""
    concurrency: Annotated[int, Field(ge=1)] = 256
    """Calls of the tool at a time. A sync call that was given up counts until its thread ends."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Calls of the tool a second, evenly spaced; None: any number."""
    attempts: Annotated[int, Field(ge=1)] = 3
    """How often a call is tried at most: again only where that can help and does no harm."""
    pause: Annotated[float, Field(ge=0)] = 0.5
    """Seconds before the second attempt, doubled from then on; by chance up to half longer."""
    longest: Annotated[int, Field(ge=1)] | None = 10_000
    """Characters of a result that the model is shown; None: all."""


class Ledger(BaseModel):
    """The calls of one episode. Plain data, so that an episode can be forked."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    episode: str = ""
    """Names the episode on recordings; the same in a run and its replay."""
    budget: int | None = None
    """Calls that the episode may make; None: any number."""
    spent: int = 0
    """Calls that it has made, whatever came of them."""
    outcomes: Counter[str] = Counter()
    """``ok`` or the kind of error -> how often; ``cancelled`` counts calls nobody waited for."""
    retries: int = 0
    """Attempts beyond the first of each call."""
    cached: int = 0
    """Calls answered by a result that was there already, or by the same call of another."""
    history: str = ""
    """Digest of all calls and results so far: the place in a recording."""
