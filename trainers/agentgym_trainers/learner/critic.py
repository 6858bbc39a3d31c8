"""A critic: the value of each sampled token's prefix, learnt beside the policy.

The body is a copy of the policy's at the start of reinforcement, the head one number at each
position, zero at first. Its own optimiser moves both towards the returns that credit names.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agentgym.credit import Floats
from agentgym_trainers.config import CriticConfig
from agentgym_trainers.learner.batches import Batch, micro_batches, weigh
from agentgym_trainers.learner.rows import Row


class Critic(torch.nn.Module):
    """Values before each sampled token."""

    def __init__(self, model: Any, config: CriticConfig, micro_tokens: int) -> None:
        super().__init__()
        self.config, self.micro_tokens = config, micro_tokens
        self.body = deepcopy(model.base_model)
        width = model.config.get_text_config().hidden_size
        self.head = torch.nn.Linear(width, 1, device=model.device)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)
        trained = [x for x in self.parameters() if x.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=config.lr, weight_decay=0.0)

    @torch.no_grad()
    def values(self, rows: Sequence[Row], tokens: Sequence[int]) -> Floats:
        """What it expects before each sampled token of a batch.

        Args:
            rows: of the batch.
            tokens: how many ids each step sampled; those that are shared count for each.

        Returns:
            shape (T,), in the order of the steps.
        """
        found = [np.zeros(count) for count in tokens]
        for batch in self._batches(rows):
            values = self._forward(batch).double().cpu().numpy()
            for at, number in enumerate(batch.numbers):
                for action in rows[number].actions:
                    for place in action.steps:
                        found[place] = values[at, slice(*action.ends)]
        return np.concatenate(found) if found else np.zeros(0)

    def learn(self, rows: Sequence[Row], returns: Floats, tokens: Sequence[int]) -> float:
        """Some epochs towards ``returns`` (T,), NaN where nothing is learnt; the last mean loss."""
        ends = np.cumsum(tokens)
        loss = 0.0
        for _ in range(self.config.epochs):
            loss = 0.0
            self.optimizer.zero_grad()
            known = max(1, int(np.isfinite(returns).sum()))
            for batch in self._batches(rows):
                targets = torch.full(batch.ids.shape, torch.nan)
                leaves = torch.zeros(batch.ids.shape)
                for at, number in enumerate(batch.numbers):
                    for action in rows[number].actions:
                        each = [returns[ends[p] - tokens[p] : ends[p]] for p in action.steps]
                        mean = torch.from_numpy(np.mean(each, axis=0))
                        targets[at, slice(*action.ends)] = mean.float()
                        leaves[at, slice(*action.ends)] = len(each)  # that share the token
                values, targets = self._forward(batch), targets.to(batch.ids.device)
                learnt = targets.isfinite()
                errors = (values[learnt] - targets[learnt]) ** 2
                part = (leaves.to(errors.device)[learnt] * errors).sum() / known
                part.backward()  # type: ignore[no-untyped-call]
                loss += part.item()
            torch.nn.utils.clip_grad_norm_(self.parameters(), self.config.max_grad_norm)
            self.optimizer.step()
        self.optimizer.zero_grad()
        return loss

    def _batches(self, rows: Sequence[Row]) -> Any:
        device = str(self.head.weight.device)
        return micro_batches(rows, weigh(rows, "token-mean"), self.micro_tokens, device)

    def _forward(self, batch: Batch) -> Tensor:
        """Values (N, L) before each token; nothing precedes the first of a row."""
        hidden = self.body(input_ids=batch.ids[:, :-1], use_cache=False).last_hidden_state
        values = self.head(hidden.float())[..., 0]
        return torch.nn.functional.pad(values, (1, 0))
