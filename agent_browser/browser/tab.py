"""One tab: its page, what is known of it, and what breaks a call to it off."""

import math
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import anyio
from playwright.async_api import CDPSession, Error, Page

from agent_browser.browser.choosers import Choosers
from agent_browser.browser.dialogs import Dialogs, Manners
from agent_browser.browser.driver import Driver
from agent_browser.browser.worlds import Worlds
from agent_browser.errors import AgentBrowserError, BrowserLost, DialogWaiting, PageCrashed

_USER = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*://)[^/?#@]*@")
MAX_URL = 8_192
"""Characters of an address that are told and kept; a page may make more."""
ANSWER_BOUND = 0.5
"""Seconds that a page has to answer while another tab's dialog waits; they may share a process."""


def without_user(address: str) -> str:
    """The address without the name and password that it may hold."""
    return _USER.sub(r"\1", address)


class Lost:
    """Whether the browser under some tabs is gone; shared by all tabs of a context."""

    def __init__(self, is_told: Callable[[], bool], is_dead: Callable[[], bool]) -> None:
        self._is_told = is_told
        self._is_dead = is_dead
        self.context = False

    @property
    def browser(self) -> bool:
        """We were told that the browser's process, or the connection to it, is gone."""
        return self._is_told()

    @property
    def beneath(self) -> bool:
        """It is gone, told or not: a lost browser's pages close before it says that it is lost."""
        return self._is_told() or self._is_dead()


class Tab:
    """A page with a stable id. `gone` says why it can't answer any more, if it can't."""

    def __init__(
        self,
        page: Page,
        tab_id: str,
        driver: Driver,
        lost: Lost,
        manners: Manners,
        asking: Callable[["Tab"], Awaitable[None]],
    ) -> None:
        self.page = page
        self.id = tab_id
        self.opener: str | None = None
        self.is_untold = False
        """What its page does is ours: nobody is told."""
        self.worlds = Worlds(page, driver)
        self.choosers = Choosers(page)
        self.dialogs = Dialogs(tab_id, manners, lambda: asking(self), self._overrun)
        self._title = ""
        self.on_title: Callable[[], None] | None = None
        """Told each time that the page's title was learnt."""
        self.status: int | None = None
        self.retry_after: float | None = None
        self.crashed = False
        self.closed = False
        self.was_closed = False
        """The caller closed it."""
        self._lost = lost
        self._calls: dict[anyio.CancelScope, float] = {}
        self._held_by: DialogWaiting | None = None
        page.on("crash", lambda _: self._crash())
        page.on("close", lambda _: self._close())

    def rename(self, tab_id: str) -> None:
        """It is known by this id from now on."""
        self.id = tab_id
        self.dialogs.rename(tab_id)

    def _crash(self) -> None:
        self.crashed = True
        self.dialogs.gone()
        self.choosers.forget()
        self._interrupt()

    def _close(self) -> None:
        self.closed = True
        self.dialogs.gone()
        self.choosers.forget()
        self._interrupt()

    @property
    def title(self) -> str:
        """Its title, as last learnt."""
        return self._title

    @title.setter
    def title(self, title: str) -> None:
        self._title = title
        if self.on_title is not None:
            self.on_title()

    @property
    def url(self) -> str:
        """Its address, as far as it is told, without a name and password in it; a window without a
        document yet is blank.
        """
        return without_user(self.page.url[:MAX_URL]) or "about:blank"

    async def _overrun(self) -> None:
        self.crashed = True
        await self.page.close()

    def _interrupt(self) -> None:
        for scope in self._calls:
            scope.cancel()

    def hold(self, why: DialogWaiting) -> None:
        """A dialog keeps the page from answering: end the calls to it, after their patience."""
        self._held_by = why
        for scope, patience in self._calls.items():
            scope.deadline = min(scope.deadline, anyio.current_time() + patience)

    @property
    def is_called(self) -> bool:
        """Whether a call to it is under way."""
        return bool(self._calls)

    @contextmanager
    def calling(
        self, *, patience: float = 0.0, held: DialogWaiting | None = None
    ) -> Iterator[None]:
        """A call to the page: ended, with what `gone` says, the moment the page can't answer.

        A crashed renderer answers nothing, and Playwright waits for it. Neither does a page whose
        dialog waits, or that another's holds (`held`): then the call has `patience` seconds, in
        case it doesn't need the page, and is DialogWaiting.
        """
        waiting, deadline = self.dialogs.waiting, math.inf
        self._held_by = DialogWaiting(waiting.model_dump()) if waiting is not None else held
        if self._held_by is not None:
            deadline = anyio.current_time() + patience
        with anyio.CancelScope(deadline=deadline) as scope:
            self._calls[scope] = patience
            try:
                yield
            finally:
                del self._calls[scope]
        if scope.cancelled_caught:
            why = self.gone() or self._held_by
            if why is not None:
                raise why

    async def listening(self) -> CDPSession:
        """Its protocol session, told of the windows and the file choosers that it opens."""
        self.choosers.listen()
        return await self.worlds.listening()

    async def answers(self) -> bool:
        """Whether the page answers now: the dialog of a page in the same process holds it too."""
        with anyio.move_on_after(ANSWER_BOUND):
            try:
                await (await self.worlds.session()).send("Runtime.evaluate", {"expression": "0"})
            except Error:
                return True  # what is wrong is for the call itself to say
            return True
        return False

    async def let_go(self) -> None:
        """Dismiss what it asks, for it is about to be left; one that asks without end is ended."""
        if self.dialogs.waiting is None:
            return
        with self.dialogs.leaving():
            await self.dialogs.dismiss()
            if not await self.answers():
                self.crashed = True

    @property
    def closed_itself(self) -> bool:
        """It closed, and neither a crash nor a lost browser is why."""
        return isinstance(self.gone(), PageCrashed) and self.closed and not self.crashed

    def gone(self) -> AgentBrowserError | None:
        """Why it can't answer any more, if it can't."""
        if self._lost.browser or ((self.crashed or self.closed) and self._lost.beneath):
            return BrowserLost()
        if self.crashed:
            return PageCrashed()
        if self._lost.context:
            return BrowserLost("the session was closed during the call")
        if self.closed and self.was_closed:
            return PageCrashed(
                "no tab is open any more. Call 'open' to load a page again: "
                "cookies and storage are kept."
            )
        if self.closed:
            return PageCrashed(
                "the page closed itself. Call 'open' to load a page again: "
                "cookies and storage are kept."
            )
        return None

    def navigated(self) -> None:
        """A new document is there: its dialogs are counted anew."""
        self.dialogs.navigated()
