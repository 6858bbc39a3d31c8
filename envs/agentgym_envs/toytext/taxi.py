"""Taxi: fetch a passenger at one of four stands and drive to another.

The taxi is at row 3, column 1; free ways: south, north, east.
The passenger waits at the red stand (1, 1) and wants to go to the blue stand (5, 4).
> north ... pick up ... drop off
"""

import random
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import gymnasium
from gymnasium.envs.toy_text.taxi import TaxiEnv

from agentgym.env.text_env import Task
from agentgym.errors import BadInput, UnknownName
from agentgym_envs.toytext.game import SPLITS, ToyText, number_in
from agentgym_envs.toytext.tables import optimal_actions

STANDS = ("red", "green", "yellow", "blue")
IN_TAXI = 4


class Taxi(ToyText):
    """Gymnasium's rewards: -1 a move, -10 for a wrong pick up or drop off, 20 at the end."""

    moves = {  # noqa: RUF012  read-only by its type
        "south": 0,
        "north": 1,
        "east": 2,
        "west": 3,
        "pick up": 4,
        "drop off": 5,
    }
    system_prompt = (
        "You drive a taxi in a town of 5 rows and 5 columns; walls stand between some columns. "
        "Pick the passenger up and drop them off at their destination. Places are (row, column), "
        "from the north west. Write one of south, north, east, west, pick up, drop off, inside "
        "<action></action>."
    )

    @cached_property
    def town(self) -> TaxiEnv:
        """Gymnasium's environment; it takes milliseconds to make."""
        return TaxiEnv()

    @cached_property
    def plan(self) -> list[int]:
        """The best action in every state."""
        return optimal_actions(self.town.P)

    def tasks(self, split: str) -> Sequence[Task]:
        """Of the 300 states in which a ride may begin, 240, 20 and 40."""
        if split not in SPLITS:
            raise UnknownName("split", split, SPLITS)
        states = [
            ((row * 5 + column) * 5 + passenger) * 4 + goal
            for row in range(5)
            for column in range(5)
            for passenger in range(4)
            for goal in range(4)
            if passenger != goal
        ]
        draw = random.Random("taxi").random
        mixed = sorted(states, key=lambda _: draw())
        parts = {"test": mixed[:40], "valid": mixed[40:60], "train": mixed[60:]}
        return [
            Task(id=f"{split}/{state:03d}", split=split, data={"state": state})
            for state in parts[split]
        ]

    def begin(self, task: Task) -> gymnasium.Env[Any, Any]:
        """The town, with taxi and passenger where the task's ``state`` says."""
        state = number_in(task, "state", 500)
        _, _, passenger, goal = self.town.decode(state)
        if passenger == goal:
            raise BadInput(f"task {task.id!r} begins with the passenger at the destination")
        self.town.reset(seed=0)
        self.town.s = state
        return self.town

    def tell(self) -> str:
        """Where the taxi is, and what the passenger wants."""
        state = int(self.inner.s)
        row, column, passenger, goal = self.inner.decode(state)
        free = [word for word in self.possible() if word in ("south", "north", "east", "west")]
        where = "sits in the taxi" if passenger == IN_TAXI else f"waits at {self._stand(passenger)}"
        return (
            f"The taxi is at row {row + 1}, column {column + 1}; free ways: {', '.join(free)}.\n"
            f"The passenger {where} and wants to go to {self._stand(goal)}."
        )

    def possible(self) -> Sequence[str]:
        """The moves that change something."""
        mask = self.inner.action_mask(int(self.inner.s))
        return [word for word, action in self.moves.items() if mask[action]]

    def anchor(self) -> str | None:
        """Gymnasium's number of the state."""
        return None if self.inner is None else str(int(self.inner.s))

    def expert(self) -> str:
        """The best move."""
        self._now()
        return list(self.moves)[self.plan[int(self.inner.s)]]

    def _stand(self, number: int) -> str:
        row, column = self.inner.locs[number]
        return f"the {STANDS[number]} stand ({row + 1}, {column + 1})"
