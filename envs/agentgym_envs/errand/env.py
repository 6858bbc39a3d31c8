"""Errand: fetch a thing and bring it somewhere, where no page says whether one has it.

    bring the lamp from the barn to the park
    at the inn, next to the mill
    > go mill
    bring the lamp from the barn to the park
    at the mill, next to the barn, the inn, the park
    > go barn
    ...
    at the barn, next to the mill. here are lamp, rope
    > take lamp
    > go mill ... go park
    at the park, next to the mill. something is wanted here
    > leave

A page says where one is and where one can go, not what one has: on the way back it reads as it read
on the way there, though another step is right. So steps at equal pages are comparable only where
their pasts are alike, the "context inconsistency" of HGPO (arXiv 2602.22817, section 3), and the
observation is the anchor state on purpose.
"""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from agentgym.env.seeded_random import SPLITS
from agentgym.env.text_env import InstantEnv, StepResult, Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.tools.parse import without_thoughts
from agentgym_envs.errand.towns import LEVELS, Town, tasks_of

PROMPT = """You run errands. Write go and a place that is next to you, take and the thing where \
it is, and leave where it is wanted. Remember whether you have it."""
_COMMAND = re.compile(r"\b(go|take)\s+(?:to\s+)?(?:the\s+)?(\w+)|\bleave\b", re.IGNORECASE)


class Errand(InstantEnv):
    """Walk, take, walk, leave. The reward is 1, and the episode over, with the thing in place."""

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012  Gymnasium's own idiom
    splits = SPLITS
    system_prompt = PROMPT

    def __init__(
        self,
        level: str = "medium",
        *,
        tells: bool = False,
        seed: int = 0,
        render_mode: str | None = "ansi",
    ) -> None:
        """Make the towns.

        Args:
            level: easy (one town of 6 places for all tasks), medium (8 places) or hard (14).
            tells: whether a page says what one has; then it is the whole state.
            seed: of the generated towns.
            render_mode: ``ansi``: :meth:`render` gives the current page.
        """
        if level not in LEVELS:
            raise UnknownName("level", level, LEVELS)
        self.level, self.tells, self.seed, self.render_mode = level, tells, seed, render_mode
        self._town: Town | None = None
        self._place = ""
        self._carried = ""
        """The thing that one has."""
        self._over = True

    def tasks(self, split: str) -> Sequence[Task]:
        """The tasks of ``train``, ``valid`` or ``test``."""
        if split not in SPLITS:
            raise UnknownName("split", split, SPLITS)
        return tasks_of(self.level, split, self.seed)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Stand where a task's errand begins."""
        task = self.task(seed, options)
        try:
            self._town = Town.model_validate(task.data)
        except ValidationError as error:
            raise BadInput(f"task {task.id!r} has no town in its data: {error}") from error
        self._place, self._carried, self._over = self._town.start, "", False
        return self._page(self._town), {"task": task.id}

    def step(self, action: str) -> StepResult:
        """Do the last command in the action; an impossible one leaves everything as it is."""
        town = self._now()
        command = find_command(action)
        if command not in self.actions():
            return self._page(town), 0.0, False, False, {"valid": False}
        match command.split():
            case ["go", place]:
                self._place = place
            case ["take", thing]:
                self._carried = thing
            case _:
                self._over = True
        info = {"valid": True, "success": True} if self._over else {"valid": True}
        return self._page(town), float(self._over), self._over, False, info

    def render(self) -> Any:
        """The current page; None without a render mode or before ``reset``."""
        return self._page(self._town) if self.render_mode and self._town else None

    def actions(self) -> Sequence[str]:
        """Every action that is possible."""
        town = self._now()
        possible = [f"go {place}" for place in town.ways[self._place]]
        if self._place == town.source:
            possible += [f"take {thing}" for thing in town.offered if thing != self._carried]
        if self._place == town.target and self._carried == town.thing:
            possible.append("leave")
        return possible

    def expert(self) -> str:
        """The next action on a shortest way."""
        town = self._now()
        if self._carried == town.thing:
            end, deed = town.target, "leave"
        else:
            end, deed = town.source, f"take {town.thing}"
        return deed if self._place == end else f"go {town.way(self._place, end)}"

    def _now(self) -> Town:
        if self._town is None or self._over:
            raise EpisodeOver("the episode has ended or not begun; call reset() first")
        return self._town

    def _page(self, town: Town) -> str:
        errand = f"bring the {town.thing} from the {town.source} to the {town.target}"
        if self._over:
            return f"{errand}\ndone"
        has = f" carrying the {self._carried}" if self.tells and self._carried else ""
        nearby = ", ".join(f"the {place}" for place in town.ways[self._place])
        role = {
            town.source: f". here are {', '.join(town.offered)}",
            town.target: ". something is wanted here",
        }.get(self._place, "")
        return f"{errand}\nat the {self._place}{has}, next to {nearby}{role}"


def find_command(action: str) -> str:
    """``go PLACE``, ``take THING`` or ``leave``, of the last command; "" without one.

    A command in ``<action>`` is preferred.
    """
    action = without_thoughts(action)
    end = action.rfind("</action>")
    start = action.rfind("<action>", 0, end) if end >= 0 else -1
    inner = list(_COMMAND.finditer(action[start:end])) if start >= 0 else []
    found = inner or list(_COMMAND.finditer(action))
    if not found:
        return ""
    return " ".join(part for part in found[-1].groups() if part).lower() or "leave"
