"""What a context tells of its pages while nobody asks: where they go, what they show, what goes.

It hears what Playwright sends anyway. What costs messages of its own, the console and the titles of
pages that nobody looked at, is told only while somebody follows it.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Error, Frame, WebError
from playwright.async_api import Dialog as PlaywrightDialog

from agent_browser.browser import masks
from agent_browser.browser.console import message_of
from agent_browser.browser.downloads import Downloads
from agent_browser.browser.engine import Downloading, Tell
from agent_browser.browser.happenings import told as told_address
from agent_browser.browser.happenings import words_of
from agent_browser.browser.tab import Lost, Tab
from agent_browser.browser.tabs import Tabs, ask_title
from agent_browser.models.events import EventType

RATE = 20.0
"""Events of one type that a context tells in a second, in the long run."""
BURST = 100
MAX_TEXT = 1_000
"""Characters of a text that are told."""
LOADING = 3.0
"""Seconds that a followed page has to come so far that its title is there."""


class Allowance:
    """How much of each type may be told: a page that shouts must not push everybody's events out of
    the history. Pure but for the clock that it is given.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}
        self._unsaid: dict[str, int] = {}

    def take(self, kind: str) -> int | None:
        """None where this one is too many; else how many were too many since the last."""
        now = self._clock()
        left, before = self._left.get(kind, (BURST, now))
        left = min(BURST, left + (now - before) * RATE)
        if left < 1:
            self._left[kind] = (left, now)
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return None
        self._left[kind] = (left - 1, now)
        return self._unsaid.pop(kind, 0)


class Telling:
    """One context's. It says nothing until `told` is set."""

    def __init__(
        self, context: BrowserContext, tabs: Tabs, downloads: Downloads, lost: Lost
    ) -> None:
        self.told: Tell | None = None
        self._context = context
        self._tabs = tabs
        self._lost = lost
        self._heeded: frozenset[EventType] = frozenset()
        self._allowance = Allowance()
        self._arrived: dict[Tab, dict[str, Any]] = {}
        """Where tabs went, as long as the title there is not known."""
        tabs.on_adopted = self._meet
        tabs.on_opened = self._opened
        tabs.on_dialog = self._asked
        downloads.on_change = self._downloads

    def heed(self, kinds: frozenset[EventType]) -> None:
        """These are followed now."""
        before, self._heeded = self._heeded, kinds
        if ("console" in kinds) != ("console" in before):
            turn = self._context.on if "console" in kinds else self._context.remove_listener
            turn("console", self._said)
            turn("weberror", self._failed)
        if "navigated" in kinds and "navigated" not in before:
            for tab in list(self._arrived):
                self._settled(tab)

    def tell(self, kind: EventType, data: dict[str, Any]) -> None:
        """Tell of something, if not too much of that kind was told before."""
        if self.told is None or self._lost.context:
            return
        dropped = self._allowance.take(kind)
        if dropped is not None:
            self.told(kind, {**data, "dropped": dropped} if dropped else data)

    def _meet(self, tab: Tab) -> None:
        tab.on_title = lambda: self._settled(tab)
        tab.page.on("framenavigated", lambda frame: self._went(tab, frame))
        tab.page.on("crash", lambda _: self._crashed(tab))
        tab.page.on("close", lambda _: self._closed(tab))

    def _opened(self, tab: Tab) -> None:
        place = told_address(tab.url)
        self.tell("tab_opened", {"tab": tab.id, "url": place, "opener": tab.opener})

    def _closed(self, tab: Tab) -> None:
        self._settled(tab)
        if not self._lost.beneath:
            self.tell("tab_closed", {"tab": tab.id})

    def _crashed(self, tab: Tab) -> None:
        self._settled(tab)
        self.tell("crashed", {"tab": tab.id, "url": told_address(tab.url)})

    def _asked(self, tab: Tab, dialog: PlaywrightDialog) -> None:
        message = masks.text(dialog.message[:MAX_TEXT])
        waits = tab.dialogs.answer_at_once(dialog) is None
        self.tell(
            "dialog", {"tab": tab.id, "type": dialog.type, "message": message, "waits": waits}
        )

    def _downloads(self, item: Downloading) -> None:
        self.tell(
            "download",
            {
                "number": item.number,
                "name": item.name[:MAX_TEXT],
                "url": masks.url(item.url),
                "state": item.state,
                "received": item.received,
                "size": item.size,
                "error": item.error,
            },
        )

    def _went(self, tab: Tab, frame: Frame) -> Any:
        if frame.parent_frame is not None or self.told is None or tab.is_untold:
            return None
        self._settled(tab)
        self._arrived[tab] = place(frame.url)
        # A coroutine is made a task of Playwright's loop; without a follower there is none.
        return self._learn(tab) if "navigated" in self._heeded else None

    def _settled(self, tab: Tab) -> None:
        """Its title is known, or is not waited for any longer."""
        arrived = self._arrived.pop(tab, None)
        if arrived is not None:
            self.tell("navigated", {**arrived, "title": tab.title, "tab": tab.id})

    async def _learn(self, tab: Tab) -> None:
        """Ask for the title of a page that somebody follows."""
        arrived = self._arrived.get(tab)
        with suppress(Error):
            await tab.page.wait_for_load_state("domcontentloaded", timeout=LOADING * 1_000)
        if self._arrived.get(tab) is arrived:
            await ask_title(tab)
        if self._arrived.get(tab) is arrived:
            self._settled(tab)

    def _said(self, said: ConsoleMessage) -> None:
        tab = self._tabs.of(said.page)
        if tab is not None:
            data = message_of(tab, said).model_dump(mode="json", exclude={"at", "stack"})
            self.tell("console", {**data, "text": _cut(data["text"])})

    def _failed(self, error: WebError) -> None:
        tab = self._tabs.of(error.page)
        if tab is not None:
            text = _cut(masks.text(words_of(error.error)))
            where = {"url": told_address(error.location["url"]) or None}
            line = {"line": error.location["line"] + 1, "column": error.location["column"] + 1}
            self.tell(
                "console", {"level": "pageerror", "text": text, "tab": tab.id, **where, **line}
            )


def place(url: str) -> dict[str, Any]:
    """An address and its parts, as a page's own `location` has them, without secrets. Pure."""
    address = told_address(url)
    try:
        parts = urlsplit(address)
    except ValueError:
        return {"url": address, "path": "", "search": "", "hash": ""}
    return {
        "url": address,
        "path": parts.path,
        "search": f"?{parts.query}" if parts.query else "",
        "hash": f"#{parts.fragment}" if parts.fragment else "",
    }


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
