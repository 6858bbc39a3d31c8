"""The record of an episode, step by step, as it was sampled; and its file format (JSONL)."""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FiniteFloat,
    JsonValue,
    ValidationError,
    model_validator,
)

from agentgym.env.text_env import Task
from agentgym.errors import BadInput
from agentgym.numbers import number
from agentgym.rendering.drift import Drift


class StopReason(StrEnum):
    """Why an episode ended; every episode ends exactly once."""

    TERMINATED = "terminated"
    """The environment ended the episode."""
    TRUNCATED = "truncated"
    """The environment truncated the episode."""
    MAX_STEPS = "max_steps"
    """The step limit of the rollout."""
    CONTEXT = "context"
    """The next prompt would leave no room to answer."""
    TIMEOUT = "timeout"
    """A time limit of the rollout; the failure says which side did not respond."""
    ERROR = "error"
    """An exception; the failure says which side raised it."""


class Failure(BaseModel):
    """An exception, as data."""

    boundary: Literal["environment", "policy", "renderer", "context"]
    """The side that raised or did not respond."""
    type: str
    message: str
    traceback: str = ""


class Usage(BaseModel):
    """Tokens and cost of one request to an endpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    """In the currency of the prices that the policy was given."""


class Step(BaseModel):
    """One step: the observation, the sampled action, the reward."""

    model_config = ConfigDict(extra="forbid")

    observation: str
    action: str
    reward: Annotated[FiniteFloat, BeforeValidator(number)] = 0.0
    """Of any type of number; the record has a float (:func:`agentgym.numbers.number`)."""
    valid: bool = True
    """False if the text is not a valid action."""
    anchor: str
    """Identity of the state in which the action was taken."""
    terminated: bool = False
    truncated: bool = False
    sampled_by: str = ""
    """The trajectory that sampled this step, if this trajectory branched off later."""
    segment: int = 0
    """Steps of a segment form one causal sequence; an edited or windowed past begins another."""
    drift: Drift = "clean"
    """How the chat template rewrote the past; ``forked`` began a segment."""
    prompt_ids: list[int] = []
    """Ids of the prompt since the previous step's ids (first step of a segment: the whole prompt).
    ``Trajectory.prompt_of`` gives the whole prompt of any step."""
    ids: list[int] = []
    """Sampled ids, the end-of-turn token included."""
    logprobs: list[FiniteFloat] = []
    """ln p of each sampled id in the distribution it was sampled from (after temperature)."""
    entropies: list[FiniteFloat] = []
    """Entropy of that distribution at each sampled id, in nats."""
    finish_reason: str = "stop"
    """``stop`` (end of turn) or ``length`` (token limit)."""
    weight_versions: list[int] = []
    """For each sampled id, the number of training steps of the weights that sampled it."""
    usage: Usage | None = None
    """Tokens and cost, as the endpoint counted them."""
    refused_parameters: list[str] = []
    """Parameters of sampling (temperature, seed, ...) that the endpoint does not take, so that the
    action was sampled without them."""
    seconds: dict[str, float] = {}
    """Wall time by side: ``policy``, ``environment``."""
    info: dict[str, JsonValue] = {}
    """The environment's ``info`` of the step."""

    @model_validator(mode="after")
    def _one_logprob_per_id(self) -> Self:
        for name in ("logprobs", "entropies", "weight_versions"):
            values = getattr(self, name)
            if values and len(values) != len(self.ids):
                raise ValueError(f"{len(values)} {name} for {len(self.ids)} sampled ids")
        return self


class Trajectory(BaseModel):
    """One episode."""

    model_config = ConfigDict(extra="forbid")

    id: str
    group: str
    """Trajectories of one group share task and environment seed."""
    task: Task
    env: str = ""
    seed: int = 0
    """The seed the environment was reset with."""
    parent: str = ""
    """The trajectory that this one branched off; they share the first steps."""
    branch_step: int = 0
    """How many steps it shares with its parent."""
    branch_token: int = 0
    """Number of tokens, prompts included, before the first step that is not shared."""
    system_prompt: str = ""
    steps: list[Step] = []
    final_observation: str = ""
    stop_reason: StopReason
    failure: Failure | None = None
    success: bool = False

    @property
    def reward(self) -> float:
        """The undiscounted return."""
        return sum(step.reward for step in self.steps)

    @property
    def tokens(self) -> int:
        """Number of sampled tokens, without those shared with the parent."""
        return sum(len(step.ids) for step in self.steps if not step.sampled_by)

    def prompt_of(self, index: int) -> list[int]:
        """The whole prompt that step ``index`` was sampled from."""
        prompt: list[int] = []
        for step in self.steps[:index]:
            if step.segment == self.steps[index].segment:
                prompt += step.prompt_ids + step.ids
        return prompt + self.steps[index].prompt_ids


class Group(BaseModel):
    """Trajectories of the same task from the same initial state, to be compared."""

    id: str
    task: Task
    trajectories: list[Trajectory] = []


def write_jsonl(path: Path | str, trajectories: Iterable[Trajectory]) -> None:
    """Write a file of trajectories atomically."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            for trajectory in trajectories:
                file.write(trajectory.model_dump_json(exclude_defaults=True) + "\n")
        os.replace(partial, path)  # noqa: PTH105  the atomic one
    finally:
        partial.unlink(missing_ok=True)


def read_jsonl(path: Path | str) -> Iterator[Trajectory]:
    """Read the trajectories of a file.

    Raises:
        BadInput: no such file, or a line is not a trajectory; the message names the line.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"no trajectory file {path}")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield Trajectory.model_validate_json(line.removeprefix(BOM_UTF8))
            except ValidationError as error:
                what = error.errors()[0]
                place = ".".join(map(str, what["loc"]))
                raise BadInput(f"{path}, line {number}: {place}: {what['msg']}") from error


def grouped(trajectories: Sequence[Trajectory]) -> list[Group]:
    """Trajectories by group, in order of first appearance."""
    groups: dict[str, Group] = {}
    for trajectory in trajectories:
        group = groups.setdefault(
            trajectory.group, Group(id=trajectory.group, task=trajectory.task)
        )
        group.trajectories.append(trajectory)
    return list(groups.values())
