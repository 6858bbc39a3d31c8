"""The judgement at the end: what the database became, what was answered, which rules were broken.

The goal is the database after the reference plan. It is compared by what changed, as a bag of
records: neither the order of the calls nor anything said on the way matters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentgym.tools.tool import ToolCall, ToolResult
from agentgym_envs.tooluse.case import Case
from agentgym_envs.tooluse.domain import Domain

SPARE_NUMBERS = 4
"""Numbers that an answer may hold beside the expected ones: enough to say what it is about, too few
to try one's luck with a list."""

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Verdict:
    """Three parts, each from 0 to 1."""

    changes: float
    """Changes that were wanted and made, of all that were wanted or made."""
    answer: float
    """Expected values that the answer holds, of all; 0 if it also holds what it must not."""
    rules: float
    """1 if no rule was broken."""

    @property
    def success(self) -> bool:
        """Everything is as it should be."""
        return self.credit == 1.0

    @property
    def credit(self) -> float:
        """The product of the parts."""
        return self.changes * self.answer * self.rules


def judge(case: Case, start: Domain, now: Domain, answer: str) -> Verdict:
    """Judge an episode.

    Args:
        case: what was wanted.
        start: the database at the beginning.
        now: the database at the end.
        answer: what was said last.
    """
    goal = start.copy()
    for turn in case.plan.turns:
        for one in turn:
            run_on(goal, one)
    wanted, made = goal.changes(start), now.changes(start)
    either = (wanted | made).total()
    return Verdict(
        changes=(wanted & made).total() / either if either else 1.0,
        answer=answer_score(answer, case.expected, case.excluded),
        rules=0.0 if now.breaches else 1.0,
    )


def run_on(domain: Domain, one: ToolCall) -> ToolResult:
    """The result of a call of one of the domain's own tools."""
    result: ToolResult = getattr(domain, one.name).run(one.arguments)
    return result


def answer_score(text: str, expected: tuple[str, ...], excluded: tuple[str, ...] = ()) -> float:
    """The share of the expected values that a text holds; 0 where it hedges."""
    if not expected:
        return 1.0
    numbers = [number.replace(",", "").rstrip(".") for number in _NUMBER.findall(text)]
    values = {float(number) for number in numbers}
    if len(values) > len(expected) + SPARE_NUMBERS or any(_says(text, name) for name in excluded):
        return 0.0
    held = [
        float(value) in values if _NUMBER.fullmatch(value) else _says(text, value)
        for value in expected
    ]
    return sum(held) / len(held)


def _says(text: str, name: str) -> bool:
    return f" {_words(name)} " in f" {_words(text)} "


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
