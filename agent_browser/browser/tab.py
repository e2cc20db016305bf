"""One tab: its page, what is known of it, and the dialogs it showed."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio
import structlog
from playwright.async_api import Dialog as PlaywrightDialog
from playwright.async_api import Error, Page

from agent_browser.browser.driver import Driver
from agent_browser.browser.worlds import Worlds
from agent_browser.errors import AgentBrowserError, BrowserLost, PageCrashed
from agent_browser.models.functions import Dialog

MAX_DIALOGS = 50
"""Dialogs in a row, without a navigation between, after which a page counts as out of control."""
FLOOD = 5
FLOOD_TIME = 1.0
"""So many dialogs within so many seconds are a flood."""
_log = structlog.get_logger(__name__)


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
        self, page: Page, tab_id: str, driver: Driver, lost: Lost, opener: str | None = None
    ) -> None:
        self.page = page
        self.id = tab_id
        self.opener = opener
        self.worlds = Worlds(page, driver)
        self.dialogs: deque[Dialog] = deque(maxlen=MAX_DIALOGS)
        self.title = ""
        self.status: int | None = None
        self.crashed = False
        self.closed = False
        self._lost = lost
        self._dialogs_in_a_row = 0
        self._dialog_times: deque[float] = deque(maxlen=FLOOD)
        self._calls: set[anyio.CancelScope] = set()
        page.on("crash", lambda _: self._crash())
        page.on("close", lambda _: self._close())
        page.on("dialog", self._answer)

    def _crash(self) -> None:
        self.crashed = True
        self._interrupt()

    def _close(self) -> None:
        self.closed = True
        self._interrupt()

    def _interrupt(self) -> None:
        for scope in self._calls:
            scope.cancel()

    @contextmanager
    def calling(self) -> Iterator[None]:
        """A call to the page: ended, with what `gone` says, the moment the page can't answer.

        A crashed renderer answers nothing, and Playwright waits for it.
        """
        with anyio.CancelScope() as scope:
            self._calls.add(scope)
            try:
                yield
            finally:
                self._calls.discard(scope)
        gone = self.gone()
        if scope.cancelled_caught and gone is not None:
            raise gone

    @property
    def closed_itself(self) -> bool:
        """It closed, and neither a crash nor a lost browser is why."""
        return isinstance(self.gone(), PageCrashed) and self.closed and not self.crashed

    def gone(self) -> AgentBrowserError | None:
        if self._lost.browser or ((self.crashed or self.closed) and self._lost.beneath):
            return BrowserLost()
        if self.crashed:
            return PageCrashed()
        if self._lost.context:
            return BrowserLost("the session was closed during the call")
        if self.closed:
            return PageCrashed(
                "the page closed itself. Call 'open' to load a page again: "
                "cookies and storage are kept."
            )
        return None

    @property
    def is_flooding(self) -> bool:
        """It shows dialog upon dialog: Chromium may never get such a page to navigate."""
        times = self._dialog_times
        return len(times) == FLOOD and time.monotonic() - times[0] < FLOOD_TIME

    def navigated(self) -> None:
        """A new document is there: its dialogs are counted anew."""
        self._dialogs_in_a_row = 0

    async def _answer(self, dialog: PlaywrightDialog) -> None:
        """Accept alerts and beforeunload, dismiss the rest; a page that never stops is ended."""
        self._dialogs_in_a_row += 1
        self._dialog_times.append(time.monotonic())
        accepted = dialog.type in ("alert", "beforeunload")
        self.dialogs.append(
            Dialog.model_validate(
                {
                    "type": dialog.type,
                    "message": dialog.message[:2000],
                    "response": "accepted" if accepted else "dismissed",
                }
            )
        )
        try:
            if self._dialogs_in_a_row > MAX_DIALOGS:
                self.crashed = True
                _log.info("page ended: dialogs without end", tab=self.id)
                await self.page.close()
            elif accepted:
                await dialog.accept()
            else:
                await dialog.dismiss()
        except Error:
            return

    def take_dialogs(self) -> list[Dialog]:
        """The dialogs since the last answer."""
        taken = list(self.dialogs)
        self.dialogs.clear()
        return taken
