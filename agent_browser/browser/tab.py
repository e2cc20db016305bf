"""One tab: its page, what is known of it, and the dialogs it showed."""

from collections import deque
from collections.abc import Callable

import structlog
from playwright.async_api import Dialog as PlaywrightDialog
from playwright.async_api import Error, Page

from agent_browser.browser.driver import Driver
from agent_browser.browser.worlds import Worlds
from agent_browser.errors import AgentBrowserError, BrowserLost, PageCrashed
from agent_browser.models.functions import Dialog

MAX_DIALOGS = 50
"""Dialogs in a row, without a navigation between, after which a page counts as out of control."""
_log = structlog.get_logger(__name__)


class Lost:
    """Whether the browser under some tabs is gone; shared by all tabs of a context."""

    def __init__(self, is_browser_lost: Callable[[], bool]) -> None:
        self._is_browser_lost = is_browser_lost
        self.context = False

    @property
    def browser(self) -> bool:
        """The browser's process, or the connection to it, is gone."""
        return self._is_browser_lost()


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
        self.url = page.url
        self.title = ""
        self.status: int | None = None
        self.crashed = False
        self.closed = False
        self._lost = lost
        self._dialogs_in_a_row = 0
        page.on("crash", lambda _: self._crash())
        page.on("close", lambda _: self._close())
        page.on("dialog", self._answer)

    def _crash(self) -> None:
        self.crashed = True

    def _close(self) -> None:
        self.closed = True

    def gone(self) -> AgentBrowserError | None:
        if self._lost.browser:
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

    def navigated(self) -> None:
        """A new document is there: its dialogs are counted anew."""
        self._dialogs_in_a_row = 0

    async def _answer(self, dialog: PlaywrightDialog) -> None:
        """Accept alerts and beforeunload, dismiss the rest; a page that never stops is ended."""
        self._dialogs_in_a_row += 1
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
