"""The learner: one model, one optimiser, one device; losses over sampled tokens only."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from agentgym.errors import AgentGymError
from agentgym_trainers.config import OptimizerConfig
from agentgym_trainers.engine.rows import Batch, Row, micro_batches
from agentgym_trainers.ppo_clip import Aggregation, PPOClip, kl, ppo_clip, token_weights

Loss = Callable[[Tensor, Tensor, Batch], tuple[Tensor, dict[str, Tensor]]]
"""(new logprobs (N, L), entropies (N, L), batch) -> token losses (N, L), sums for the metrics."""


class Learner:
    """Trains a Hugging Face causal LM in place."""

    def __init__(self, model: Any, config: OptimizerConfig, reference: Any = None) -> None:
        """Take a model.

        Args:
            model: trained in place, without dropout, so that what is trained is what sampled; a
                policy may sample from the same object between updates.
            config: optimiser and batch sizes.
            reference: a frozen copy for the KL term; None when there is none.
        """
        self.model, self.config, self.reference = model, config, reference
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=config.lr,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )

    def reinforce(
        self,
        rows: Sequence[Row],
        objective: PPOClip,
        *,
        temperature: float,
        lr: float,
        seed: int,
    ) -> dict[str, float]:
        """Update from one batch of trajectories: ``epochs`` passes in ``minibatches`` parts.

        Args:
            rows: with advantages and the logprobs of sampling.
            objective: the loss.
            temperature: at which the rows were sampled; logprobs are compared at the same.
            lr: learning rate of this step.
            seed: shuffles the minibatches.
        """

        def loss(new: Tensor, entropy: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
            losses, sums = ppo_clip(new, batch.logprobs, batch.advantages, batch.mask, objective)
            sums["mismatch"] = ((new - batch.logprobs).abs() * batch.mask).sum().detach()
            sums["entropy"] = entropy.sum().detach()
            if objective.entropy_coef:
                losses = losses - objective.entropy_coef * entropy
            if objective.kl_coef:
                with torch.no_grad():
                    reference, _ = logprobs(self.reference, batch, temperature)
                divergence = kl(new, reference, objective.kl_form) * batch.mask
                sums["reference_kl"] = divergence.sum().detach()
                losses = losses + objective.kl_coef * divergence
            return losses, sums

        shuffle = torch.Generator().manual_seed(seed)
        numbers = sorted({row.trajectory for row in rows})
        totals: dict[str, list[float]] = defaultdict(list)
        for _ in range(self.config.epochs):
            order = torch.randperm(len(numbers), generator=shuffle).tolist()
            for part in range(min(self.config.minibatches, len(numbers))):
                chosen = {numbers[i] for i in order[part :: self.config.minibatches]}
                minibatch = [row for row in rows if row.trajectory in chosen]
                measured = self.update(
                    minibatch,
                    loss,
                    lr=lr,
                    temperature=temperature,
                    aggregation=objective.aggregation,
                    max_length=objective.max_length,
                )
                for name, value in measured.items():
                    totals[name].append(value)
        metrics = {name: sum(values) / len(values) for name, values in totals.items()}
        metrics["mismatch"] = totals["mismatch"][0]  # later ones also contain the first update
        return metrics

    def imitate(self, rows: Sequence[Row], *, lr: float) -> dict[str, float]:
        """One update towards the rows' actions: the mean negative log-likelihood of a token."""
        return self.update(rows, lambda new, _, batch: (-new * batch.mask, {}), lr=lr)

    def update(
        self,
        rows: Sequence[Row],
        loss: Loss,
        *,
        lr: float,
        temperature: float = 1.0,
        aggregation: Aggregation = "token-mean",
        max_length: int | None = None,
    ) -> dict[str, float]:
        """One optimiser step over ``rows``, accumulated in micro-batches.

        Token weights are those of the whole minibatch, so the split does not change the update.

        Returns:
            ``loss``, ``grad_norm`` and every sum of ``loss`` divided by the number of tokens.

        Raises:
            AgentGymError: loss or gradient is not finite; the update is not made.
        """
        width = max(map(len, rows))
        mask = torch.zeros(len(rows), width, dtype=torch.bool)
        for i, row in enumerate(rows):
            mask[i, : len(row)] = torch.tensor(row.mask)
        weights = token_weights(
            mask,
            aggregation,
            sequence=torch.tensor([row.trajectory for row in rows]),
            max_length=max_length,
        )
        cut = [weights[i, : len(row)] for i, row in enumerate(rows)]
        sums: dict[str, float] = defaultdict(float)
        total = 0.0
        self.optimizer.zero_grad()  # an update that was interrupted may have left some
        for batch in micro_batches(rows, cut, self.config.micro_tokens, str(self.model.device)):
            new, entropy = logprobs(self.model, batch, temperature)
            losses, measured = loss(new, entropy, batch)
            value = (losses * batch.weights).sum()
            value.backward()  # type: ignore[no-untyped-call]
            total += value.item()
            for name, amount in measured.items():
                sums[name] += amount.item()
        norm = float(
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
        )
        if not (math.isfinite(total) and math.isfinite(norm)):
            self.optimizer.zero_grad()
            raise AgentGymError(
                f"the update has loss {total} and gradient norm {norm}; it was not made. "
                "A lower learning rate or a KL term usually cures it"
            )
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.optimizer.zero_grad()
        tokens = max(1, int(mask.sum()))
        return {"loss": total, "grad_norm": norm} | {k: v / tokens for k, v in sums.items()}


def logprobs(model: Any, batch: Batch, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """ln p and entropy (nats) of the sampled tokens, shape (N, L), 0 elsewhere.

    Logits are made for the sampled tokens alone, not for the whole vocabulary at every position.
    """
    hidden = model.base_model(input_ids=batch.ids[:, :-1], use_cache=False).last_hidden_state
    sampled = batch.mask[:, 1:]
    logits = model.get_output_embeddings()(hidden[sampled]).float() / (temperature or 1.0)
    distribution = torch.log_softmax(logits, dim=-1)
    chosen = distribution.gather(-1, batch.ids[:, 1:][sampled][:, None])[:, 0]
    entropy = -(distribution.exp() * distribution).sum(-1)
    blank = torch.zeros(batch.ids.shape, dtype=torch.float32, device=batch.ids.device)
    place = batch.mask.clone()
    place[:, 0] = False  # nothing precedes the first token of a sequence
    return blank.masked_scatter(place, chosen), blank.masked_scatter(place, entropy)
