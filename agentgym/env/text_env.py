"""Text environments: a Gymnasium environment whose observations and actions are text.

    env = agentgym.make("agentgym/WebShop-v0")
    observation, info = env.reset(seed=0, options={"task": env.tasks("test")[0].id})
    observation, reward, terminated, truncated, info = env.step("search[red shirt]")

An action is the whole text that the model wrote. The environment parses a command from it; for a
malformed action it returns an observation that says so, and never raises an exception.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import anyio.to_thread
import gymnasium
from gymnasium import spaces
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from agentgym.errors import BadInput, UnknownName
from agentgym.numbers import number
from agentgym.tools.tool import Tool

StepResult = tuple[str, float, bool, bool, dict[str, Any]]
"""observation, reward, terminated, truncated, info: as Gymnasium's ``step`` returns them."""


class Task(BaseModel):
    """One problem, as JSON-serialisable data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    """Unique within its environment, the same on every machine."""
    split: str
    """``train``, ``test``, or another name that the environment defines."""
    data: dict[str, JsonValue] = {}
    """Everything the environment needs to set up the problem."""


class FreeText(spaces.Text):
    """Any Python string up to ``max_length`` characters (Gymnasium's Text knows only a charset)."""

    def __init__(self, max_length: int = 1_000_000) -> None:
        super().__init__(max_length, min_length=0)

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a string that is short enough."""
        return isinstance(x, str) and len(x) <= self.max_length

    def sample(self, mask: Any = None, probability: Any = None) -> str:  # noqa: ARG002
        """A short random string: any text is a legal action."""
        length = int(self.np_random.integers(1, 32))
        return "".join(self.np_random.choice(list(self.character_set), size=length))

    def __eq__(self, other: object) -> bool:
        """Spaces are equal when they accept the same strings."""
        return isinstance(other, FreeText) and other.max_length == self.max_length

    __hash__ = None  # type: ignore[assignment]  # spaces are mutable: their RNG advances


class TextEnv(gymnasium.Env[str, str]):
    """A Gymnasium environment of text. Subclasses write ``reset``, ``step`` and ``tasks``.

    ``step`` may put into ``info``: ``valid`` (False when the action was malformed or not
    possible; default True) and, on the last step, ``success`` (default: the return is positive).
    After the end ``step`` must raise :class:`agentgym.EpisodeOver`.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  Gymnasium's own idiom
    observation_space = FreeText()
    action_space = FreeText()

    system_prompt: str = ""
    """Rules and action format, shown to the model once, before the first observation."""
    tools: Sequence[Tool] = ()
    """Tools whose schemas are offered to the model."""
    splits: Sequence[str] = ("train", "test")
    """The names that ``tasks`` accepts."""

    def tasks(self, split: str) -> Sequence[Task]:
        """All tasks of a split, in an order that is the same on every machine; default: none."""
        if split not in self.splits:
            raise UnknownName("split", split, self.splits)
        return ()

    def task(self, seed: int | None, options: Mapping[str, Any] | None) -> Task:
        """The task that ``reset(seed=seed, options=options)`` asks for; also seeds ``np_random``.

        ``options["task"]`` is a task id, a :class:`Task` or its dict; without it a train task is
        drawn from ``np_random``.

        Raises:
            UnknownName: no task has this id.
            BadInput: the split to draw from is empty.
        """
        gymnasium.Env.reset(self, seed=seed)
        wanted = (options or {}).get("task")
        if isinstance(wanted, Task):
            return wanted
        if isinstance(wanted, Mapping):
            try:
                return Task.model_validate(wanted)
            except ValidationError as error:
                raise BadInput(f"options['task'] is not a task: {error}") from error
        if wanted is None:
            train = self.tasks(self.splits[0])
            if not train:
                raise BadInput(f"{type(self).__name__} has no {self.splits[0]} tasks to draw from")
            return train[int(self.np_random.integers(len(train)))]
        for split in self.splits:
            for task in self.tasks(split):
                if task.id == wanted:
                    return task
        raise UnknownName(
            "task", str(wanted), (t.id for split in self.splits for t in self.tasks(split))
        )

    def anchor(self) -> str | None:
        """Identity of the current state, for credit that compares visits of the same state (GiGPO).

        None (the default): the observation identifies the state. Leave out everything that does
        not affect the future, such as the number of steps so far.
        """
        return None

    def expert(self) -> str | None:
        """The next action of a reference solution, from the current state; None: there is none."""
        return None

    def actions(self) -> Sequence[str]:
        """Some actions that are possible now, for random policies; empty when not enumerable."""
        return ()

    def fork(self) -> Self:
        """An independent copy at this state; the copies do not affect each other.

        Environments with state outside the process override it, e.g. by replaying seed and actions.
        """
        return copy.deepcopy(self)

    async def areset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """``reset`` off the event loop; override it in environments that wait on I/O."""
        return await anyio.to_thread.run_sync(
            lambda: self.reset(seed=seed, options=options), abandon_on_cancel=True
        )

    async def astep(self, action: str) -> StepResult:
        """``step`` off the event loop; override it in environments that wait on I/O."""
        observation, reward, terminated, truncated, info = await anyio.to_thread.run_sync(
            self.step, action, abandon_on_cancel=True
        )
        return observation, number(reward, "reward"), terminated, truncated, info


class InstantEnv(TextEnv):
    """Base of environments that answer in microseconds, from objects that never change in place.

    A thread would cost more than their steps, and a copy may share what it holds.
    """

    def fork(self) -> Self:
        """A copy that shares what never changes in place."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._np_random = copy.deepcopy(self._np_random)
        return twin

    async def areset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """``reset`` on the event loop."""
        return self.reset(seed=seed, options=options)

    async def astep(self, action: str) -> StepResult:
        """``step`` on the event loop."""
        observation, reward, terminated, truncated, info = self.step(action)
        return observation, number(reward, "reward"), terminated, truncated, info
