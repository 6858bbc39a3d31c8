"""CliffWalking: to the goal in the corner, with a cliff along the way.

You stand at row 3, column 1 of 4 rows and 12 columns. The goal is (4, 12).
The cliff is row 4, columns 2 to 11: a step onto it throws you back to (4, 1).
> right ... down
"""

import random
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import gymnasium
from gymnasium.envs.toy_text.cliffwalking import CliffWalkingEnv

from agentgym.env.text_env import Task
from agentgym.errors import BadInput, UnknownName
from agentgym_envs.toytext.game import SPLITS, ToyText, number_in
from agentgym_envs.toytext.tables import optimal_actions

START, GOAL = 36, 47


class CliffWalking(ToyText):
    """Gymnasium's rewards: -1 a step, -100 for a fall. Success: the goal without a fall."""

    moves = {"up": 0, "right": 1, "down": 2, "left": 3}  # noqa: RUF012  read-only by its type
    system_prompt = (
        "You walk to the goal, by the shortest way, and never step onto the cliff. Places are "
        "(row, column), from the top left. Write one of up, right, down, left, inside "
        "<action></action>."
    )

    def __init__(self, render_mode: str | None = "ansi") -> None:
        """``ansi``: :meth:`render` gives the state in words."""
        super().__init__(render_mode)
        self._fell = False

    @cached_property
    def coast(self) -> CliffWalkingEnv:
        """Gymnasium's environment."""
        return CliffWalkingEnv()

    @cached_property
    def plan(self) -> list[int]:
        """The best action in every state."""
        return optimal_actions(self.coast.P)

    def tasks(self, split: str) -> Sequence[Task]:
        """The 37 places to begin at; Gymnasium's own start is the first one of ``train``."""
        if split not in SPLITS:
            raise UnknownName("split", split, SPLITS)
        draw = random.Random("cliff walking").random
        mixed = sorted(range(START), key=lambda _: draw())
        parts = {"test": mixed[:8], "valid": mixed[8:12], "train": [START, *mixed[12:]]}
        return [
            Task(id=f"{split}/{place:02d}", split=split, data={"place": place})
            for place in parts[split]
        ]

    def begin(self, task: Task) -> gymnasium.Env[Any, Any]:
        """The coast, with the walker at the task's ``place``."""
        place = number_in(task, "place", 48)
        if place > START:
            raise BadInput(f"task {task.id!r} begins on the cliff or at the goal")
        self.coast.reset(seed=0)
        self.coast.s = place
        self._fell = False
        return self.coast

    def step(self, action: str) -> Any:
        """As every game; a fall is remembered, for it costs the success."""
        result = super().step(action)
        self._fell |= result[1] < -1
        if "success" in result[4]:
            result[4]["success"] = not self._fell
        return result

    def tell(self) -> str:
        """Where one stands."""
        row, column = divmod(int(self.inner.s), 12)
        return (
            f"You stand at row {row + 1}, column {column + 1} of 4 rows and 12 columns. "
            "The goal is (4, 12).\n"
            "The cliff is row 4, columns 2 to 11: a step onto it throws you back to (4, 1)."
        )

    def anchor(self) -> str | None:
        """The place, and whether the success is lost."""
        return None if self.inner is None else f"{int(self.inner.s)}{' fell' * self._fell}"

    def expert(self) -> str:
        """The best move."""
        self._now()
        return list(self.moves)[self.plan[int(self.inner.s)]]
