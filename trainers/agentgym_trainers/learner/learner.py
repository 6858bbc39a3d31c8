"""The learner: one model, one optimiser, one device; losses over sampled tokens only."""

from __future__ import annotations

import ctypes
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from agentgym.errors import AgentGymError
from agentgym.policy.architecture import fix_positions
from agentgym_trainers.config import OptimizerConfig
from agentgym_trainers.learner.batches import Batch, micro_batches, weigh
from agentgym_trainers.learner.duplicates import without_duplicates
from agentgym_trainers.learner.forward import (
    allow_checkpointing,
    checkpointing,
    logprobs,
    without_adapters,
)
from agentgym_trainers.learner.rows import Row, corrected
from agentgym_trainers.objectives.aggregation import Aggregation
from agentgym_trainers.objectives.correction import Correction, mismatch
from agentgym_trainers.objectives.divergence import kl
from agentgym_trainers.objectives.llds import llds
from agentgym_trainers.objectives.objective import Objective
from agentgym_trainers.objectives.ppo_clip import log_ratio
from agentgym_trainers.rollouts.rollouts import Attribution

Loss = Callable[[Tensor, Tensor, Batch], tuple[Tensor, dict[str, Tensor]]]
"""(new logprobs (N, L), entropies (N, L), batch) -> the loss, a number; sums for the metrics."""


class Learner:
    """Trains a Hugging Face causal LM in place."""

    def __init__(self, model: Any, config: OptimizerConfig, reference: Any = None) -> None:
        """Take a model.

        Args:
            model: trained in place, without dropout, so that what is trained is what sampled; a
                policy may sample from the same object between updates. Only the parameters that
                require a gradient are trained: adapters, where the rest is frozen.
            config: optimiser and batch sizes.
            reference: a frozen copy for the KL term; or ``model`` itself when it has adapters,
                which are off when it answers as the reference; None when there is none.
        """
        self.model, self.config, self.reference = model, config, reference
        for one in (model, reference):
            if one is not None:
                fix_positions(one)
        self.trained = [x for x in model.parameters() if x.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.trained,
            lr=config.lr,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )
        if config.checkpointing:
            allow_checkpointing(model)

    def reinforce(
        self,
        rows: Sequence[Row],
        objective: Objective,
        correction: Correction = Correction(),  # noqa: B008  frozen
        *,
        temperature: float,
        lr: float,
        seed: int,
        attribution: Attribution = "soft",
    ) -> dict[str, float]:
        """Update from one batch of trajectories: ``epochs`` passes in ``minibatches`` parts.

        Args:
            rows: with advantages and the logprobs of sampling.
            objective: the loss.
            correction: for rows that another engine, or older weights, sampled.
            temperature: at which the rows were sampled; logprobs are compared at the same.
            lr: learning rate of this step.
            seed: shuffles the minibatches.
            attribution: of tokens that trajectories share, see :func:`weigh`.

        Returns:
            means over the updates, and what :func:`mismatch` says of the weights before the first
            one: over all rows if ``correction`` needs their logprobs anyway, else over the first
            minibatch. With a correction that may weigh or reject, also its effect.
        """
        before: dict[str, float] = {}
        if correction.needs_recomputed:
            rows, before = corrected(rows, self.logprobs(rows, temperature), correction)
        differences: list[Tensor] = []

        def loss(new: Tensor, entropy: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
            old, mask, kept = batch.logprobs, batch.mask, batch.importance > 0
            count = batch.count
            up, up_bounded = objective.surrogate(new, old, batch.positive, mask)
            down, down_bounded = objective.surrogate(new, old, batch.negative, mask)
            losses = (up + down) * batch.importance
            if not (before or totals):
                differences.append((new.detach() - old)[mask].repeat_interleave(count[mask]))
            d = log_ratio(new.detach(), old, mask)
            sums = {
                "clipped": ((up_bounded | down_bounded) * count).sum(),
                "ratio": (d.exp() * count).sum(),
                "old_kl": ((torch.expm1(d) - d) * count).sum(),
                "entropy": (entropy.detach() * count).sum(),
            }
            if objective.entropy_coef:
                losses = losses - objective.entropy_coef * entropy * batch.weight * kept
            if objective.kl_coef:
                divergence = kl(new, self._reference(batch, temperature), objective.kl_form)
                sums["reference_kl"] = (divergence.detach() * count).sum()
                losses = losses + objective.kl_coef * divergence * batch.weight * kept
            if keep := objective.llds:
                fallen = llds(new, old, batch.preserve > 0, batch.action, gate=keep.gate)
                sums["fallen"] = (fallen.detach() * count).sum()
                each = batch.preserve if keep.average == "preserved" else batch.weight
                losses = losses + keep.coef * fallen * each * kept
            return losses.sum(), sums

        shuffle = torch.Generator().manual_seed(seed)
        numbers = sorted({row.family for row in rows})
        totals: dict[str, list[float]] = defaultdict(list)
        for _ in range(self.config.epochs):
            order = torch.randperm(len(numbers), generator=shuffle).tolist()
            for part in range(min(self.config.minibatches, len(numbers))):
                chosen = {numbers[i] for i in order[part :: self.config.minibatches]}
                minibatch = [row for row in rows if row.family in chosen]
                measured = self.update(
                    minibatch,
                    loss,
                    lr=lr,
                    temperature=temperature,
                    aggregation=objective.aggregation,
                    max_length=objective.max_length,
                    attribution=attribution,
                )
                for name, value in measured.items():
                    totals[name].append(value)
        trim_memory()
        metrics = {name: sum(values) / len(values) for name, values in totals.items()}
        return metrics | (before or mismatch(torch.cat(differences)))

    def imitate(self, rows: Sequence[Row], *, lr: float) -> dict[str, float]:
        """One update towards the rows' actions: the mean negative log-likelihood of a token."""
        return self.update(rows, lambda new, _, batch: (-(new * batch.weight).sum(), {}), lr=lr)

    def update(
        self,
        rows: Sequence[Row],
        loss: Loss,
        *,
        lr: float,
        temperature: float = 1.0,
        aggregation: Aggregation = "token-mean",
        max_length: int | None = None,
        attribution: Attribution = "soft",
    ) -> dict[str, float]:
        """One optimiser step over ``rows``, accumulated in micro-batches.

        Token weights are those of the whole minibatch, so the split does not change the update;
        rows that say the same are computed once.

        Returns:
            ``loss``, ``grad_norm`` and every sum of ``loss`` divided by the number of tokens.

        Raises:
            AgentGymError: loss or gradient is not finite; the update is not made.
        """
        weights = weigh(rows, aggregation, max_length=max_length, attribution=attribution)
        sums: dict[str, float] = defaultdict(float)
        total = 0.0
        self.optimizer.zero_grad()  # an update that was interrupted may have left some
        device = str(self.model.device)
        different = without_duplicates(rows, weights)
        for batch in micro_batches(*different, self.config.micro_tokens, device):
            with checkpointing(self.model):
                new, entropy = self._forward(self.model, batch, temperature)
                value, measured = loss(new, entropy, batch)
                value.backward()  # type: ignore[no-untyped-call]
            total += value.item()
            for name, amount in measured.items():
                sums[name] += amount.item()
        norm = float(torch.nn.utils.clip_grad_norm_(self.trained, self.config.max_grad_norm))
        if not (math.isfinite(total) and math.isfinite(norm)):
            self.optimizer.zero_grad()
            raise AgentGymError(
                f"the update has loss {total} and gradient norm {norm}; it was not made. "
                "A lower learning rate or a KL term usually helps"
            )
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.optimizer.zero_grad()
        tokens = max(1, sum(sum(row.mask) for row in rows))
        return {"loss": total, "grad_norm": norm} | {k: v / tokens for k, v in sums.items()}

    @torch.no_grad()
    def logprobs(self, rows: Sequence[Row], temperature: float = 1.0) -> list[list[float]]:
        """ln p of every sampled token with the weights as they are; 0 for the others."""
        found: list[list[float]] = [[] for _ in rows]
        weights = weigh(rows, "token-mean")
        device = str(self.model.device)
        for batch in micro_batches(rows, weights, self.config.micro_tokens, device):
            new, _ = self._forward(self.model, batch, temperature)
            for number, values in zip(batch.numbers, new.tolist(), strict=True):
                found[number] = values[: len(rows[number])]
        return found

    def _reference(self, batch: Batch, temperature: float) -> Tensor:
        own = self.reference is self.model
        with torch.no_grad(), without_adapters(self.model) if own else nullcontext():
            return self._forward(self.reference, batch, temperature)[0]

    def _forward(self, model: Any, batch: Batch, temperature: float) -> tuple[Tensor, Tensor]:
        return logprobs(model, batch, temperature, self.config.precision)


def trim_memory() -> None:
    """Return freed memory to the system.

    glibc keeps it for the thread that freed it, and each update may run in another thread: without
    this, a run of 135M parameters on a CPU grew by 3 GB per step.
    """
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
