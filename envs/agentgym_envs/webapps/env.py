"""Web apps of our own: mail, a calendar, a shop's admin and settings, in a real browser.

    instruction: archive the mail lunch from ana
    [1] link "inbox"
    [2] link "folders"
    [3] link "sent"
    [4] link "compose"
    [5] link "contacts"
    heading "inbox"
    [6] link "budget from bob"
    [7] link "lunch from ana"
    > click(7) ... click(7) ... answer("done")

What counts at the end is what the app's tables hold, not how they came to hold it.
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from agentgym.env.text_env import Task
from agentgym.errors import BadInput, UnknownName
from agentgym_envs.webapps.expert import next_command
from agentgym_envs.webapps.problem import Problem
from agentgym_envs.webapps.tasks import APPS, LEVELS, SPLITS, tasks
from agentgym_tools.browser.page_env import Opening, Outcome, PageEnv
from agentgym_tools.browser.tab import Site
from agentgym_tools.browser.view import View

PAGES = Path(__file__).parent / "pages"
PROMPT = """You use a web app. Write one action a turn, with the number of an element:
click(3)   fill(4, "text")   select(5, "option")   press("Enter")   goto("page")   back()
Do what the instruction says and nothing else. Then end with answer("done"), or answer a question
with answer("...")."""


class WebApp(PageEnv):
    """One app. The reward is 1 when answer() finds the right contents and has the right text."""

    system_prompt = PROMPT
    splits = tuple(SPLITS)
    answers = True

    def __init__(
        self, app: str, level: str = "medium", *, seed: int = 0, hurry: float = 0.0
    ) -> None:
        """Choose app and tasks.

        Args:
            app: mail, calendar, shop or settings.
            level: easy, medium or hard (see ``tasks.py``).
            seed: of the tasks.
            hurry: probability that an episode's :meth:`expert` forgets to press the last button:
                flawed demonstrations, for training that shall correct a habit.

        Raises:
            UnknownName: there is no such app or level.
            BadInput: hurry is no probability.
        """
        super().__init__()
        if app not in APPS:
            raise UnknownName("app", app, APPS)
        if level not in LEVELS:
            raise UnknownName("level", level, LEVELS)
        if not 0 <= hurry <= 1:
            raise BadInput(f"hurry is a probability, from 0 to 1, not {hurry}")
        self.app, self.level, self.seed, self.hurry = app, level, seed, hurry
        self._problem: Problem | None = None
        self._hurried = False

    def tasks(self, split: str) -> Sequence[Task]:
        """The tasks of ``train``, ``valid`` or ``test``."""
        if split not in self.splits:
            raise UnknownName("split", split, self.splits)
        return tasks(self.app, self.level, self.seed)[split]

    def opening(self, task: Task) -> Opening:
        """The app's first page, with the task's tables."""
        try:
            self._problem = Problem.model_validate(task.data)
        except ValidationError as error:
            raise BadInput(f"task {task.id!r} has no problem in its data: {error}") from error
        if self._problem.app not in APPS:
            raise UnknownName("app", self._problem.app, APPS)
        self._hurried = bool(self.np_random.random() < self.hurry)
        site = Site((PAGES / f"{self._problem.app}.html").as_uri(), "")
        given = {"tables": self._problem.tables, "simple": self._problem.simple}
        return Opening(site, given)

    def instruction(self) -> str:
        """What is asked."""
        return self.problem.instruction

    @property
    def problem(self) -> Problem:
        """The episode's problem; raises EpisodeOver outside one."""
        _ = self.view
        assert self._problem is not None
        return self._problem

    def outcome(self, view: View) -> Outcome | None:
        """An answer ends the episode."""
        last = self.commands[-1]
        if last.verb != "answer":
            return None
        solved = self.problem.solved_by(view.report["db"], last.text or "")
        return Outcome(float(solved), solved)

    def actions(self) -> Sequence[str]:
        """Commands that are possible now, with words of the instruction to fill in or to answer."""
        return [*super().actions(), 'answer("done")']

    def expert(self) -> str | None:
        """What a scripted user does next; None where others' actions have led it astray."""
        view, problem = self.view, self.problem
        try:
            return str(next_command(view, problem, hurried=self._hurried))
        except LookupError:
            return None
