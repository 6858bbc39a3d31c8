"""Trajectories as training rows: steps that extend each other are one causal sequence.

Each token of a segment is computed once and each sampled token is trained once, with the logprob
it was sampled with; the tokens around it (prompts, observations, template) are context only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from agentgym.algorithm import Floats
from agentgym.context import Context, Turn
from agentgym.errors import BadInput
from agentgym.renderer import Renderer
from agentgym.tooling import Tool
from agentgym.trajectory import Trajectory
from agentgym.transcript import Transcript
from agentgym_trainers.correction import Correction, effect, importance, mismatch


@dataclass
class Row:
    """One causal sequence. The lists have one entry for each id."""

    trajectory: int
    """Rows of one trajectory share its number, so that together they weigh as one."""
    ids: list[int] = field(default_factory=list)
    mask: list[bool] = field(default_factory=list)
    """True where the policy sampled the id."""
    logprobs: list[float] = field(default_factory=list)
    """ln p when sampled, which the surrogate's ratio is taken against; 0 elsewhere."""
    advantages: list[float] = field(default_factory=list)
    """0 where not sampled."""
    importance: list[float] = field(default_factory=list)
    """What the token's loss is multiplied by; 0 where not sampled or rejected."""

    def __len__(self) -> int:
        return len(self.ids)

    def add_context(self, ids: Sequence[int]) -> None:
        """Append ids that are not trained."""
        self.ids += ids
        self.mask += [False] * len(ids)
        self.logprobs += [0.0] * len(ids)
        self.advantages += [0.0] * len(ids)
        self.importance += [0.0] * len(ids)

    def add_sampled(self, ids: Sequence[int], logprobs: Sequence[float], advantage: float) -> None:
        """Append ids that are."""
        self.ids += ids
        self.mask += [True] * len(ids)
        self.logprobs += logprobs
        self.advantages += [advantage] * len(ids)
        self.importance += [1.0] * len(ids)


def rows_of(trajectories: Sequence[Trajectory], advantages: Floats) -> list[Row]:
    """Rows of sampled trajectories.

    Args:
        trajectories: in the order in which ``advantages`` were computed.
        advantages: one for each step, shape (N,).

    Raises:
        BadInput: a step has no sampled ids or not a logprob for each, or not one advantage.
    """
    steps = sum(len(trajectory.steps) for trajectory in trajectories)
    if len(advantages) != steps:
        raise BadInput(f"there are {len(advantages)} advantages for {steps} steps")
    rows = []
    step_advantages = iter(advantages.tolist())
    for number, trajectory in enumerate(trajectories):
        segment = None
        for step in trajectory.steps:
            if not step.ids or len(step.logprobs) != len(step.ids):
                raise BadInput(
                    f"{trajectory.id}: a step has {len(step.ids)} sampled ids and "
                    f"{len(step.logprobs)} logprobs; it cannot be trained on"
                )
            if step.segment != segment:
                rows.append(Row(number))
                segment = step.segment
            rows[-1].add_context(step.prompt_ids)
            rows[-1].add_sampled(step.ids, step.logprobs, next(step_advantages))
    return rows


def demonstration_rows(
    trajectories: Sequence[Trajectory],
    renderer: Renderer,
    context: Context,
    tools: Sequence[Tool] = (),
) -> list[Row]:
    """Rows that imitate the actions of recorded episodes, whoever played them.

    The record's text is rendered for the learning model, so a demonstrator needs no tokens.
    """
    rows = []
    for number, trajectory in enumerate(trajectories):
        transcript = Transcript(renderer, tools)
        turns: list[Turn] = []
        segment = None
        for step in trajectory.steps:
            messages = context.messages(trajectory.system_prompt, turns, step.observation)
            added = transcript.prompt(messages)
            if transcript.segment != segment:
                rows.append(Row(number))
                segment = transcript.segment
            rows[-1].add_context(added)
            ids = renderer.encode_action(step.action)
            rows[-1].add_sampled(ids, [0.0] * len(ids), 1.0)
            transcript.sample(ids, step.action)
            turns.append(Turn(step.observation, step.action))
    return rows


def corrected(
    rows: Sequence[Row], old: Sequence[Sequence[float]], correction: Correction
) -> tuple[list[Row], dict[str, float]]:
    """Rows with the importance of each sampled token and, where it is asked for, with ``old``.

    Args:
        rows: with the logprobs of sampling.
        old: for each row, ln p of each of its tokens before the first update.
        correction: what to do about the difference.

    Returns:
        the rows, in the same order; and :func:`mismatch` and :func:`effect` as metrics.
    """
    sampled = [
        (trained - sampled_from, row.trajectory)
        for row, values in zip(rows, old, strict=True)
        for trained, sampled_from, own in zip(values, row.logprobs, row.mask, strict=True)
        if own
    ]
    log_ratio = torch.tensor([difference for difference, _ in sampled], dtype=torch.float64)
    sequence = torch.tensor([trajectory for _, trajectory in sampled], dtype=torch.long)
    weight = importance(log_ratio, sequence, correction)
    each = iter(weight.tolist())
    changed = [
        replace(
            row,
            logprobs=list(values) if correction.old == "recomputed" else row.logprobs,
            importance=[next(each) if own else 0.0 for own in row.mask],
        )
        for row, values in zip(rows, old, strict=True)
    ]
    return changed, mismatch(log_ratio) | effect(weight, sequence)


@dataclass(frozen=True)
class Batch:
    """Rows padded on the right, shape (N, L)."""

    numbers: list[int]
    """Which of the minibatch's rows they are."""
    ids: Tensor
    mask: Tensor
    logprobs: Tensor
    advantages: Tensor
    importance: Tensor
    weights: Tensor
    """How much each token counts in the loss of the whole minibatch."""


def micro_batches(
    rows: Sequence[Row], weights: Sequence[Tensor], micro_tokens: int, device: str
) -> Iterator[Batch]:
    """Pad rows of similar length together, at most ``micro_tokens`` padded tokens a batch.

    Args:
        rows: of one minibatch.
        weights: for each row, the weight of each of its tokens.
        micro_tokens: a longer row is a batch of its own.
        device: where the tensors go.
    """
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    batch: list[int] = []
    for i in order:
        if batch and (len(batch) + 1) * len(rows[i]) > micro_tokens:
            yield _pad(rows, weights, batch, device)
            batch = []
        batch.append(i)
    if batch:
        yield _pad(rows, weights, batch, device)


def _pad(rows: Sequence[Row], weights: Sequence[Tensor], numbers: list[int], device: str) -> Batch:
    def stack(values: Iterable[Tensor]) -> Tensor:
        return torch.nn.utils.rnn.pad_sequence(list(values), batch_first=True).to(device)

    chosen = [rows[i] for i in numbers]
    return Batch(
        numbers=numbers,
        ids=stack(torch.tensor(row.ids) for row in chosen),
        mask=stack(torch.tensor(row.mask) for row in chosen),
        logprobs=stack(torch.tensor(row.logprobs) for row in chosen),
        advantages=stack(torch.tensor(row.advantages) for row in chosen),
        importance=stack(torch.tensor(row.importance) for row in chosen),
        weights=stack(weights[i].float() for i in numbers),
    )
