"""Inspection: read one report after the other, then answer for what the first ones said.

    a building with 5 rooms. write next to go in
    > next
    dust lies on the old lamp. the meter of the red room says 42. a new chair hides the dusty bed.
    > next ... next
    no room is left. what did the meter of the red room say?
    > answer 42

Reports are long, come once and cannot be had again. Who sees the whole history needs much room for
it; who sees the end of it cannot know; who keeps notes needs little and knows.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from agentgym.env.seeded_random import SPLITS
from agentgym.env.text_env import InstantEnv, StepResult, Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.tools.parse import without_thoughts
from agentgym_envs.inspection.building import LEVELS, PASSWORDS, Building, tasks_of
from agentgym_envs.inspection.reports import question, report

PROMPT = """You inspect a building. The report of each room tells what its meter says, and is \
shown once. After the last room you are asked about meters of earlier rooms. Write next to go on; \
when you are asked, write answer and the number, or answer and the color of the room."""
SHORT_PROMPT = (
    "You inspect a building. Write next to go on, and answer with the password at the end."
)
_COMMAND = re.compile(r"\b(next)\b|\banswer[\s:]+(\w+)", re.IGNORECASE)


class Inspection(InstantEnv):
    """Walk and remember. The reward is 1 for the right answer, which ends the episode as any."""

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012  Gymnasium's own idiom
    splits = SPLITS
    system_prompt = PROMPT

    def __init__(
        self,
        level: str = "medium",
        *,
        clutter: float = 1.0,
        seed: int = 0,
        render_mode: str | None = "ansi",
    ) -> None:
        """Make the buildings.

        Args:
            level: password (10 rooms, reports of 30 words, asked for what was told at the door),
                easy (4 or 5 rooms, 30 words), medium (8 rooms, 60 words) or hard (16 rooms, 120
                words, questions about two rooms).
            clutter: scales the length of the reports; 0 leaves nothing but the readings.
            seed: of the generated buildings.
            render_mode: ``ansi``: :meth:`render` gives the current text.
        """
        if level not in LEVELS:
            raise UnknownName("level", level, LEVELS)
        if not (0 <= clutter < math.inf):
            raise BadInput(f"clutter scales the length of reports, 0 or more, not {clutter}")
        self.level, self.clutter, self.seed = level, clutter, seed
        self.render_mode = render_mode
        self._building: Building | None = None
        if level == "password":
            self.system_prompt = SHORT_PROMPT
        self._place = 0
        """0 is the door; then one number for each room, for the question, and for the end."""

    def tasks(self, split: str) -> Sequence[Task]:
        """The tasks of ``train``, ``valid`` or ``test``."""
        if split not in SPLITS:
            raise UnknownName("split", split, SPLITS)
        return tasks_of(self.level, split, self.seed)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Stand at the door of a task's building."""
        task = self.task(seed, options)
        try:
            self._building = Building.model_validate(task.data)
        except ValidationError as error:
            raise BadInput(f"task {task.id!r} has no building in its data: {error}") from error
        self._place = 0
        return self._text(self._building), {"task": task.id}

    def step(self, action: str) -> StepResult:
        """Do the last command in the action; an impossible one leaves everything as it is."""
        building = self._now()
        asked = self._place > len(building.rooms)
        command = find_command(action)
        if command is None or (command == "next") == asked:
            why = "write answer and what you know" if asked else "write next to go on"
            text = f"{self._text(building)}\nnothing happened: {why}"
            return text, 0.0, False, False, {"valid": False}
        self._place += 1
        right = asked and command == building.answer
        info = {"valid": True, "success": right} if asked else {"valid": True}
        return self._text(building), float(right), asked, False, info

    def render(self) -> Any:
        """The current text; None without a render mode or before ``reset``."""
        return self._text(self._building) if self.render_mode and self._building else None

    def anchor(self) -> str | None:
        """How far the walk has come."""
        return f"{self._place}" if self._building else None

    def actions(self) -> Sequence[str]:
        """``next``, or every answer that makes sense."""
        building = self._now()
        if self._place <= len(building.rooms):
            return ["next"]
        if building.question == "password":
            return [f"answer {word}" for word in PASSWORDS]
        if building.question == "higher":
            return [f"answer {room}" for room in building.rooms]
        most = 99 * len(building.about)
        return [f"answer {number}" for number in range(10, most + 1)]

    def expert(self) -> str:
        """The next action of one who knows all readings."""
        building = self._now()
        return "next" if self._place <= len(building.rooms) else f"answer {building.answer}"

    def _now(self) -> Building:
        if self._building is None or self._place > len(self._building.rooms) + 1:
            raise EpisodeOver("the episode has ended or not begun; call reset() first")
        return self._building

    def _text(self, building: Building) -> str:
        rooms = len(building.rooms)
        if self._place == 0:
            told = f" the password is {building.password}." if building.password else ""
            return f"a building with {rooms} rooms.{told} write next to go in"
        if self._place <= rooms:
            return report(building, self._place - 1, self.clutter)
        return question(building) if self._place == rooms + 1 else "thank you"


def find_command(action: str) -> str | None:
    """``next`` or what is answered, of the last command; one in ``<action>`` is preferred."""
    action = without_thoughts(action)
    end = action.rfind("</action>")
    start = action.rfind("<action>", 0, end) if end >= 0 else -1
    inner = list(_COMMAND.finditer(action[start:end])) if start >= 0 else []
    found = inner or list(_COMMAND.finditer(action))
    return (found[-1][1] or found[-1][2]).lower() if found else None
