"""A Gymnasium environment with few states, as a text environment: what all four games share.

The rules, rewards and ends are Gymnasium's. A game adds words: what it says of a state, and what
the moves are called. Its tasks are the states that it may begin in.
"""

import copy
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import gymnasium

from agentgym.env.text_env import InstantEnv, StepResult, Task
from agentgym.errors import BadInput, EpisodeOver
from agentgym.tools.parse import without_thoughts

SPLITS = ("train", "valid", "test")


class ToyText(InstantEnv):
    """Subclasses write ``tasks``, :meth:`begin`, :meth:`tell`, and at need the rest."""

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012  Gymnasium's own idiom
    splits = SPLITS
    moves: ClassVar[Mapping[str, int]]
    """Word -> Gymnasium's action."""

    def __init__(self, render_mode: str | None = "ansi") -> None:
        """Nothing begins before ``reset``; ``ansi``: :meth:`render` gives the state in words."""
        self.render_mode = render_mode
        self.inner: Any = None
        """The Gymnasium environment of the episode; it has no type of its own there."""
        self._over = True

    @abstractmethod
    def begin(self, task: Task) -> gymnasium.Env[Any, Any]:
        """Gymnasium's environment, in the state that a task begins in.

        Raises:
            BadInput: the task's data is not of this game.
        """

    @abstractmethod
    def tell(self) -> str:
        """The state in words."""

    def won(self, reward: float) -> bool:
        """Whether an episode that ends with this reward is a success."""
        return reward > 0

    def possible(self) -> Sequence[str]:
        """The moves that change something."""
        return tuple(self.moves)

    def fork(self) -> Self:
        """A copy that shares Gymnasium's table of the rules, which nothing changes."""
        table = getattr(self.inner, "P", None)
        return copy.deepcopy(self, {id(table): table})

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin a task."""
        task = self.task(seed, options)
        self.inner = self.begin(task)
        self._over = False
        return self.tell(), {"task": task.id}

    def step(self, action: str) -> StepResult:
        """Make the last move in the action."""
        self._now()
        move = find_word(action, self.moves)
        if move is None:
            how = f"nothing happened: write one of {', '.join(self.moves)}"
            return f"{self.tell()}\n{how}", 0.0, False, False, {"valid": False}
        _, reward, terminated, _, _ = self.inner.step(self.moves[move])
        self._over = bool(terminated)
        info: dict[str, Any] = {"valid": True}
        if self._over:
            info["success"] = self.won(float(reward))
        return self.tell(), float(reward), self._over, False, info

    def render(self) -> Any:
        """The state in words; None without a render mode or before ``reset``."""
        return self.tell() if self.render_mode and self.inner is not None else None

    def actions(self) -> Sequence[str]:
        """The moves that change something."""
        self._now()
        return self.possible()

    def _now(self) -> None:
        if self._over:
            raise EpisodeOver("the episode has ended or not begun; call reset() first")


def find_word(action: str, words: Mapping[str, int]) -> str | None:
    """The last of the words in a text, thoughts left out; one in ``<action>`` is preferred."""
    action = without_thoughts(action)
    any_word = re.compile(rf"\b({'|'.join(map(re.escape, words))})\b", re.IGNORECASE)
    end = action.rfind("</action>")
    start = action.rfind("<action>", 0, end) if end >= 0 else -1
    inner = any_word.findall(action[start:end]) if start >= 0 else []
    found = inner or any_word.findall(action)
    return str(found[-1]).lower() if found else None


def number_in(task: Task, name: str, below: int) -> int:
    """A whole number of a task's data.

    Raises:
        BadInput: it is missing, or not from 0 to ``below`` - 1.
    """
    value = task.data.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < below:
        raise BadInput(f"task {task.id!r} needs {name!r}, from 0 to {below - 1}; it has {value!r}")
    return value
