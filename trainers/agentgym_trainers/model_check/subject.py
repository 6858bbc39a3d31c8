"""The model under test, and how a check says what it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agentgym.policy import Sampling
from agentgym.policy.decoding import Row, sample
from agentgym.policy.folder import chat_template
from agentgym.policy.loading import load_folder
from agentgym.rendering.renderer import ChatTemplate
from agentgym_trainers.config import OptimizerConfig
from agentgym_trainers.learner.learner import Learner
from agentgym_trainers.learner.rows import Row as TrainedRow

STARTS = (12, 30, 3)  # tokens of the first prompts
TAILS = ((2, 15, 7), (9, 1, 4))  # tokens that the next prompts add
ANSWERS = (6, 5, 9)  # sampled tokens
EXACT = 2e-5  # nats; the largest difference in float32 that other orders of summation make


class Broken(Exception):
    """Something is wrong; the message says what, and what to do."""


@dataclass(frozen=True)
class Subject:
    """A model folder; the model is loaded when a check asks for it."""

    folder: Path
    device: str = "cpu"

    @cached_property
    def loaded(self) -> tuple[Any, Any]:
        """Model and tokenizer, in float32."""
        return load_folder(self.folder, device=self.device)

    @property
    def model(self) -> Any:
        """The model, without adapters of ours."""
        return self.loaded[0]

    def fresh(self) -> Any:
        """Another copy of the model, which a check may change."""
        return load_folder(self.folder, device=self.device)[0]

    @cached_property
    def renderer(self) -> ChatTemplate:
        """The chat template with the stop tokens of the generation config."""
        return chat_template(self.folder)

    @cached_property
    def plain_ids(self) -> list[int]:
        """Ids that are no added tokens, the same at every call; at most a thousand."""
        tokenizer = self.loaded[1]
        added = set(tokenizer.added_tokens_decoder)
        most = min(len(tokenizer), self.model.get_input_embeddings().num_embeddings)
        return [i for i in range(most) if i not in added][-1000:]

    @cached_property
    def played(self) -> list[list[Row]]:
        """Three sequences of three turns each, sampled in batches of uneven lengths."""
        return play(self.model, self.plain_ids)


def play(model: Any, ids: Sequence[int]) -> list[list[Row]]:
    """Sample three sequences of three turns from their caches, with random prompts of ``ids``."""
    draw = np.random.default_rng(0)

    def text(length: int) -> list[int]:
        return [int(i) for i in draw.choice(ids, length)]

    batch = [_row(text(n), number) for number, n in enumerate(STARTS)]
    played = [[row] for row in batch]
    for turn in range(len(TAILS) + 1):
        list(sample(model, batch, frozenset()))
        if turn < len(TAILS):
            batch = [
                Row(
                    [*row.prompt, *row.ids, *text(tail)],
                    row.sampling,
                    seed=10 * turn + number,
                    cache=row.cache,
                )
                for number, (row, tail) in enumerate(zip(batch, TAILS[turn], strict=True))
            ]
            for sequence, row in zip(played, batch, strict=True):
                sequence.append(row)
    return played


def _row(prompt: list[int], number: int) -> Row:
    return Row(prompt, Sampling(max_tokens=ANSWERS[number]), number)


def trained_rows(played: Sequence[Sequence[Row]]) -> list[TrainedRow]:
    """The sequences as the learner gets them."""
    rows = []
    for number, sequence in enumerate(played):
        row = TrainedRow(number)
        for turn in sequence:
            row.add_context(turn.prompt[len(row) :])
            weights = np.ones((1, len(turn.ids)))
            row.add_sampled(turn.ids, turn.logprobs, [number], [number], weights)
        rows.append(row)
    return rows


def learner_logprobs(model: Any, prompt: Sequence[int], ids: Sequence[int]) -> list[float]:
    """ln p of ``ids`` behind ``prompt``, as the learner computes it."""
    row = TrainedRow(0)
    row.add_context(prompt)
    row.add_sampled(ids, [0.0] * len(ids), [0], [0], np.ones((1, len(ids))))
    return Learner(model, OptimizerConfig()).logprobs([row])[0][len(prompt) :]


def plain_logits(model: Any, ids: Sequence[int]) -> torch.Tensor:
    """Logits (L, vocabulary) of the model's forward pass over one sequence, float32."""
    with torch.no_grad():
        whole = torch.tensor([list(ids)], device=model.device)
        logits: torch.Tensor = model(input_ids=whole, use_cache=False).logits[0].float()
    return logits
