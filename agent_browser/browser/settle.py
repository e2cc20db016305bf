"""Settling: after an action the page is given time for what the action started, and no more.

What is waited for: a navigation until its document is parsed; scripts, styles, fetches and frames
that were requested since the action began, until they are answered; windows and file choosers that
were opened. What is not: images, fonts, streams, sockets, timers. Nothing started, nothing waited:
one task of the page and what it has queued.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import urldefrag

import anyio
from playwright.async_api import CDPSession, Error, Frame, Page, Request, Response

from agent_browser.browser.choosers import OPENED, Choosers
from agent_browser.browser.downloads import BEGIN_BOUND, Downloads

NAVIGATION_BOUND = 10.0
"""Seconds that a navigation started by an action may take before the answer goes without it."""

ERROR_PAGE = "chrome-error:"
"""What the address of the page begins with that Chromium shows for a failed navigation."""

_AWAITED = frozenset({"document", "stylesheet", "script", "xhr", "fetch"})


class Activity:
    """What a page requests while an action is done. Listens only inside its `async with` block.

    Only the start of a request is listened for: each kind of event that a page tells of costs two
    messages an action. The end is asked for, of the requests that there are.
    """

    def __init__(
        self,
        page: Page,
        session: CDPSession | None,
        tabs_made: Callable[[], int],
        downloads: Downloads,
        choosers: Choosers,
    ) -> None:
        self._page = page
        self._session = session
        self._tabs_made = tabs_made
        self._tabs_before = tabs_made()
        self._windows = 0
        self._choosers = choosers
        self._choosers_due = choosers.count
        self.failure: str | None = None
        """Why the last navigation failed, if it did."""
        self._pending: set[Request] = set()
        self._navigation: Request | None = None
        self._committed = False
        self._downloads = downloads
        self._downloads_before = downloads.mark()
        self._downloaded: set[str] = set()
        self._saves = False
        self._changed = anyio.Event()
        self._asking = anyio.create_task_group()

    async def __aenter__(self) -> "Activity":
        await self._asking.__aenter__()
        for source, event, listener in self._listeners():
            source.on(event, listener)
        self._downloads.listeners.append(self._download)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for source, event, listener in self._listeners():
            source.remove_listener(event, listener)
        self._downloads.listeners.remove(self._download)
        self._asking.cancel_scope.cancel()
        await self._asking.__aexit__(None, None, None)  # the block's own error goes on as itself

    def _listeners(self) -> list[tuple[Any, str, Callable[..., None]]]:
        told: list[tuple[Any, str, Callable[..., None]]] = []
        if self._session is not None:
            told = [
                (self._session, "Page.windowOpen", self._window),
                (self._session, OPENED, self._chooser),
                (self._page, "filechooser", self._wake),
            ]
        return [
            *told,
            (self._page, "request", self._started),
            (self._page, "framenavigated", self._navigated),
            (self._page, "close", self._wake),
            (self._page, "crash", self._wake),
            (self._page.context, "page", self._wake),
        ]

    def _wake(self, *_: object) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _window(self, _: object) -> None:
        self._windows += 1

    def _chooser(self, _: object) -> None:
        self._choosers_due += 1

    def _started(self, request: Request) -> None:
        if request.is_navigation_request() and _is_main(request, self._page):
            self._navigation = request
            self._committed = self._saves = False
            self.failure = None
            self._asking.start_soon(self._follow, request)
        elif request.resource_type in _AWAITED:
            self._pending.add(request)
            self._asking.start_soon(self._await_end, request)

    async def _await_end(self, request: Request) -> None:
        with suppress(Error):
            response = await request.response()
            if response is not None and _is_attachment(request, response):
                with anyio.move_on_after(BEGIN_BOUND):
                    await self._begun(request)
            elif response is not None and not _is_stream(response):
                await response.finished()
        self._pending.discard(request)
        self._wake()

    async def _follow(self, request: Request) -> None:
        """A navigation that comes to no document: failed, a download, or an answer without one."""
        with suppress(Error):
            response = await request.response()
            if response is not None and response.status not in (204, 205):
                return
        if request is self._navigation and not self._committed:
            self._navigation = None
            self.failure = request.failure
            self._wake()

    def expect_download(self) -> None:
        """The action started one, which begins when a server has answered."""
        self._saves = not self._downloads.begun_since(self._downloads_before)

    def _download(self, url: str | None) -> None:
        """One began, or ended. A navigation that turned into one comes to no document."""
        if url is not None:
            place = urldefrag(url).url
            self._downloaded.add(place)
            self._saves = False
            going = self._navigation
            if going is not None and not self._committed and urldefrag(going.url).url == place:
                self._navigation = None
        self._wake()

    async def _begun(self, request: Request) -> None:
        while urldefrag(request.url).url not in self._downloaded:
            await self._changed.wait()

    def _navigated(self, frame: Frame) -> None:
        if frame is self._page.main_frame:
            if self._navigation is not None and frame.url.startswith(ERROR_PAGE):
                # The error page may be told before `_follow` has heard why.
                self.failure = self._navigation.failure or "net::ERR_FAILED"
            self._committed = True
            self._pending.clear()
            self._wake()

    @property
    def is_quiet(self) -> bool:
        """Nothing that was started is under way."""
        return (
            self._navigation is None
            and not self._pending
            and not self._saves
            and not self._downloads.runs_since(self._downloads_before)
            and self._has_its_windows
            and self._choosers.count >= self._choosers_due
        )

    @property
    def _has_its_windows(self) -> bool:
        return self._tabs_made() - self._tabs_before >= self._windows

    async def rest(self, bound: float) -> None:
        """Wait until it is quiet; at most `bound` seconds for requests, longer for a navigation."""
        started = time.monotonic()
        while not self.is_quiet and not self._page.is_closed():
            if self._navigation is not None:
                await self._arrive(started)
                continue
            left = started + bound - time.monotonic()
            if left <= 0:
                return
            with anyio.move_on_after(left):
                await self._changed.wait()

    async def _arrive(self, started: float) -> None:
        left = started + NAVIGATION_BOUND - time.monotonic()
        if left <= 0:
            self._navigation = None
            return
        if not self._committed:
            with anyio.move_on_after(left):
                await self._changed.wait()
            return
        with suppress(Error):
            await self._page.wait_for_load_state("domcontentloaded", timeout=left * 1000)
        self._navigation = None


def _is_stream(response: Response) -> bool:
    return response.headers.get("content-type", "").startswith("text/event-stream")


def _is_attachment(request: Request, response: Response) -> bool:
    """Whether a frame's navigation turns into a download."""
    said = response.headers.get("content-disposition", "")
    return request.is_navigation_request() and said.strip().lower().startswith("attachment")


def _is_main(request: Request, page: Page) -> bool:
    try:
        return request.frame is page.main_frame
    except Error:
        return True
