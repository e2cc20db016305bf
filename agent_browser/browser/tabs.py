"""The tabs of one context: stable ids, which is active, and what each showed.

The active tab is the one that calls act on. A popup does not take its place; when the active tab
closes,
its opener takes over, else the tab that was opened last.
"""

import anyio
from playwright.async_api import BrowserContext, Error, Page, Video

from agent_browser.browser.driver import Driver
from agent_browser.browser.tab import Lost, Tab
from agent_browser.errors import ActionFailed, PageCrashed
from agent_browser.models.functions import Dialog
from agent_browser.models.functions import Tab as TabInfo

MAX_TABS = 50
"""Tabs that a session may have open; a page that opens more has them closed at once."""
MAX_TITLE = 1_000
MAX_URL = 8_192
"""Characters of a title and an address that are told and kept; a page may make more."""

CURSOR_TIME = 150
"""Milliseconds that a shown cursor takes to its next place; each action waits for it."""

_TITLE_TIMEOUT = 0.5
_CLOSE_TIMEOUT = 1.0


class Tabs:
    """Every page of the context, as it comes and goes."""

    def __init__(
        self, context: BrowserContext, driver: Driver, lost: Lost, *, show_cursor: bool
    ) -> None:
        self._context = context
        self._driver = driver
        self._lost = lost
        self._show_cursor = show_cursor
        self._by_page: dict[Page, Tab] = {}
        self._active: Tab | None = None
        self._last_id = 0
        self._dialogs: list[Dialog] = []
        self.videos: list[Video] = []
        context.on("page", self._opened)

    async def _opened(self, page: Page) -> None:
        if self.adopt(page) is None:
            try:
                await page.close()
            except Error:
                return
        elif self._show_cursor:
            await show_cursor(page)

    def adopt(self, page: Page) -> Tab | None:
        """The page's tab, made if it is new; None if there are too many."""
        if page in self._by_page:
            return self._by_page[page]
        if len(self.open) >= MAX_TABS:
            return None
        self._last_id += 1
        tab = Tab(page, f"t{self._last_id}", self._driver, self._lost)
        self._by_page[page] = tab
        if page.video is not None:
            self.videos.append(page.video)
        page.on("popup", lambda popup: self._introduce(tab, popup))
        page.on("close", lambda _: self._closed(tab))
        return tab

    def _introduce(self, opener: Tab, popup: Page) -> None:
        tab = self.adopt(popup)
        if tab is not None:
            tab.opener = opener.id

    def _closed(self, tab: Tab) -> None:
        self._dialogs += tab.take_dialogs()
        self._by_page.pop(tab.page, None)
        if self._active is tab:
            rest = self.open
            opener = next((other for other in rest if other.id == tab.opener), None)
            if rest:
                self._active = opener or rest[-1]

    @property
    def open(self) -> list[Tab]:
        """The tabs that are open, in the order in which they were opened."""
        return [tab for tab in self._by_page.values() if not tab.closed]

    @property
    def active(self) -> Tab:
        """The tab that calls act on. PageCrashed, BrowserLost if it can't answer."""
        if self._active is None:
            raise PageCrashed("no page is open. Call 'open' to load one.")
        gone = self._active.gone()
        if gone is not None:
            raise gone
        return self._active

    @property
    def current(self) -> Tab | None:
        """The active tab, whatever its state."""
        return self._active

    async def ready(self) -> Tab:
        """A tab to navigate: the active one, or a fresh one where that can't be navigated."""
        old = self._active
        if old is None or old.crashed or old.closed or old.is_flooding:
            self.activate(await self.new())
            if old is not None and not old.closed:
                self._dialogs += old.take_dialogs()
                self._by_page.pop(old.page, None)
                with anyio.move_on_after(_CLOSE_TIMEOUT):
                    await old.page.close()
        return self.active

    async def new(self) -> Tab:
        """One more tab; it is not active until `activate`."""
        page = await self._context.new_page()
        tab = self.adopt(page)
        if tab is None:
            await page.close()
            raise ActionFailed("too_many_tabs", f"a session may have {MAX_TABS} tabs open")
        return tab

    def activate(self, tab: Tab) -> None:
        self._active = tab

    def named(self, tab_id: str | None) -> Tab:
        """The open tab with that id, or the active one."""
        if tab_id is None:
            return self.active
        for tab in self.open:
            if tab.id == tab_id:
                return tab
        known = ", ".join(tab.id for tab in self.open)
        raise ActionFailed("unknown_tab", f"Unknown tab: {tab_id}. Open tabs: {known}")

    async def listed(self) -> list[TabInfo]:
        """Every open tab; the titles of those in the background are asked for, briefly."""
        for tab in self.open:
            if tab is not self._active and not tab.crashed:
                with anyio.move_on_after(_TITLE_TIMEOUT):
                    try:
                        tab.title = (await tab.page.title())[:MAX_TITLE]
                    except Error:
                        continue
        return self.known()

    def known(self) -> list[TabInfo]:
        """Every open tab as last known."""
        return [
            TabInfo(
                id=tab.id,
                url=tab.page.url[:MAX_URL],
                title=tab.title,
                active=tab is self._active,
                opener=tab.opener,
            )
            for tab in self.open
        ]

    def mark(self) -> int:
        """A point in time, for `since`."""
        return self._last_id

    async def since(self, mark: int) -> list[TabInfo]:
        """The tabs opened since then that are still open."""
        if self._last_id == mark:
            return []
        return [info for info in await self.listed() if int(info.id[1:]) > mark]

    def take_dialogs(self) -> list[Dialog]:
        """The dialogs of all tabs since the last answer."""
        taken, self._dialogs = self._dialogs, []
        for tab in self._by_page.values():
            taken += tab.take_dialogs()
        return taken


async def show_cursor(page: Page) -> None:
    """Show the mouse in pictures and videos of the page, over navigations."""
    try:
        await page.screencast.show_actions(
            cursor="pointer", duration=CURSOR_TIME, style={"title": "display: none"}
        )
    except Error:
        return
