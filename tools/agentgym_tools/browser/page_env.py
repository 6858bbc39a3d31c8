"""An environment that is played in a page of the browser: the part that all of them share."""

from __future__ import annotations

import copy
import re
import weakref
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from agentgym.env.text_env import StepResult, Task, TextEnv
from agentgym.errors import EpisodeOver
from agentgym.runtime import background
from agentgym_tools.browser import host
from agentgym_tools.browser.command import Command, find_command
from agentgym_tools.browser.tab import PageLost, Refused, Site, Tab
from agentgym_tools.browser.view import View

OVER = "the episode is over"
SAY = (
    'no command found; write one, like click(3), fill(4, "text"), select(5, "option"), '
    'press("Enter"), scroll("down"), goto("page"), back() or answer("text")'
)


@dataclass(frozen=True)
class Outcome:
    """How an episode ended."""

    reward: float
    success: bool


@dataclass(frozen=True)
class Opening:
    """How an episode begins; with the commands that followed, it can be played again."""

    site: Site
    given: dict[str, Any]


class PageEnv(TextEnv):
    """Observations are the instruction and the page's elements; actions are commands.

    One page is held from ``reset`` to the end of the episode. A copy has none: it opens one and
    plays the episode's commands again when it is first stepped.
    """

    answers = False
    """Whether ``answer`` is a command here."""

    def __init__(self) -> None:
        self._opening: Opening | None = None
        self.commands: tuple[Command, ...] = ()
        """What was done so far in this episode."""
        self._view: View | None = None
        self._over = True
        self._tab: Tab | None = None
        self._release: weakref.finalize[[Tab], PageEnv] | None = None

    @abstractmethod
    def opening(self, task: Task) -> Opening:
        """Where and how the task is played."""

    @abstractmethod
    def instruction(self) -> str:
        """What the agent is asked to do; the first line of every observation."""

    @abstractmethod
    def outcome(self, view: View) -> Outcome | None:
        """How the episode has ended, if the last of ``commands`` ended it."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Open the task's first page."""
        task = self._leave_for(self.task(seed, options))
        return self._arrive(task, background.call(self._begin))

    async def areset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """As ``reset``, without a thread that waits."""
        task = self._leave_for(self.task(seed, options))
        return self._arrive(task, await background.acall(self._begin))

    def step(self, action: str) -> StepResult:
        """Do the action's last command; an impossible one leaves the page as it is.

        Raises:
            PageLost: page or browser died; the episode is lost, ``reset`` starts another.
        """
        command = self._read(action)
        if isinstance(command, str):
            return self._refuse(command)
        return self._settle(command, background.call(self._do, command))

    async def astep(self, action: str) -> StepResult:
        """As ``step``, without a thread that waits."""
        command = self._read(action)
        if isinstance(command, str):
            return self._refuse(command)
        return self._settle(command, await background.acall(self._do, command))

    def anchor(self) -> str | None:
        """What the page shows."""
        return None if self._view is None else self._view.text

    def actions(self) -> Sequence[str]:
        """Commands that are possible now, with words of the instruction to fill in."""
        view, words = self.view, dict.fromkeys(instruction_words(self.instruction()))
        return view.actions(list(words))

    def screenshot(self) -> bytes:
        """The page as a PNG of 640 x 480 pixels."""
        _ = self.view
        return background.call(self._picture)

    def fork(self) -> Self:
        """A copy that plays the episode again, on a page of its own, when it is first stepped."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__getstate__())
        twin._np_random = copy.deepcopy(self._np_random)
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Without the page, which one process and one episode own."""
        return {**self.__dict__, "_tab": None, "_release": None}

    def close(self) -> None:
        """Give the page back; an episode that has not ended is over."""
        self._leave()
        self._over = True

    @property
    def view(self) -> View:
        """The page of the current step; raises EpisodeOver outside an episode."""
        if self._view is None or self._over:
            raise EpisodeOver("the episode has ended or not begun; call reset() first")
        return self._view

    def _read(self, action: str) -> Command | str:
        view, command = self.view, find_command(action)
        if command is None:
            return SAY
        if command.verb == "answer" and not self.answers:
            return "not done: there is nothing to answer here"
        problem = view.problem(command)
        return f"not done: {problem}" if problem else command

    def _text(self, view: View) -> str:
        return f"instruction: {self.instruction()}\n{view.text}"

    def _refuse(self, note: str) -> StepResult:
        return f"{self._text(self.view)}\n{note}", 0.0, False, False, {"valid": False}

    def _settle(self, command: Command, seen: View | Refused) -> StepResult:
        if isinstance(seen, Refused):
            return self._refuse(f"not done: {seen}")
        self._view = seen
        self.commands += (command,)
        outcome = self.outcome(seen)
        if outcome is None:
            return self._text(seen), 0.0, False, False, {"valid": True}
        self.close()
        info = {"valid": True, "success": outcome.success}
        return OVER, outcome.reward, True, False, info

    def _leave_for(self, task: Task) -> Task:
        self._leave()
        self._over, self.commands, self._view = True, (), None
        self._opening = self.opening(task)
        return task

    def _arrive(self, task: Task, view: View) -> tuple[str, dict[str, Any]]:
        self._over, self._view = False, view
        return self._text(view), {"task": task.id}

    async def _begin(self) -> View:
        assert self._opening is not None
        tab, view = await host.begin(self._opening.site, self._opening.given)
        self._hold(tab)
        return view

    async def _do(self, command: Command) -> View | Refused:
        if command.verb == "answer":
            return self.view
        if self._tab is None:
            await self._replay()
        return await self._on_page(command)

    async def _replay(self) -> None:
        expected = self.view
        seen: View | Refused = await self._begin()
        for command in self.commands:
            seen = await self._on_page(command)
        if seen != expected:
            self.close()
            raise PageLost("the same commands, played again, led to another page")

    async def _on_page(self, command: Command) -> View | Refused:
        tab = self._let_go()
        assert tab is not None
        try:
            seen: View | Refused = await tab.act(command)
        except Refused as refused:
            seen = refused
        except BaseException as error:  # when cancelled, nobody knows where the page is
            host.end(tab, usable=False)
            self._over = isinstance(error, PageLost)
            raise
        self._hold(tab)
        return seen

    async def _picture(self) -> bytes:
        if self._tab is None:
            await self._replay()
        assert self._tab is not None
        return await self._tab.screenshot()

    def _hold(self, tab: Tab) -> None:
        self._tab = tab
        self._release = weakref.finalize(self, host.end, tab)
        self._release.atexit = False

    def _let_go(self) -> Tab | None:
        tab, self._tab = self._tab, None
        if self._release is not None:
            self._release.detach()
            self._release = None
        return tab

    def _leave(self) -> None:
        if (tab := self._let_go()) is not None:
            host.end(tab)


def instruction_words(instruction: str) -> list[str]:
    """Texts of an instruction that one might fill in: what it quotes, then its words."""
    return re.findall(r'"([^"]+)"', instruction) + re.findall(r"[\w@./#:-]+\b", instruction)
