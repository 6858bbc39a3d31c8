"""Household: a house to tidy up, in the manner of a text game.

    task: clean a cup, then leave it on the counter
    You are in the kitchen. There are: cabinet 1, ..., table 1, fridge 1, microwave 1, sink 1.
    > go to cabinet 1
    You go to the cabinet 1. It is closed.
    > open cabinet 1
    You open the cabinet 1. In it: plate 1, cup 2.
    > take cup 2 from cabinet 1 ... clean cup 2 with sink 1 ... put cup 2 on counter 1

Its tasks have the shape of those of "ALFWorld: Aligning Text and Embodied Environments for
Interactive Learning" (Shridhar et al., 2021). It is not ALFWorld: houses, words and rules are ours.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from agentgym.env.seeded_random import SPLITS
from agentgym.env.text_env import InstantEnv, StepResult, Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym_envs.household import expert, talk
from agentgym_envs.household.command import PROMPT, SHORT_PROMPT, Command, find_command
from agentgym_envs.household.house import House, after, obstacle
from agentgym_envs.household.houses import LEVELS, Problem, tasks_of
from agentgym_envs.household.possible import possible_commands

HOW = "write one action, such as go to"


class Household(InstantEnv):
    """Tidy up. The reward is 1, and the episode over, as soon as the house is as wanted."""

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012  Gymnasium's own idiom
    splits = SPLITS

    def __init__(
        self,
        level: str = "medium",
        *,
        seed: int = 0,
        hurry: float = 0.0,
        show_actions: bool = False,
        render_mode: str | None = "ansi",
    ) -> None:
        """Build the houses.

        Args:
            level: easy (an open-plan kitchen), medium (one room) or hard (four rooms).
            seed: of the generated tasks.
            hurry: probability that an episode's :meth:`expert` leaves out the cleaning, heating
                or cooling, or else the last action, and says that it is done: flawed
                demonstrations, for training that shall correct a habit.
            show_actions: whether each observation ends with the actions that are possible.
            render_mode: ``ansi``: :meth:`render` gives the last observation.
        """
        if level not in LEVELS:
            raise UnknownName("level", level, LEVELS)
        if not 0 <= hurry <= 1:
            raise BadInput(f"hurry is a probability, from 0 to 1, not {hurry}")
        self.level = level
        self.seed = seed
        self.hurry = hurry
        self.show_actions = show_actions
        self.render_mode = render_mode
        self.system_prompt = SHORT_PROMPT if LEVELS[level].open_plan else PROMPT
        self._problem: Problem | None = None
        self._house = House({}, {}, "")
        self._seen: frozenset[str] = frozenset()
        self._text: str | None = None
        self._hurried = False
        self._over = True

    def tasks(self, split: str) -> Sequence[Task]:
        """The tasks of ``train``, ``valid`` or ``test``."""
        return tasks_of(self.level, split, self.seed)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Enter the house of a task."""
        task = self.task(seed, options)
        try:
            problem = Problem.model_validate(task.data)
        except ValidationError as error:
            raise BadInput(f"task {task.id!r} cannot be set up: {error}") from error
        self._problem = problem
        self._house = House(problem.rooms, problem.where, problem.room)
        self._seen = frozenset(self._house.here if problem.open_plan else ())
        self._over = False
        self._hurried = bool(self.np_random.random() < self.hurry)
        return self._tell("" if problem.open_plan else talk.opening(self._house)), {"task": task.id}

    def step(self, action: str) -> StepResult:
        """Do what the action says; what is not possible leaves everything as it is."""
        problem = self._now()
        command = find_command(action)
        command = command and self._resolved(command)
        hindrance = HOW if command is None else obstacle(self._house, *command)
        if command is None or hindrance:
            return self._tell(f"Nothing happens: {hindrance}."), 0.0, False, False, {"valid": False}
        self._house = after(self._house, *command)
        if self._house.at and self._house.is_open(self._house.at):
            self._seen |= {self._house.at}
        success = problem.goal.reached(self._house)
        self._over = success or command.verb == "done"
        info: dict[str, Any] = {"valid": True}
        if self._over:
            info["success"] = success
        told = command.verb != "go" or not problem.open_plan  # else it is all in sight anyway
        story = talk.story(self._house, command) if told else ""
        return self._tell(story), float(success), self._over, False, info

    def render(self) -> Any:
        """The last observation; None without a render mode or before ``reset``."""
        return self._text if self.render_mode else None

    def anchor(self) -> str | None:
        """Where everything and everybody is; not what has been seen."""
        if self._problem is None:
            return None
        house = self._house
        parts = [house.room, house.at, *sorted(house.opened), *map(" ".join, sorted(house.marks))]
        parts += [f"{t}: {p}" for t, p in house.where.items() if p != self._problem.where[t]]
        return "|".join([*parts, "over" * self._over])

    def actions(self) -> Sequence[str]:
        """Every action that is possible."""
        self._now()
        return [command.text for command in possible_commands(self._house)]

    def expert(self) -> str:
        """The next action of a resident who reaches the goal."""
        goal = self._now().goal
        return expert.next_command(self._house, goal, self._seen, hurried=self._hurried).text

    def _now(self) -> Problem:
        if self._problem is None or self._over:
            raise EpisodeOver("the episode has ended or not begun; call reset() first")
        return self._problem

    def _resolved(self, command: Command) -> Command:
        """With what is examined as thing or place, whichever it is."""
        if command.verb == "examine" and command.place in self._house.where:
            return Command("examine", thing=command.place)
        return command

    def _tell(self, story: str) -> str:
        problem = self._problem
        if problem is None:
            return story
        view = talk.panorama(self._house) if problem.open_plan and not self._over else ""
        possible = ""
        if self.show_actions and not self._over:
            possible = f"possible: {'; '.join(self.actions())}"
        lines = [f"task: {problem.instruction}", story, view, possible]
        self._text = "\n".join(line for line in lines if line)
        return self._text
