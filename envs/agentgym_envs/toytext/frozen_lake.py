"""FrozenLake: from the first field to the last, over ice with holes in it.

You stand at row 1, column 1 of a frozen lake with 4 rows and 4 columns.
Holes: (2, 2), (2, 4), (3, 4). Goal: (4, 4).
Left: edge. Down: ice. Right: ice. Up: edge.
> down ... right
"""

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import gymnasium
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv

from agentgym.env.text_env import Task
from agentgym.errors import BadInput, UnknownName
from agentgym_envs.toytext.game import SPLITS, ToyText
from agentgym_envs.toytext.tables import optimal_actions

SIZES = {"train": 500, "valid": 50, "test": 100}
HOLES = 0.2
"""Share of the fields that are holes."""


class FrozenLake(ToyText):
    """The reward is 1 at the goal, and 0 in a hole, which ends the episode too."""

    moves = {"left": 0, "down": 1, "right": 2, "up": 3}  # noqa: RUF012  read-only by its type
    system_prompt = (
        "You cross a frozen lake. Do not step into a hole. Places are (row, column), from the top "
        "left. Write one of left, down, right, up, inside <action></action>."
    )

    def __init__(
        self,
        size: int = 4,
        *,
        slippery: bool = False,
        seed: int = 0,
        render_mode: str | None = "ansi",
    ) -> None:
        """Freeze the lakes.

        Args:
            size: rows and columns, from 3 to 12.
            slippery: as Gymnasium's ``is_slippery``: two of three steps go sideways; then the
                expert plays as well as can be, and yet falls in at times.
            seed: of the lakes.
            render_mode: ``ansi``: :meth:`render` gives the state in words.
        """
        super().__init__(render_mode)
        if not 3 <= size <= 12:
            raise BadInput(f"size must be from 3 to 12, not {size}")
        self.size = size
        self.slippery = slippery
        self.seed = seed
        self._plan: list[int] | None = None

    def tasks(self, split: str) -> Sequence[Task]:
        """The lakes of ``train``, ``valid`` or ``test``; none is in two splits."""
        if split not in SPLITS:
            raise UnknownName("split", split, SPLITS)
        return lakes(self.size, self.seed)[split]

    def begin(self, task: Task) -> gymnasium.Env[Any, Any]:
        """A lake as the task's ``rows`` show it: S start, F ice, H hole, G goal."""
        given = task.data.get("rows")
        rows = [str(row) for row in given] if isinstance(given, list) else []
        signs = "".join(rows)
        square = len(set(map(len, rows))) == 1
        if not square or set(signs) - set("SFHG") or signs.count("S") != 1 or "G" not in signs:
            raise BadInput(f"task {task.id!r} needs 'rows' of equal length, of the letters SFHG")
        inner = FrozenLakeEnv(desc=rows, is_slippery=self.slippery)
        inner.reset(seed=int(self.np_random.integers(2**31)))
        self._plan = None
        return inner

    def tell(self) -> str:
        """Where one stands, where the holes are, and what is near."""
        field = self.inner.desc.astype(str)
        rows, columns = field.shape
        row, column = divmod(int(self.inner.s), columns)
        holes = [
            f"({r + 1}, {c + 1})" for r in range(rows) for c in range(columns) if field[r, c] == "H"
        ]
        goal = next((r, c) for r in range(rows) for c in range(columns) if field[r, c] == "G")
        names = {"S": "ice", "F": "ice", "H": "hole", "G": "goal"}
        near = []
        for move, (down, right) in NEAR.items():
            r, c = row + down, column + right
            inside = 0 <= r < rows and 0 <= c < columns
            near.append(f"{move}: {names[field[r, c]] if inside else 'edge'}.")
        return (
            f"You stand at row {row + 1}, column {column + 1} of a frozen lake with {rows} rows "
            f"and {columns} columns.\nHoles: {', '.join(holes) or 'none'}. "
            f"Goal: ({goal[0] + 1}, {goal[1] + 1}).\n{' '.join(near)}"
        )

    def anchor(self) -> str | None:
        """The lake and the place."""
        if self.inner is None:
            return None
        rows = "/".join("".join(row) for row in self.inner.desc.astype(str))
        return f"{rows} {int(self.inner.s)}"

    def expert(self) -> str:
        """The best move."""
        self._now()
        if self._plan is None:
            self._plan = optimal_actions(self.inner.P)
        return list(self.moves)[self._plan[int(self.inner.s)]]


NEAR = {"Left": (0, -1), "Down": (1, 0), "Right": (0, 1), "Up": (-1, 0)}


@lru_cache(maxsize=8)
def lakes(size: int, seed: int) -> dict[str, tuple[Task, ...]]:
    """Different lakes that can be crossed, by split.

    Small lakes run out: then a split has fewer.
    """
    draw = random.Random(f"frozen lake/{seed}/{size}").random
    wanted = sum(SIZES.values())
    found: dict[tuple[str, ...], None] = {}
    for _ in range(20 * wanted):
        signs = ["H" if draw() < HOLES else "F" for _ in range(size * size)]
        signs[0], signs[-1] = "S", "G"
        rows = tuple("".join(signs[r * size : (r + 1) * size]) for r in range(size))
        if crossable(rows):
            found[rows] = None
        if len(found) == wanted:
            break
    mixed = list(found)
    ends = {"test": SIZES["test"], "valid": SIZES["test"] + SIZES["valid"], "train": wanted}
    shares = {split: round(end * len(mixed) / wanted) for split, end in ends.items()}
    parts = {
        "test": mixed[: shares["test"]],
        "valid": mixed[shares["test"] : shares["valid"]],
        "train": mixed[shares["valid"] :],
    }
    return {
        split: tuple(
            Task(id=f"{size}x{size}/{split}/{n:05d}", split=split, data={"rows": list(rows)})
            for n, rows in enumerate(parts[split])
        )
        for split in SPLITS
    }


def crossable(rows: Sequence[str]) -> bool:
    """Whether there is a way from the start to the goal."""
    seen, edge = {(0, 0)}, [(0, 0)]
    while edge:
        row, column = edge.pop()
        for down, right in NEAR.values():
            r, c = row + down, column + right
            inside = 0 <= r < len(rows) and 0 <= c < len(rows)
            if inside and rows[r][c] != "H" and (r, c) not in seen:
                seen.add((r, c))
                edge.append((r, c))
    return (len(rows) - 1, len(rows) - 1) in seen
