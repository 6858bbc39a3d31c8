"""The one headless Chromium of a process, which lends its pages to episodes.

It lives on agentgym's background loop, because a page belongs to the loop that opened it. A browser
that dies is replaced when the next page is wanted; what died with it are its own episodes.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from agentgym.errors import AgentGymError, MissingExtra
from agentgym.paths import expanded
from agentgym.runtime import background
from agentgym_tools.browser.tab import PageLost, Site, Tab
from agentgym_tools.browser.view import View

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Playwright

HERE = Path(__file__).parent
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
START_LIMIT = 120.0  # seconds for a browser to start on a busy machine
STOP_LIMIT = 5.0  # seconds for each part of it to stop
LONGEST_PLACE = 35  # characters of its path; sockets in our folder may have 107, says the kernel
MOST_IDLE = 16  # pages that wait for an episode; more are closed
FLAGS = (
    "--disable-gpu",
    "--disable-crash-reporter",
    "--font-render-hinting=none",  # the same pixels everywhere, as far as fonts agree
    "--host-resolver-rules=MAP * ~NOTFOUND",  # pages are files: nothing goes out
    "--renderer-process-limit=2",
)


class NoBrowser(AgentGymError, RuntimeError):
    """There is no Chromium on this machine, or it does not start."""


class Browser:
    """A Chromium with its driver and its folder; it starts and ends as a whole."""

    def __init__(
        self, context: BrowserContext, driver: Playwright, supervisor: BrowserSupervisor
    ) -> None:
        self._context = context
        self._driver = driver
        self._supervisor = supervisor
        self._idle: list[Tab] = []
        self.alive = True
        context.on("close", lambda _: self._die())

    @classmethod
    async def start(cls) -> Browser:
        """Start driver and browser.

        Raises:
            MissingExtra: Playwright is not installed.
            NoBrowser: Chromium is not installed, or does not start.
        """
        try:
            from playwright.async_api import Error, async_playwright  # noqa: PLC0415  optional
        except ImportError as error:
            raise MissingExtra("the browser", "gui") from error
        program, supervisor, driver = executable(), BrowserSupervisor(), async_playwright()
        try:
            with anyio.fail_after(START_LIMIT):
                playwright = await driver.start()
                context = await playwright.chromium.launch_persistent_context(
                    supervisor.folder / "profile",
                    executable_path=program,
                    artifacts_dir=supervisor.folder / "artifacts",
                    env={**os.environ, "TMPDIR": str(supervisor.folder)},
                    args=FLAGS,
                    viewport={"width": 640, "height": 480},
                    timezone_id="UTC",
                    locale="en-US",
                    handle_sigint=False,
                    handle_sigterm=False,
                    handle_sighup=False,
                )
        except BaseException as error:  # also when cancelled: half a browser is of no use
            with anyio.CancelScope(shield=True):
                with anyio.move_on_after(STOP_LIMIT):
                    await driver.__aexit__()
                await supervisor.clear_up()
            if isinstance(error, (Error, TimeoutError)):
                raise NoBrowser(f"{program} does not start: {error}") from error
            raise
        return cls(context, playwright, supervisor)

    async def acquire(self, site: Site) -> Tab:
        """A page of the site, for one episode.

        Raises:
            PageLost: the browser is dying.
        """
        from playwright.async_api import Error  # noqa: PLC0415  an optional library

        while (tab := self._take(lambda tab: not tab.usable)) is not None:
            await tab.close()
        if (tab := self._take(lambda tab: tab.site == site)) is not None:
            return tab
        while len(self._idle) >= MOST_IDLE and (tab := self._take(bool)) is not None:
            await tab.close()
        try:
            tab = Tab(await self._context.new_page(), site, self)
        except Error as error:
            self._die()
            raise PageLost(f"the browser died: {error}") from error
        try:
            await tab.load()
        except BaseException:
            self.release(tab, usable=False)
            raise
        return tab

    def release(self, tab: Tab, *, usable: bool = True) -> None:
        """Return a tab, from any thread; an unusable one is closed later."""
        tab.usable &= usable
        if self.alive:
            self._idle.append(tab)

    async def stop(self) -> None:
        """End it, and leave nothing behind."""
        from playwright.async_api import Error  # noqa: PLC0415  an optional library

        self._die()
        for part in (self._context.close, self._driver.stop):
            with anyio.move_on_after(STOP_LIMIT), suppress(Error):
                await part()
        await self._supervisor.clear_up()

    def _take(self, fits: Callable[[Tab], bool]) -> Tab | None:
        tab = next(filter(fits, self._idle), None)
        if tab is not None:
            self._idle.remove(tab)
        return tab

    def _die(self) -> None:
        self.alive = False
        self._idle.clear()


class BrowserSupervisor:
    """A folder for the browser's files, and the process that cleans up when ours is killed."""

    def __init__(self) -> None:
        far = len(tempfile.gettempdir()) > LONGEST_PLACE
        place = "/tmp" if far else None
        self.folder = Path(tempfile.mkdtemp(prefix="agentgym-browser-", dir=place))
        command = [sys.executable, "-I", "-S", str(HERE / "supervisor.py"), str(self.folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    async def clear_up(self) -> None:
        """End what is left of the browser and remove the folder."""
        await anyio.to_thread.run_sync(self._end)

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(3 * STOP_LIMIT)


_browser: Browser | None = None


@cache
def _starting() -> anyio.Lock:
    return anyio.Lock()


async def browser() -> Browser:
    """The browser of this process: started at the first use, replaced when it has died."""
    global _browser  # noqa: PLW0603  one for the process
    async with _starting():
        if _browser is not None and not _browser.alive:
            dead, _browser = _browser, None
            await dead.stop()
        if _browser is None:
            _browser = await Browser.start()
            atexit.unregister(close_browser)
            atexit.register(close_browser)
        return _browser


async def begin(site: Site, given: dict[str, Any]) -> tuple[Tab, View]:
    """Start an episode on a page of its own; once more when the page turns out to be dead."""
    try:
        return await _begin(site, given)
    except PageLost:
        return await _begin(site, given)


async def _begin(site: Site, given: dict[str, Any]) -> tuple[Tab, View]:
    host = await browser()
    tab = await host.acquire(site)
    try:
        return tab, await tab.begin(given)
    except BaseException:  # when cancelled, nobody knows where the page is
        host.release(tab, usable=False)
        raise


def end(tab: Tab, *, usable: bool = True) -> None:
    """The episode on this page is over; from any thread."""
    tab.pool.release(tab, usable=usable)


def close_browser() -> None:
    """End the browser, if there is one; the next episode starts another. Not from a coroutine."""
    background.call(_close)


async def _close() -> None:
    global _browser
    async with _starting():
        if _browser is not None:
            gone, _browser = _browser, None
            await gone.stop()


def executable() -> str:
    """The path of Chromium: the one of the system, or Playwright's own.

    Raises:
        NoBrowser: there is none; the message says how to get one.
    """
    for name in PROGRAMS:
        if path := shutil.which(name):
            return path
    own = expanded("~/.cache/ms-playwright").glob("chromium-*/chrome-linux*/chrome")
    if path := next(iter(sorted(map(str, own), reverse=True)), None):
        return path
    raise NoBrowser(
        "no Chromium on this machine; install one: `apt-get install chromium` (Debian), "
        "or `playwright install chromium`"
    )
