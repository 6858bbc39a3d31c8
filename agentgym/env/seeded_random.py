"""Random draws, and a division into splits, that are the same on every machine and every Python.

Environments that make their tasks from seeds draw with :class:`SeededRandom`; then a suite's
checksums hold wherever it is played.
"""

import random
import zlib
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")
SPLITS = ("train", "valid", "test")


class SeededRandom:
    """Draws made of ``random()`` alone, the one method whose sequence Python promises to keep."""

    def __init__(self, *seed: object) -> None:
        self.random = random.Random("/".join(map(str, seed))).random

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1."""
        return int(self.random() * n)

    def between(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + self.below(high - low + 1)

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.below(len(items))]

    def other(self, items: Sequence[Item], than: Item) -> Item:
        """One of the items, but not this one."""
        return self.pick([item for item in items if item != than])

    def some(self, items: Sequence[Item], n: int) -> list[Item]:
        """``n`` different items in random order; all of them when there are fewer."""
        return sorted(items, key=lambda _: self.random())[:n]

    def numbers(self, n: int, low: int, high: int) -> list[int]:
        """``n`` different whole numbers from ``low`` to ``high``."""
        found: dict[int, None] = {}
        while len(found) < n:
            found[self.between(low, high)] = None
        return list(found)


def split_of(text: str, share: int = 10) -> str:
    """The split that something belongs to by its text: for one in ``share`` valid, for one test."""
    return {0: "test", 1: "valid"}.get(zlib.crc32(text.encode()) % share, "train")
