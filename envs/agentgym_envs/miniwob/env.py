"""MiniWoB++: 130 small pages, each with tasks of one kind, in a real browser.

    instruction: Select ZrLIee, RKPgD and click Submit.
    [1] checkbox "UT"
    [2] checkbox "ZrLIee"
    [3] checkbox "RKPgD" checked
    [4] button "Submit"
    > click(2)

After "Reinforcement Learning on Web Interfaces Using Workflow-Guided Exploration" (Liu et al.,
2018) and the miniwob package, which holds the pages; everything else is ours.
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from agentgym.env.text_env import Task
from agentgym.errors import BadInput, UnknownName
from agentgym_envs.miniwob import pages
from agentgym_envs.miniwob.experts import EXPERTS
from agentgym_envs.miniwob.scene import Scene
from agentgym_tools.browser.page_env import Opening, Outcome, PageEnv
from agentgym_tools.browser.tab import Site
from agentgym_tools.browser.view import View

PROMPT = """You use a small web page. Write one action a turn, with the number of an element:
click(3)   fill(4, "text")   select(5, "option")   press("Enter")   press(4, "Tab")
scroll("down")   scroll("up")
Do exactly what the instruction says; the first mistake may end the episode."""


class Instance(BaseModel, extra="forbid"):
    """The data of a task."""

    page: str
    seed: int


class MiniWoB(PageEnv):
    """One page, or all of them. The reward, at the end, is the page's own without its clock."""

    system_prompt = PROMPT
    splits = tuple(pages.SPLITS)

    def __init__(self, task: str | None = None) -> None:
        """Choose the page.

        Args:
            task: a page, like ``click-button``; None: tasks of every page.

        Raises:
            UnknownName: there is no such page.
            MissingExtra: the package with the pages is not installed.
        """
        super().__init__()
        if task is not None and task not in pages.names():
            raise UnknownName("MiniWoB page", task, pages.names())
        self._page = ""
        self.pages = pages.names() if task is None else (task,)

    def tasks(self, split: str) -> Sequence[Task]:
        """The tasks of ``train``, ``valid`` or ``test``; no two have the same seed and page."""
        if split not in self.splits:
            raise UnknownName("split", split, self.splits)
        return pages.tasks(self.pages, split)

    def opening(self, task: Task) -> Opening:
        """The page's file, with the seed and the data that its transfer tasks hold back."""
        try:
            instance = Instance.model_validate(task.data)
        except ValidationError as error:
            raise BadInput(f"task {task.id!r} has no page and seed in its data: {error}") from error
        if instance.page not in pages.names():
            raise UnknownName("MiniWoB page", instance.page, pages.names())
        self._page = instance.page
        mode = "train" if task.split == "train" else "test"
        script = (Path(__file__).parent / "site.js").read_text(encoding="utf-8")
        site = Site((pages.folder() / f"{instance.page}.html").as_uri(), script)
        given = {"seed": instance.seed, "mode": mode, "anew": instance.page in pages.CHANGED}
        return Opening(site, given)

    def instruction(self) -> str:
        """What the page asks for."""
        return str(self.view.report["instruction"])

    def outcome(self, view: View) -> Outcome | None:
        """The page's raw reward; success is the highest one."""
        if not view.report["done"]:
            return None
        reward = float(view.report["reward"])
        return Outcome(reward, reward >= 1.0)

    def expert(self) -> str | None:
        """What a scripted solution does next; None where the page has none.

        It is also None where other actions than its own have made the page one it does not know.
        """
        scene = Scene(self.view, self.instruction(), self.commands)
        if self._page not in EXPERTS:
            return None
        try:
            return str(EXPERTS[self._page](scene))
        except (LookupError, ValueError):
            return None
