"""What can't be asked for later, heard from a context's first moment: failed requests, uncaught
errors, sockets. Of these only failed requests cost messages that there wouldn't be else.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from playwright.async_api import Error, Page, Request, WebError, WebSocket

from agent_browser.browser import backstage, detour, masks
from agent_browser.browser.functions import FROM_THE_START, Reach
from agent_browser.models.network import Message, Socket

MAX_SOCKETS = 200
MAX_ERRORS = 200
MAX_FAILED = 200
MAX_TEXT = 4_000
MAX_URL = 2_048
"""Characters of an address and a text that are kept and told."""


def now() -> datetime:
    return datetime.now(UTC)


def told(address: str) -> str:
    """An address as it may be told: masked, and cut."""
    if len(address) <= MAX_URL:
        return masks.url(address)
    # Cut first: an inlined picture may be megabytes. What is left of a cut secret is masked.
    return masks.url(address[:MAX_URL]) + "…"


@dataclass
class _Heard:
    page: Page
    message: Message


class Happenings:
    """Sockets, page errors and failed requests of one context, the latest of each."""

    def __init__(self, reach: Reach) -> None:
        self._tabs = reach.tabs
        self._detour = detour.of(reach.context)
        self._sockets: deque[Socket] = deque(maxlen=MAX_SOCKETS)
        self._opened = 0
        self.pages = 0
        """How many there have been."""
        self._errors: deque[_Heard] = deque(maxlen=MAX_ERRORS)
        self.failed: deque[Request] = deque(maxlen=MAX_FAILED)
        self.frame_heard: Callable[[Socket, int], Awaitable[None] | None] | None = None
        """Told of each frame of each socket, with its bytes."""
        reach.context.on("page", self._page)
        reach.context.on("weberror", self._error)
        reach.context.on("requestfailed", self._failed)

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    async def close(self) -> None:
        """The listeners go with the context."""

    @property
    def sockets(self) -> list[Socket]:
        return list(self._sockets)

    @property
    def errors(self) -> list[Message]:
        """Uncaught errors, their tabs as they are known."""
        return [heard.message for heard in self._errors]

    def forget_errors(self) -> None:
        self._errors.clear()

    def forget_sockets(self) -> None:
        """Those that are closed; the others go on being counted."""
        going_on = [socket for socket in self._sockets if socket.state == "open"]
        self._sockets = deque(going_on, maxlen=MAX_SOCKETS)

    def tab_of(self, page: Page | None) -> str | None:
        """The id of the page's tab, while it is open."""
        return next((tab.id for tab in self._tabs.open if tab.page is page), None)

    def _page(self, page: Page) -> None:
        if backstage.is_ours(page):
            return
        self.pages += 1
        page.on("websocket", lambda socket: self._socket(page, socket))

    def _failed(self, request: Request) -> None:
        if not backstage.is_of_ours(request):
            self.failed.append(request)
            self._detour.failed(request)

    def _error(self, error: WebError) -> None:
        page = error.page
        if page is None:
            return
        place = error.location
        message = Message(
            level="pageerror",
            text=masks.text(words_of(error.error)[:MAX_TEXT]),
            at=now(),
            tab=self.tab_of(page),
            url=told(place["url"]) or None,
            line=place["line"] + 1,
            column=place["column"] + 1,
            stack=masks.text((error.error.stack or "")[:MAX_TEXT]) or None,
        )
        self._errors.append(_Heard(page, message))

    def _socket(self, page: Page, socket: WebSocket) -> None:
        self._opened += 1
        kept = Socket(
            id=f"s{self._opened}",
            tab=self.tab_of(page),
            url=told(socket.url),
            state="open",
            opened_at=now(),
        )
        self._sockets.append(kept)

        def sent(data: str | bytes) -> Awaitable[None] | None:
            kept.sent += 1
            kept.sent_bytes += (size := _size(data))
            return self.frame_heard(kept, size) if self.frame_heard is not None else None

        def received(data: str | bytes) -> Awaitable[None] | None:
            kept.received += 1
            kept.received_bytes += (size := _size(data))
            return self.frame_heard(kept, size) if self.frame_heard is not None else None

        def failed(why: str) -> None:
            kept.state, kept.failure = "failed", self._detour.words(socket.url, why)[:500]

        def closed(_: object) -> None:
            kept.closed_at = now()
            if kept.state == "open":
                kept.state = "closed"

        socket.on("framesent", sent)
        socket.on("framereceived", received)
        socket.on("socketerror", failed)
        socket.on("close", closed)


def words_of(error: Error) -> str:
    """The error as the console shows it: its name before its message."""
    said = error.message or str(error)
    named = error.name and not said.startswith(error.name)
    return f"{error.name}: {said}" if named else said


def _size(data: str | bytes) -> int:
    return len(data if isinstance(data, bytes) else data.encode(errors="replace"))


FROM_THE_START.append(Happenings)
