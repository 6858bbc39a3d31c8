"""Trajectories as training rows: steps that extend each other are one causal sequence.

Each sampled token is trained exactly once, in the context and with the logprob it was sampled
with; the tokens around it (prompts, observations, template) are context only. A step that several
trajectories share, because they branched later, is trained in the first of them, with the
advantages of all; in the rows of the others it is context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from agentgym.context.context import Context, Turn
from agentgym.credit import Floats
from agentgym.errors import BadInput
from agentgym.rendering.protocol import Renderer
from agentgym.rendering.transcript import Transcript
from agentgym.tools.tool import Tool
from agentgym.trajectory import Step, Trajectory
from agentgym_trainers.objectives.correction import Correction, effect, importance, mismatch


@dataclass(frozen=True)
class Action:
    """The sampled ids of one step, and the trajectories that hold it."""

    start: int
    """Where they begin in the row."""
    trajectories: list[int]
    """Numbers of the trajectories; more than one where a prefix is shared."""
    steps: list[int]
    """The place of the step among all steps of the batch, for each of them."""
    advantages: Floats
    """What each trajectory gives each token, shape (trajectories, tokens)."""

    @property
    def ends(self) -> tuple[int, int]:
        """The first place in the row, and the one after the last."""
        return self.start, self.start + self.advantages.shape[1]


@dataclass
class Row:
    """One causal sequence. The lists have one entry for each id."""

    family: int
    """Rows whose trajectories share steps have the same; they are updated together."""
    ids: list[int] = field(default_factory=list)
    mask: list[bool] = field(default_factory=list)
    """True where the policy sampled the id and it is trained here."""
    logprobs: list[float] = field(default_factory=list)
    """ln p when sampled, which the surrogate's ratio is taken against; 0 elsewhere."""
    importance: list[float] = field(default_factory=list)
    """What the token's loss is multiplied by; 0 where not trained or rejected."""
    actions: list[Action] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def add_context(self, ids: Sequence[int]) -> None:
        """Append ids that are not trained."""
        self.ids += ids
        self.mask += [False] * len(ids)
        self.logprobs += [0.0] * len(ids)
        self.importance += [0.0] * len(ids)

    def add_sampled(
        self,
        ids: Sequence[int],
        logprobs: Sequence[float],
        trajectories: list[int],
        steps: list[int],
        advantages: Floats,
    ) -> None:
        """Append ids that are; the rest as in :class:`Action`."""
        self.actions.append(Action(len(self), trajectories, steps, advantages))
        self.ids += ids
        self.mask += [True] * len(ids)
        self.logprobs += logprobs
        self.importance += [1.0] * len(ids)


def rows_of(trajectories: Sequence[Trajectory], advantages: Floats) -> list[Row]:
    """Rows of sampled trajectories.

    Args:
        trajectories: in the order in which ``advantages`` were computed.
        advantages: one for each step, shape (N,), or one for each sampled token, shape (T,).

    Raises:
        BadInput: a step has no sampled ids or not a logprob for each, advantages are missing, or
            two trajectories have one id.
    """
    if len({trajectory.id for trajectory in trajectories}) < len(trajectories):
        raise BadInput("two trajectories have the same id, by which shared steps are told apart")
    per_token = _per_token(trajectories, advantages)
    holders: dict[tuple[str, int], list[tuple[int, int, Floats]]] = {}
    for number, trajectory in enumerate(trajectories):
        for index, step in enumerate(trajectory.steps):
            holder = (number, *next(per_token))
            holders.setdefault(_identity(trajectory, index), []).append(holder)
            if not step.ids or len(step.logprobs) != len(step.ids):
                raise BadInput(
                    f"{trajectory.id}: a step has {len(step.ids)} sampled ids and "
                    f"{len(step.logprobs)} logprobs; it cannot be trained on"
                )
    rows: list[Row] = []
    for number, trajectory in enumerate(trajectories):
        for segment in _segments(trajectory):
            row = Row(holders[_identity(trajectory, 0)][0][0])  # branches share the first step
            for index, step in segment:
                row.add_context(step.prompt_ids)
                held = holders[_identity(trajectory, index)]
                if held[0][0] == number:
                    numbers, places, values = map(list, zip(*held, strict=True))
                    row.add_sampled(step.ids, step.logprobs, numbers, places, np.stack(values))
                else:
                    row.add_context(step.ids)
            if row.actions:
                rows.append(row)
    return rows


def _per_token(
    trajectories: Sequence[Trajectory], advantages: Floats
) -> Iterator[tuple[int, Floats]]:
    """The place of each step and the advantages of its tokens."""
    lengths = [len(step.ids) for t in trajectories for step in t.steps]
    if len(advantages) == len(lengths):
        advantages = np.repeat(advantages, lengths)
    elif len(advantages) != sum(lengths):
        raise BadInput(
            f"there are {len(advantages)} advantages for {len(lengths)} steps "
            f"with {sum(lengths)} sampled tokens"
        )
    return enumerate(np.split(advantages, np.cumsum(lengths)[:-1]))


def _identity(trajectory: Trajectory, index: int) -> tuple[str, int]:
    return trajectory.steps[index].sampled_by or trajectory.id, index


def _segments(trajectory: Trajectory) -> list[list[tuple[int, Step]]]:
    """The steps with their places, a list for each causal sequence."""
    segments: dict[int, list[tuple[int, Step]]] = {}
    for index, step in enumerate(trajectory.steps):
        segments.setdefault(step.segment, []).append((index, step))
    return list(segments.values())


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
            rows[-1].add_sampled(ids, [0.0] * len(ids), [number], [], np.ones((1, len(ids))))
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
        (values[place] - row.logprobs[place], action.trajectories[0])
        for row, values in zip(rows, old, strict=True)
        for action in row.actions
        for place in range(*action.ends)
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
