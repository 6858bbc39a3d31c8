"""Whether the policy that samples is the one that is trained: checked before the first update.

Both give every sampled token a logprob. If they are those of one model with one set of weights, the
two agree to the precision of the engine; if not, the ratio of every update is wrong, and nothing
else would say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from agentgym.errors import Disagreement
from agentgym.policy.agreement import LIMITS, mean_difference
from agentgym.trajectory import Trajectory
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.learner.learner import Learner
from agentgym_trainers.learner.rows import Row, rows_of

STOPS = 10.0
"""Later a mismatch above the limit is a warning, and above this many times the limit an error."""
FACTORS = (16.0, 8.0, 4.0, 2.0, 0.5, 0.25, 0.125, 0.0625)
EXPLAINS = 0.1  # an explanation leaves at most this share of the difference
SHORTEST = 8  # tokens on either side of a place


class Agreement:
    """Compares sampled with recomputed logprobs, once whole and then by ``update/mismatch``."""

    def __init__(self, config: TrainConfig, learner: Learner, say: Callable[[str], None]) -> None:
        self.config, self.learner, self.say = config, learner, say
        self.limit, self.checked, self.said = limit(config), False, 0.0

    def require(self, trajectories: Sequence[Trajectory]) -> None:
        """Check the first batch of a process, which the weights as they are have sampled.

        Raises:
            Disagreement: it passes the limit; the message names the likeliest cause.
        """
        steps = sum(len(t.steps) for t in trajectories)
        if not steps:
            return
        rows = rows_of(trajectories, np.zeros(steps))
        temperature = self.config.rollouts.sampling.temperature
        difference = _difference(rows, self.learner.logprobs(rows, temperature))
        if difference > self.limit:
            causes = _causes(self.config, self.learner, rows, difference, self.limit)
            raise Disagreement(
                "before the first update policy and learner disagree about the sampled tokens: "
                f"their logprobs differ by {difference:.2g} nats in the mean, and {self.limit:g} "
                f"is the limit for {_setting(self.config)}. {next(causes)}"
            )
        self.checked = True

    def watch(self, step: int, mismatch: float) -> None:
        """Look at the mismatch of a later batch.

        Raises:
            Disagreement: it is not a number, or passes ten times the limit.
        """
        limit = self.limit if not _stale(self.config) else max(self.limit, LIMITS["bfloat16"])
        if not mismatch <= STOPS * limit:
            raise Disagreement(
                f"policy and learner disagree about the sampled tokens of step {step}: their "
                f"logprobs differ by {mismatch:.2g} nats in the mean, and {STOPS * limit:g} is the "
                f"most that a run of {_setting(self.config)} goes on with. See update/mismatch: "
                "if it grew, the engine has not the weights that are trained, or loses small "
                "updates; the same command resumes from the last checkpoint"
            )
        if mismatch > max(limit, 1.5 * self.said):
            self.said = mismatch
            self.say(
                f"step {step}: warning: update/mismatch is {mismatch:.2g} nats, more than the "
                f"{limit:g} of {_setting(self.config)}; at {STOPS * limit:g} the run stops"
            )


def limit(config: TrainConfig) -> float:
    """The largest mean difference with which a run begins, in nats."""
    return LIMITS[_precision(config)]


def _precision(config: TrainConfig) -> str:
    """The lowest in which logprobs are computed, on either side."""
    own: set[str] = {config.model.dtype, config.optimizer.precision}
    if config.policy.engine != "local":
        dtype = config.policy.vllm.dtype
        own.add("bfloat16" if dtype == "auto" else dtype)
    return max(own, key=LIMITS.__getitem__)


def _stale(config: TrainConfig) -> bool:
    """Whether older weights sampled a part of what is trained on."""
    return bool(config.rollouts.max_staleness or config.replay)


def _setting(config: TrainConfig) -> str:
    return f"policy.engine = {config.policy.engine!r} in {_precision(config)}"


def _difference(rows: Sequence[Row], computed: Sequence[Sequence[float]]) -> float:
    pairs = [_own(row, values) for row, values in zip(rows, computed, strict=True)]
    sampled, again = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return mean_difference(sampled, again)


def _own(row: Row, values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Sampled and computed logprobs of the tokens that are trained."""
    places = [place for place, own in enumerate(row.mask) if own]
    return [row.logprobs[place] for place in places], [values[place] for place in places]


def _causes(
    config: TrainConfig, learner: Learner, rows: Sequence[Row], difference: float, limit: float
) -> Iterator[str]:
    """What explains the difference, the likeliest first."""
    temperature = config.rollouts.sampling.temperature

    def at(other: float) -> float:
        return _difference(rows, learner.logprobs(rows, other))

    enough = max(limit, EXPLAINS * difference)
    if temperature != 1 and at(1.0) <= enough:
        yield (
            "The likeliest cause: the engine reports logprobs before temperature; start it with "
            "--logprobs-mode processed_logprobs, as `agentgym serve` does"
        )
    left, factor = min((at(temperature * factor), factor) for factor in FACTORS)
    if left <= enough:
        yield (
            "The likeliest cause: the engine's logits are the learner's divided by "
            f"{factor:g}; look at logits_scaling, logit_scale and the like in config.json"
        )
    if place := _border(rows, learner.logprobs(rows, temperature), enough):
        yield (
            f"They agree up to token {place} of a sequence and not behind it: the likeliest cause "
            "is a sliding window or a table of positions that one of them applies otherwise "
            "(sliding_window, rope_parameters in config.json); rollouts.limits.max_context = "
            f"{place} stays below it"
        )
    yield (
        "No scale, temperature or length explains it: the engine serves other weights, or computes "
        "another model. `agentgym check --model FOLDER --engine vllm` tries each part of it"
    )


def _border(rows: Sequence[Row], computed: Sequence[Sequence[float]], enough: float) -> int | None:
    """The place in a sequence up to which all agree; None where that is no explanation."""
    each = sorted(
        (place, abs(row.logprobs[place] - values[place]))
        for row, values in zip(rows, computed, strict=True)
        for place, own in enumerate(row.mask)
        if own
    )
    wrong = next((i for i, (_, gap) in enumerate(each) if not gap <= enough), len(each))
    behind = [gap for _, gap in each[wrong:]]
    if min(wrong, len(behind)) < SHORTEST or np.median(behind) <= enough:
        return None
    return each[wrong][0]
