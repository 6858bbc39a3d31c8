"""Sokoban: push every box onto a target. A box is pushed, one at a time, never pulled.

    # # # # # #
    # - - - - #
    # - $ . - #
    # @ - - - #
    # - - - - #
    # # # # # #
    you (4, 2), boxes (3, 3), targets (3, 4)
    > up ... right

A classic of 1982 (Thinking Rabbit). Signs are the usual ones; rows and columns count from 1.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gymnasium

from agentgym.env.seeded_random import SPLITS
from agentgym.env.text_env import InstantEnv, StepResult, Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.tools.parse import without_thoughts
from agentgym_envs.sokoban.board import MOVES, Board, parse
from agentgym_envs.sokoban.rooms import LEVELS, Rooms, task_named
from agentgym_envs.sokoban.solver import solve

PROMPT = """Push every box onto a target. You walk up, down, left or right, one step a turn; a \
step against a box pushes it, if the cell behind it is free. Boxes cannot be pulled: mind corners.
# wall, - floor, . target, $ box, * box on a target, @ you, + you on a target.
Places are (row, column), from the top left. Write one of up, down, left, right, inside \
<action></action>."""
_MOVE = re.compile(r"\b(up|down|left|right)\b", re.IGNORECASE)


class Sokoban(InstantEnv):
    """Push boxes. The reward is 1, and the episode over, when every box is on a target."""

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012  Gymnasium's own idiom
    splits = SPLITS
    system_prompt = PROMPT

    def __init__(
        self, level: str = "medium", *, seed: int = 0, render_mode: str | None = "ansi"
    ) -> None:
        """Make the rooms.

        Args:
            level: easy (one box, at most 6 moves), medium (two boxes) or hard (three).
            seed: of the generated rooms.
            render_mode: ``ansi``: :meth:`render` gives the board's text.
        """
        if level not in LEVELS:
            raise UnknownName("level", level, LEVELS)
        self.level = level
        self.seed = seed
        self.render_mode = render_mode
        self._board: Board | None = None
        self._plan: tuple[str, ...] = ()

    def tasks(self, split: str) -> Sequence[Task]:
        """The tasks of ``train``, ``valid`` or ``test``; each is made when it is looked at."""
        if split not in SPLITS:
            raise UnknownName("split", split, SPLITS)
        return Rooms(self.level, split, self.seed)

    def task(self, seed: int | None, options: Mapping[str, Any] | None) -> Task:
        """As the base class, but a look-up by id makes no other room."""
        wanted = (options or {}).get("task")
        if isinstance(wanted, str):
            gymnasium.Env.reset(self, seed=seed)
            return task_named(wanted, self.level, self.seed)
        return super().task(seed, options)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Enter the room of a task."""
        task = self.task(seed, options)
        rows = task.data.get("rows")
        if not isinstance(rows, list) or not all(isinstance(row, str) for row in rows):
            raise BadInput(f"task {task.id!r} has no board: its data needs 'rows', a list of text")
        board = parse([str(row) for row in rows])
        if board.solved:
            raise BadInput(f"task {task.id!r} is solved from the start")
        self._board = board
        self._plan = ()
        return board_text(board), {"task": task.id}

    def step(self, action: str) -> StepResult:
        """Make the last move in the action; one that is not possible leaves everything as it is."""
        board = self._now()
        move = find_move(action)
        after = board.step(move) if move else None
        if after is None:
            why = "something is in the way" if move else f"write one of {', '.join(MOVES)}"
            text = f"{board_text(board)}\nnothing happened: {why}"
            return text, 0.0, False, False, {"valid": False}
        self._board = after
        self._plan = self._plan[1:] if self._plan[:1] == (move,) else ()
        info: dict[str, Any] = {"valid": True, "on_target": len(after.boxes & after.targets)}
        if after.solved:
            info["success"] = True
        return board_text(after), float(after.solved), after.solved, False, info

    def render(self) -> Any:
        """The board's text; None without a render mode or before ``reset``."""
        return board_text(self._board) if self.render_mode and self._board else None

    def anchor(self) -> str | None:
        """The board."""
        return "\n".join(self._board.rows) if self._board else None

    def actions(self) -> Sequence[str]:
        """The moves that are possible."""
        board = self._now()
        return [move for move in MOVES if board.step(move)]

    def expert(self) -> str:
        """The next move of a solution; where there is none any more, some move."""
        board = self._now()
        self._plan = self._plan or solve(board) or ()
        return self._plan[0] if self._plan else next(iter(self.actions()), MOVES[0])

    def _now(self) -> Board:
        if self._board is None or self._board.solved:
            raise EpisodeOver("the episode has ended or not begun; call reset() first")
        return self._board


def find_move(action: str) -> str | None:
    """The last move of a text, thoughts left out; one in ``<action>...</action>`` is preferred."""
    action = without_thoughts(action)
    end = action.rfind("</action>")
    start = action.rfind("<action>", 0, end) if end >= 0 else -1
    inner = _MOVE.findall(action[start:end]) if start >= 0 else []
    moves = inner or _MOVE.findall(action)
    return moves[-1].lower() if moves else None


def board_text(board: Board) -> str:
    """The board as the model reads it: signs with spaces between them, and places in numbers."""
    drawing = "\n".join(" ".join(row) for row in board.rows)
    boxes, targets = places(board, board.boxes), places(board, board.targets)
    return f"{drawing}\nyou {board.place(board.player)}, boxes {boxes}, targets {targets}"


def places(board: Board, cells: Iterable[int]) -> str:
    """Cells as rows and columns."""
    return " ".join(str(board.place(cell)) for cell in sorted(cells))
