"""Guess a number from 1 to 9; the environment answers "higher" or "lower"."""

import re
from collections.abc import Sequence
from typing import Any

from agentgym import EpisodeOver, StepResult, Task, TextEnv, register

register("guess/GuessNumber-v0", "guess_number:GuessNumber", summary="Binary search in words.")


class GuessNumber(TextEnv):
    system_prompt = "Guess my number, from 1 to 9. Write one number a turn."

    def __init__(self, guesses: int = 4) -> None:
        self.guesses, self.left = guesses, 0

    def tasks(self, split: str) -> Sequence[Task]:
        numbers = {"train": range(1, 10), "test": range(1, 10)}[split]
        return [Task(id=f"{split}-{n}", split=split, data={"number": n}) for n in numbers]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        self.number = int(str(self.task(seed, options).data["number"]))
        self.left, self.low, self.high = self.guesses, 1, 9
        return "Go on.", {}

    def step(self, action: str) -> StepResult:
        if not self.left:
            raise EpisodeOver("the game is over: call reset()")
        self.left -= 1
        found = re.search(r"\b[1-9]\b", action)
        if not found:
            return "Write a number from 1 to 9.", 0.0, False, self.left == 0, {"valid": False}
        guess = int(found.group())
        if guess == self.number:
            self.left = 0
            return "Right!", 1.0, True, False, {"success": True}
        if guess < self.number:
            self.low = max(self.low, guess + 1)
        else:
            self.high = min(self.high, guess - 1)
        answer = "higher" if guess < self.number else "lower"
        return answer, 0.0, False, self.left == 0, {"success": False}

    def anchor(self) -> str:
        return f"{self.low}-{self.high}"

    def actions(self) -> Sequence[str]:
        return [str(n) for n in range(1, 10)]

    def expert(self) -> str:
        return str((self.low + self.high) // 2)
