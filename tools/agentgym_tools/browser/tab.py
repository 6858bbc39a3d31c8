"""An open page, lent to one episode at a time."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import anyio

from agentgym.errors import AgentGymError
from agentgym_tools.browser.command import Command
from agentgym_tools.browser.view import View

if TYPE_CHECKING:
    from playwright.async_api import Page

T = TypeVar("T")
SCRIPTS = ("clock.js", "words.js", "tree.js", "hands.js", "page.js")
TURN_LIMIT = 60.0  # seconds for a page to answer; one in an endless loop never does
CLOSE_LIMIT = 5.0  # seconds for a page to close


class PageLost(AgentGymError, RuntimeError):
    """The page of an episode is gone, and the episode with it; ``reset`` gets another page."""


class Refused(Exception):
    """The page could not do what a command said; nothing changed."""


@dataclass(frozen=True)
class Site:
    """Where episodes are played."""

    url: str
    script: str
    """JavaScript that fills in ``gymPage.site``, see page.js."""


class TabPool(Protocol):
    """Whoever lends a page to an episode."""

    def release(self, tab: Tab, *, usable: bool = True) -> None:
        """The episode is over; from any thread."""
        ...


class Tab:
    """A page of a site; every method belongs to the background loop."""

    def __init__(self, page: Page, site: Site, pool: TabPool) -> None:
        self.site = site
        self.pool = pool
        self.usable = True
        self._page = page
        page.on("crash", lambda _: self._break())
        page.on("close", lambda _: self._break())

    async def load(self) -> None:
        """Load the site."""
        # One script for all, because Playwright promises no order among several.
        await self._page.add_init_script(f"{_page_script()}\n{self.site.script}")
        await self._bounded(self._page.goto(self.site.url))

    async def begin(self, given: dict[str, Any]) -> View:
        """Start the episode that ``given``, which the site's script understands, describes."""
        observed = await self._ask("gymPage.begin(given)", given)
        if "stale" in observed:
            await self._bounded(self._page.reload())
            observed = await self._ask("gymPage.begin(given)", given)
        return View.of(observed)

    async def act(self, command: Command) -> View:
        """Do what a command says.

        Raises:
            Refused: the page could not do it; the message says why.
            PageLost: the page or its browser died, or did not answer in time.
        """
        if command.verb != "press":
            given = [command.verb, command.id, command.text]
            return View.of(await self._ask("gymPage.act(given)", given))
        await self._ask("JSON.stringify({refused: gymPage.ready(given)})", command.id)
        await self._bounded(self._page.keyboard.press(command.text or ""))
        return View.of(await self._ask("gymPage.pass()", None))

    async def screenshot(self) -> bytes:
        """The page as a PNG."""
        return await self._bounded(self._page.screenshot())

    async def close(self) -> None:
        """Close the page; one that hangs is left to its browser."""
        from playwright.async_api import Error  # noqa: PLC0415  an optional library

        self._break()
        with anyio.move_on_after(CLOSE_LIMIT), suppress(Error):
            await self._page.close()

    async def _ask(self, expression: str, given: Any) -> dict[str, Any]:
        script = f"given => {expression}"
        answer: dict[str, Any] = json.loads(await self._bounded(self._page.evaluate(script, given)))
        if answer.get("refused"):
            raise Refused(answer["refused"])
        return answer

    async def _bounded(self, answer: Awaitable[T]) -> T:
        from playwright.async_api import Error  # noqa: PLC0415  an optional library

        try:
            with anyio.fail_after(TURN_LIMIT):
                return await answer
        except TimeoutError as error:
            self._break()
            raise PageLost(f"a page did not answer within {TURN_LIMIT:g} s") from error
        except Error as error:
            self._break()
            reason = str(error).partition("\n")[0]
            raise PageLost(f"the page was lost in mid-episode: {reason}") from error

    def _break(self) -> None:
        self.usable = False


@cache
def _page_script() -> str:
    folder = Path(__file__).parent
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)
