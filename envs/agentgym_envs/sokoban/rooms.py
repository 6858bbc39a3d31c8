"""Rooms: made by pulling boxes away from their targets, so that pushing can bring them back."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, overload

from agentgym.env.seeded_random import SPLITS, SeededRandom, split_of
from agentgym.env.text_env import Task
from agentgym.errors import UnknownName
from agentgym_envs.sokoban.board import Board, reachable
from agentgym_envs.sokoban.solver import solve

SIZES = {"train": 1000, "valid": 100, "test": 200}


class Level(NamedTuple):
    """A rung of difficulty."""

    size: int
    """Rows and columns, with the walls around."""
    boxes: int
    pulls: int
    """How often a box is pulled, at most, to make the room."""
    walls: float
    """Share of the cells that are walls, besides those around."""
    moves: tuple[int, int]
    """The expert needs at least and at most so many moves."""


LEVELS = MappingProxyType(
    {
        "easy": Level(6, 1, 4, 0.1, (2, 6)),
        "medium": Level(7, 2, 16, 0.15, (8, 40)),
        "hard": Level(9, 3, 40, 0.2, (20, 100)),
    }
)


@dataclass(frozen=True)
class Rooms(Sequence[Task]):
    """The tasks of a level's split, each made when it is first asked for: that takes milliseconds.

    Their ids are ``easy/train/00000`` and so on.
    """

    level: str
    split: str
    seed: int

    def __len__(self) -> int:
        """How many there are."""
        return SIZES[self.split]

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Task]: ...
    def __getitem__(self, index: int | slice) -> Task | Sequence[Task]:
        """A task, or some of them."""
        number = range(len(self))[index]
        if isinstance(number, range):
            return [task_of(self.level, self.split, n, self.seed) for n in number]
        return task_of(self.level, self.split, number, self.seed)


@lru_cache(maxsize=8192)
def task_of(level: str, split: str, number: int, seed: int) -> Task:
    """One task."""
    board = room(level, split, SeededRandom("sokoban", seed, level, split, number))
    return Task(id=task_id(level, split, number), split=split, data={"rows": list(board.rows)})


def task_id(level: str, split: str, number: int) -> str:
    """The name of a task."""
    return f"{level}/{split}/{number:05d}"


def task_named(name: str, level: str, seed: int) -> Task:
    """The task with this id.

    Raises:
        UnknownName: there is none.
    """
    places = {task_id(level, split, n): (split, n) for split in SPLITS for n in range(SIZES[split])}
    if name not in places:
        raise UnknownName("task", name, places)
    return task_of(level, *places[name], seed)


def room(name: str, split: str, rng: SeededRandom) -> Board:
    """A room that the expert solves. No layout of walls and targets is in two splits."""
    level = LEVELS[name]
    while True:
        empty = layout(level, rng)
        if empty is None or split_of("".join(empty.rows).replace("@", "-")) != split:
            continue
        board = pulled(empty, level, rng)
        if board.boxes & board.targets:
            continue
        moves = solve(board)
        if moves and level.moves[0] <= len(moves) <= level.moves[1]:
            return board


def layout(level: Level, rng: SeededRandom) -> Board | None:
    """Walls, and boxes on their targets; None: they do not fit into the largest part."""
    stride = level.size + 1
    inner = [r * stride + c for r in range(1, level.size - 1) for c in range(1, level.size - 1)]
    open_cells = {cell for cell in inner if rng.random() >= level.walls}
    parts = []
    left = set(open_cells)
    while left:
        parts.append(reachable(min(left), left, stride))
        left -= parts[-1]
    floor = max(parts, key=len)
    if len(floor) < len(inner) * 0.6:
        return None
    *targets, player = rng.some(sorted(floor), level.boxes + 1)
    there = frozenset(targets)
    return Board(frozenset(floor), there, there, player, level.size, stride)


def pulled(board: Board, level: Level, rng: SeededRandom) -> Board:
    """The board after a random walk of pulls that comes to no position twice."""
    seen = {board.boxes}
    last = -1
    for _ in range(level.pulls):
        reach = reachable(board.player, board.floor - board.boxes, board.stride)
        pulls = [
            (box, box + way, box + 2 * way)
            for box in sorted(board.boxes)
            for way in board.ways.values()
            if box + way in reach
            and box + 2 * way in board.floor - board.boxes
            and board.boxes - {box} | {box + way} not in seen
        ]
        if not pulls:
            break
        # A box that is pulled on goes further than boxes in turn.
        same = [pull for pull in pulls if pull[0] == last] if rng.random() < 0.7 else []
        box, last, player = rng.pick(same or pulls)
        board = board._replace(boxes=board.boxes - {box} | {last}, player=player)
        seen.add(board.boxes)
    return board
