"""The tabs of one context: stable ids, which is active, and what each showed.

The active tab is the one that calls act on. A popup does not take its place; when the active tab
closes, its opener takes over, else the tab that was opened last.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import count

import anyio
from playwright.async_api import BrowserContext, Error, Page, Video
from playwright.async_api import Dialog as PlaywrightDialog

from agent_browser.browser import backstage
from agent_browser.browser.dialogs import Manners
from agent_browser.browser.driver import Driver
from agent_browser.browser.tab import Lost, Tab
from agent_browser.errors import ActionFailed, DialogWaiting, PageCrashed
from agent_browser.models.dialogs import Dialog, WaitingChooser, WaitingDialog
from agent_browser.models.functions import Tab as TabInfo

MAX_TITLE = 1_000
"""Characters of a title that are told and kept; a page may make more."""

LAST_NUMBER = 10**8 - 1
"""Of a tab's id, as documents of state have it."""
CURSOR_TIME = 150
"""Milliseconds that a shown cursor takes to its next place; each action waits for it."""

_TITLE_TIMEOUT = 0.5
_CLOSE_TIMEOUT = 1.0
_AT_ONCE = 4
"""Tabs that are made at the same time."""


class Tabs:
    """Every page of the context, as it comes and goes."""

    def __init__(
        self, context: BrowserContext, driver: Driver, lost: Lost, *, show_cursor: bool, most: int
    ) -> None:
        self._context = context
        self._driver = driver
        self._lost = lost
        self.shows_cursor = show_cursor
        self._by_page: dict[Page, Tab] = {}
        self._active: Tab | None = None
        self._last_id = 0
        self._dialogs: list[Dialog] = []
        self._refused = 0
        self._refused_since = 0
        self.most = most
        """Tabs that may be open; a page that opens more has them closed at once."""
        self._leaving: Tab | None = None
        self._is_bringing = False
        self.manners = Manners()
        self.equip: Callable[[Tab], Awaitable[None]] | None = None
        """Done to every tab that opens."""
        self.on_active: Callable[[], None] | None = None
        """Told when another tab is the active one."""
        self.on_adopted: Callable[[Tab], None] | None = None
        """Told of every tab before anything else of it."""
        self.on_opened: Callable[[Tab], None] | None = None
        """Told of every tab once it is known who opened it."""
        self.on_dialog: Callable[[Tab, PlaywrightDialog], None] | None = None
        self.videos: list[tuple[Tab, Video]] = []
        context.on("page", self._opened)
        context.on("dialog", self._shown)

    async def _opened(self, page: Page) -> None:
        if backstage.is_ours(page) or self._is_bringing:
            return
        if self.adopt(page) is None:
            self._refused += 1
            self._refused_since += 1
            try:
                await page.close()
            except Error:
                return
            return
        if self.on_opened is not None:
            self.on_opened(self._by_page[page])
        if self.shows_cursor:
            await show_cursor(page)
        if self.equip is not None:
            await self.equip(self._by_page[page])

    async def _shown(self, dialog: PlaywrightDialog) -> None:
        tab = self.adopt(dialog.page) if dialog.page is not None else None
        if tab is not None:
            if self.on_dialog is not None:
                self.on_dialog(tab, dialog)
            await tab.dialogs.show(dialog)
            return
        try:
            await dialog.dismiss()  # of a window that is not let open
        except Error:
            return

    async def _asking(self, tab: Tab) -> None:
        """A dialog begins to wait: calls to its page end, and those to pages that it holds too."""
        waiting = tab.dialogs.waiting
        if waiting is None:
            return
        why = DialogWaiting(waiting.model_dump())
        tab.hold(why)
        for other in self.open:
            if other is not tab and other.is_called and not await other.answers():
                other.hold(why)

    def adopt(self, page: Page) -> Tab | None:
        """The page's tab, made if it is new; None if there are too many."""
        if page in self._by_page:
            return self._by_page[page]
        if self._is_full:
            return None
        tab_id = f"t{self._new_number()}"
        tab = Tab(page, tab_id, self._driver, self._lost, self.manners, self._asking)
        self._by_page[page] = tab
        if page.video is not None:
            self.videos.append((tab, page.video))
        page.on("popup", lambda popup: self._introduce(tab, popup))
        page.on("close", lambda _: self._closed(tab))
        if self.on_adopted is not None:
            self.on_adopted(tab)
        return tab

    def _new_number(self) -> int:
        """The next one; after the last of all the lowest that is free."""
        if self._last_id < LAST_NUMBER:
            self._last_id += 1
            return self._last_id
        taken = {tab.id for tab in self._by_page.values()}
        return next(number for number in count(1) if f"t{number}" not in taken)

    def of(self, page: Page | None) -> Tab | None:
        """The page's tab, if it has one."""
        return self._by_page.get(page) if page is not None else None

    def _introduce(self, opener: Tab, popup: Page) -> None:
        tab = self.adopt(popup)
        if tab is not None:
            tab.opener = opener.id

    def _closed(self, tab: Tab) -> None:
        tab.dialogs.gone()
        self._dialogs += tab.dialogs.take()
        self._by_page.pop(tab.page, None)
        if self._active is tab:
            rest = self.open
            opener = next((other for other in rest if other.id == tab.opener), None)
            if rest:
                self.activate(opener or rest[-1])

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
        await self._freed()
        if old is not None:
            await old.let_go()
        if old is None or old.crashed or old.closed or old.dialogs.is_flooding:
            self._leaving = old
            try:
                self.activate(await self.new())
            finally:
                self._leaving = None
            if old is not None and not old.closed:
                old.dialogs.gone()
                self._dialogs += old.dialogs.take()
                self._by_page.pop(old.page, None)
                with anyio.move_on_after(_CLOSE_TIMEOUT):
                    await old.page.close()
        return self.active

    async def _freed(self) -> None:
        """Dismiss the dialogs of other tabs that keep the active one from being navigated."""
        for tab in self.open:
            if (
                tab.dialogs.waiting is not None
                and tab is not self._active
                and self._active is not None
                and not await self._active.answers()
            ):
                await tab.dialogs.dismiss()

    @property
    def _is_full(self) -> bool:
        """Whether there may be no more; one that is about to be replaced does not count."""
        return sum(tab is not self._leaving for tab in self.open) >= self.most

    async def new(self) -> Tab:
        """One more tab; it is not active until `activate`."""
        full = ActionFailed("too_many_tabs", f"a session may have {self.most} tabs open")
        if self._is_full:
            raise full
        page = await self._context.new_page()
        tab = self.adopt(page)
        if tab is None:
            await page.close()
            raise full
        if self.equip is not None:
            await self.equip(tab)
        return tab

    async def bring(self, ids: Sequence[str]) -> list[Tab]:
        """Tabs with these ids, in this order, the blank one that is there among them; as many as
        there may be. Nobody is told that they were opened. Error.
        """
        first = next(iter(self.open), None)
        wanted = max(0, min(len(ids), self.most) - (first is not None))
        self._is_bringing = True
        try:
            pages = await self._new_pages(wanted)
        finally:
            self._is_bringing = False
        brought = [] if first is None else [first]
        for page in pages:
            tab = self.adopt(page)
            if tab is not None:
                brought.append(tab)
        for tab, tab_id in zip(brought, ids, strict=False):
            tab.rename(tab_id)
            self._last_id = max(self._last_id, int(tab_id[1:]))
        for tab in brought[first is not None :]:
            if self.shows_cursor:
                await show_cursor(tab.page)
            if self.equip is not None:
                await self.equip(tab)
        return brought[: len(ids)]

    async def _new_pages(self, count: int) -> list[Page]:
        pages: list[Page] = []
        failures: list[Error] = []
        few = anyio.CapacityLimiter(_AT_ONCE)

        async def make() -> None:
            async with few:
                try:
                    pages.append(await self._context.new_page())
                except Error as exc:
                    failures.append(exc)

        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(make)
        if failures:
            raise failures[0]
        return pages

    def count_from(self, last: int) -> None:
        """No id up to that number is given out again."""
        self._last_id = max(self._last_id, last)

    async def show_cursor(self, *, on: bool) -> None:
        """Show the mouse in all tabs, and in those to come; or no more."""
        if on == self.shows_cursor:
            return
        self.shows_cursor = on
        for tab in self.open:
            if on:
                await show_cursor(tab.page)
            else:
                await tab.page.screencast.hide_actions()

    def activate(self, tab: Tab) -> None:
        self._active = tab
        if self.on_active is not None:
            self.on_active()

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
        """Every open tab; the titles of those in the background are asked for, briefly, unless a
        dialog waits.
        """
        others = [tab for tab in self.open if tab is not self._active]
        if others and self.waiting is None:
            async with anyio.create_task_group() as asking:
                for tab in others:
                    asking.start_soon(ask_title, tab)
        return self.known()

    def known(self) -> list[TabInfo]:
        """Every open tab as last known."""
        return [
            TabInfo(
                id=tab.id,
                url=tab.url,
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

    @property
    def made(self) -> int:
        """Tabs so far, those that were refused too."""
        return self._last_id + self._refused

    def take_refused(self) -> int:
        """How many tabs were closed at once since the last answer, there being too many."""
        taken, self._refused_since = self._refused_since, 0
        return taken

    def take_dialogs(self) -> list[Dialog]:
        """The dialogs of all tabs since the last answer."""
        taken, self._dialogs = self._dialogs, []
        for tab in self._by_page.values():
            taken += tab.dialogs.take()
        return taken

    @property
    def waiting(self) -> WaitingDialog | None:
        """The dialog that waits: the active tab's, else that of the tab that was opened first."""
        tab = self._asker
        return tab.dialogs.waiting if tab is not None else None

    @property
    def choosing(self) -> WaitingChooser | None:
        """The file chooser that waits: the active tab's, else that of the tab opened first."""
        tabs = self.open if self._active is None else [self._active, *self.open]
        for tab in tabs:
            chooser = tab.choosers.waiting
            if chooser is not None:
                return WaitingChooser(tab=tab.id, multiple=chooser.is_multiple())
        return None

    @property
    def _asker(self) -> Tab | None:
        asking = [tab for tab in self.open if tab.dialogs.waiting is not None]
        return self._active if self._active in asking else next(iter(asking), None)

    def asking(self, tab_id: str | None) -> Tab:
        """The tab whose dialog is to be answered. ActionFailed where none waits."""
        tab = self._asker if tab_id is None else self.named(tab_id)
        if tab is None or tab.dialogs.waiting is None:
            raise ActionFailed("no_dialog", f"no dialog waits{f' in {tab_id}' if tab_id else ''}")
        return tab

    async def held(self, tab: Tab) -> DialogWaiting | None:
        """The dialog that keeps the tab from answering, if one does."""
        waiting = tab.dialogs.waiting or self.waiting
        if waiting is None or (waiting.tab != tab.id and await tab.answers()):
            return None
        return DialogWaiting(waiting.model_dump())

    async def free(self, tab: Tab) -> Tab:
        """The tab, if no dialog keeps it from answering; else DialogWaiting."""
        why = await self.held(tab)
        if why is not None:
            raise why
        return tab


async def ask_title(tab: Tab) -> None:
    """Ask the page for its title; what was known stays where it does not answer soon."""
    if not tab.crashed and not tab.closed:
        with anyio.move_on_after(_TITLE_TIMEOUT), suppress(Error):
            tab.title = (await tab.page.title())[:MAX_TITLE]


async def show_cursor(page: Page) -> None:
    """Show the mouse in pictures and videos of the page, over navigations."""
    try:
        await page.screencast.show_actions(
            cursor="pointer", duration=CURSOR_TIME, style={"title": "display: none"}
        )
    except Error:
        return
