"""The model under test, and how a check says what it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agentgym.policy import Sampling
from agentgym.policy.architecture import fix_positions
from agentgym.policy.decoding import Row, recomputed, sample
from agentgym.policy.folder import chat_template
from agentgym.policy.loading import load_folder
from agentgym.rendering.renderer import ChatTemplate
from agentgym_trainers.config import OptimizerConfig
from agentgym_trainers.learner.learner import Learner
from agentgym_trainers.learner.rows import Row as TrainedRow

STARTS = (12, 30, 3)  # tokens of the first prompts
TAILS = ((2, 15, 7), (9, 1, 4))  # tokens that the next prompts add
ANSWERS = (6, 5, 9)  # sampled tokens
LENGTHS = (20, 64, 9)  # tokens of sequences that are not sampled
KNOWN = 4  # tokens at their beginning that are not trained
EXACT = 2e-5  # of ln p; what other orders of summation make in float32


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
        return load(self.folder, self.device)

    @property
    def model(self) -> Any:
        """The model, without adapters of ours."""
        return self.loaded[0]

    def fresh(self) -> Any:
        """Another copy of the model, which a check may change."""
        return load(self.folder, self.device)[0]

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
    def sequences(self) -> list[list[int]]:
        """Random ids of three lengths."""
        draw = np.random.default_rng(1)
        return [[int(i) for i in draw.choice(self.plain_ids, length)] for length in LENGTHS]


def load(folder: Path, device: str) -> tuple[Any, Any]:
    """Model and tokenizer of a folder, its rotary tables fixed as they are wherever it is used."""
    model, tokenizer = load_folder(folder, device=device)
    fix_positions(model)
    return model, tokenizer


Pair = tuple[Tensor, Tensor]
"""ln p of the same tokens as one part of the house and as the plain forward pass has them."""


def within(pair: Pair, otherwise: str) -> str:
    """How far the two are apart.

    Raises:
        Broken: further than float32 explains; the message ends with ``otherwise``.
    """
    own, plain = pair
    gaps = (own - plain).abs()
    worst = f"up to {float(gaps.max()):.1e} nats"
    if not (gaps <= EXACT * plain.abs().clamp(min=1.0)).all():
        raise Broken(f"they differ by {worst}: {otherwise}")
    return worst


def sampled_and_plain(model: Any, ids: Sequence[int]) -> Pair:
    """Of what is sampled in turns of uneven lengths."""
    rows = [row for sequence in play(model, ids) for row in sequence]
    sampled = [logprob for row in rows for logprob in row.logprobs]
    again = [logprob for row in rows for logprob in recomputed(model, row)]
    return torch.tensor(sampled), torch.tensor(again)


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


def learner_logprobs(model: Any, sequences: Sequence[Sequence[int]], known: int) -> list[Tensor]:
    """ln p of each sequence's ids behind its first ``known``, as the learner computes them."""
    rows = []
    for number, ids in enumerate(sequences):
        row, rest = TrainedRow(number), ids[known:]
        row.add_context(ids[:known])
        row.add_sampled(rest, [0.0] * len(rest), [number], [number], np.ones((1, len(rest))))
        rows.append(row)
    found = Learner(model, OptimizerConfig()).logprobs(rows)
    return [torch.tensor(values[known:]) for values in found]


def learnt_and_plain(model: Any, sequences: Sequence[Sequence[int]]) -> Pair:
    """Of sequences of uneven lengths, in the learner's padded rows."""
    plain = []
    for ids in sequences:
        rest = torch.tensor(ids[KNOWN:])[:, None]
        plain.append(plain_logprobs(model, ids)[KNOWN - 1 : -1].gather(-1, rest)[:, 0])
    return torch.cat(learner_logprobs(model, sequences, KNOWN)), torch.cat(plain)


def plain_logprobs(model: Any, ids: Sequence[int]) -> Tensor:
    """ln p (L, vocabulary) of the model's forward pass over one sequence, float32."""
    return plain_logits(model, ids).log_softmax(-1)


def plain_logits(model: Any, ids: Sequence[int]) -> Tensor:
    """Logits (L, vocabulary) of the model's forward pass over one sequence, float32, on the CPU."""
    with torch.no_grad():
        whole = torch.tensor([list(ids)], device=model.device)
        logits: Tensor = model(input_ids=whole, use_cache=False).logits[0].float().cpu()
    return logits
