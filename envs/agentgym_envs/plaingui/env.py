"""PlainGUI: do what the task says with small office programs, seen as an accessibility tree.

    task: make the contact Ada Brook a favourite
    page: contacts/3
    [1] window "Ada Brook"
      [2] link "contacts"
      [3] text "name: Ada Brook"
      [4] text "phone: 555 0142"
      [5] text "email: ada.brook@birchmail.test"
      [6] text "group: work"
      [7] checkbox "favourite": off
      [8] button "Edit"
      [9] button "More"
    > click(7) ... answer("done")

The actions are those of the browser environments; there is no browser, and a step takes
microseconds.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from agentgym.env.seeded_random import SPLITS
from agentgym.env.text_env import InstantEnv, StepResult, Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym_envs.plaingui import expert
from agentgym_envs.plaingui.command import FULL_PROMPT, SHORT_PROMPT, find_command
from agentgym_envs.plaingui.follow import follow
from agentgym_envs.plaingui.model import Data, Model, find_page, same_contents
from agentgym_envs.plaingui.possible import possible_commands
from agentgym_envs.plaingui.problems import LEVELS, Problem, tasks_of
from agentgym_envs.plaingui.update import visit
from agentgym_envs.plaingui.views import view
from agentgym_envs.plaingui.widgets import Widget, tree_text

GOODBYE = "the session has ended"


class PlainGUI(InstantEnv):
    """Use programs through their widgets. The reward, 0 or 1, comes with ``answer``."""

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012  Gymnasium's own idiom
    splits = SPLITS

    def __init__(
        self,
        level: str = "medium",
        *,
        seed: int = 0,
        hurry: float = 0.0,
        render_mode: str | None = "ansi",
    ) -> None:
        """Set the desk up.

        Args:
            level: easy (one form), medium (one job in seven programs) or hard (an errand through
                two programs and a job in a third, with long lists).
            seed: of the generated tasks.
            hurry: probability that an episode's :meth:`expert` answers "done" one action early,
                so with a form unsaved or a question unread: flawed demonstrations, for training
                that shall correct a habit.
            render_mode: ``ansi``: :meth:`render` gives the text of the screen.
        """
        if level not in LEVELS:
            raise UnknownName("level", level, LEVELS)
        if not 0 <= hurry <= 1:
            raise BadInput(f"hurry is a probability, from 0 to 1, not {hurry}")
        self.level = level
        self.seed = seed
        self.hurry = hurry
        self.render_mode = render_mode
        self.system_prompt = SHORT_PROMPT if level == "easy" else FULL_PROMPT
        self._problem: Problem | None = None
        self._goal: Data = {}
        self._model = Model({})
        self._widgets: Sequence[Widget] = ()
        self._seen: frozenset[str] = frozenset()
        self._hurried = False
        self._over = True

    def tasks(self, split: str) -> Sequence[Task]:
        """The tasks of ``train``, ``valid`` or ``test``."""
        return tasks_of(self.level, split, self.seed)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Show the first page of a task."""
        task = self.task(seed, options)
        try:
            problem = Problem.model_validate(task.data)
        except ValidationError as error:
            raise BadInput(f"task {task.id!r} cannot be set up: {error}") from error
        page = find_page(problem.start, problem.page)
        if page is None:
            raise BadInput(f"task {task.id!r} starts on {problem.page!r}, which does not exist")
        self._problem = problem
        self._goal = {**problem.start, **problem.goal}
        self._seen = frozenset()
        self._over = False
        self._show(visit(Model(problem.start), page))
        self._hurried = bool(self.np_random.random() < self.hurry)
        return self._text(), {"task": task.id}

    def step(self, action: str) -> StepResult:
        """Follow the last command in the action; an impossible one leaves everything as it is."""
        problem = self._now()
        command = find_command(action)
        if command is None:
            return self._refuse("write one action, such as click(2)")
        if command.verb == "answer":
            return self._end(problem, command.text)
        outcome = follow(self._model, self._widgets, command)
        if isinstance(outcome, str):
            return self._refuse(outcome)
        self._show(outcome)
        return self._text(), 0.0, False, False, {"valid": True}

    def render(self) -> Any:
        """The text of the screen; None without a render mode or before ``reset``."""
        if self.render_mode is None or self._problem is None:
            return None
        return GOODBYE if self._over else self._text()

    def anchor(self) -> str | None:
        """What is on the screen, and how the records differ from those at the start."""
        problem = self._problem
        if problem is None:
            return None
        changed = [
            f"{name} {key} {self._model.data[name].get(key)}"
            for name in problem.start
            if self._model.data[name] is not problem.start[name]
            for key in sorted(problem.start[name].keys() | self._model.data[name].keys())
            if self._model.data[name].get(key) != problem.start[name].get(key)
        ]
        screen = self._model._replace(data={}, status="")
        return "\n".join([str(screen), *changed, "over" * self._over])

    def actions(self) -> Sequence[str]:
        """Every command that is possible; as texts to type, those that the task quotes."""
        problem = self._now()
        return possible_commands(self._model, self._widgets, problem.instruction)

    def expert(self) -> str:
        """The next command of a user who does the task."""
        problem = self._now()
        return expert.next_action(
            self._model,
            self._goal,
            problem.answer,
            [path for path in problem.reads if path not in self._seen],
            self._widgets,
            hurried=self._hurried,
        )

    def _now(self) -> Problem:
        if self._problem is None or self._over:
            raise EpisodeOver("the episode has ended or not begun; call reset() first")
        return self._problem

    def _show(self, model: Model) -> None:
        self._model = model
        self._widgets = view(model)
        if not model.dialog:
            self._seen |= {model.page.path}

    def _text(self) -> str:
        instruction = self._problem.instruction if self._problem else ""
        tree = tree_text(self._widgets)
        return f"task: {instruction}\npage: {self._model.page.path}\n{tree}"

    def _refuse(self, why: str) -> StepResult:
        return f"{self._text()}\nnothing happened: {why}", 0.0, False, False, {"valid": False}

    def _end(self, problem: Problem, answer: str) -> StepResult:
        self._over = True
        done = same_contents(self._model.data, self._goal)
        right = not problem.answer or plain(answer) == plain(problem.answer)
        info = {"valid": True, "success": done and right, "state": done, "answer": right}
        return GOODBYE, float(done and right), True, False, info


def plain(text: str) -> str:
    """An answer as it is compared: lower-case, single spaces, no full stop."""
    return " ".join(text.casefold().split()).rstrip(".")
