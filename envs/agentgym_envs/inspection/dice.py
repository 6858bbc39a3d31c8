"""Random draws, and a division into splits, that are the same on every machine and every Python."""

import random
import zlib
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")
SPLITS = ("train", "valid", "test")


class Dice:
    """Draws made of ``random()`` alone, the one method whose sequence Python promises to keep."""

    def __init__(self, *seed: object) -> None:
        self.random = random.Random("/".join(map(str, seed))).random

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1."""
        return int(self.random() * n)

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[int(self.random() * len(items))]

    def some(self, items: Sequence[Item], n: int) -> list[Item]:
        """``n`` different items in random order."""
        return sorted(items, key=lambda _: self.random())[:n]


def split_of(text: str) -> str:
    """The split that a fact belongs to: for a fifth of them valid, for a fifth test."""
    return {0: "test", 1: "valid"}.get(zlib.crc32(text.encode()) % 5, "train")
