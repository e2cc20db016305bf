"""The requests of one context, kept from the first time that somebody asks for them.

Before that Playwright keeps the last hundred of each open page, at no cost to us; they are taken
over at the first ask. From then on every request is heard of, and the latest `MAX_KEPT` are kept.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import anyio
from playwright.async_api import Error, Page, Request, Response

from agent_browser.browser import backstage, detour, masks
from agent_browser.browser.ends import ended
from agent_browser.browser.functions import Reach
from agent_browser.browser.happenings import MAX_FAILED, Happenings, now, told
from agent_browser.browser.tab import Tab
from agent_browser.models.network import Traffic

MAX_KEPT = 1_000
_SURELY_ALL = 90
"""Whenever Playwright has more than a hundred requests of a page, it drops the first ten: of a page
with no more than these it has dropped none.
"""
_LOOK = 0.3
"""Seconds for what a request that may not have ended is asked."""


@dataclass
class Entry:
    """One request. `end` is milliseconds from its start, -1 where it isn't known."""

    id: str
    request: Request
    page: Page | None
    tab: str | None
    seen_at: datetime | None
    is_over: bool = False
    sizes: tuple[int, int] | None = None
    """Bytes of headers and of body; a body of less than none came from a cache."""
    was_asked: bool = False
    end: float = -1

    @property
    def number(self) -> int:
        return int(self.id[1:])

    @property
    def response(self) -> Response | None:
        return self.request.existing_response

    @property
    def status(self) -> int | None:
        return None if self.response is None else self.response.status

    @property
    def has_failed(self) -> bool:
        """It came to no answer, or to one that says so."""
        return self.request.failure is not None or (self.status or 0) >= 400

    @property
    def started_at(self) -> datetime | None:
        start = self.request.timing["startTime"]
        return datetime.fromtimestamp(start / 1000, UTC) if start > 0 else self.seen_at

    @property
    def total(self) -> float | None:
        """Milliseconds that it took."""
        end = self.request.timing["responseEnd"]
        return _positive(end if end >= 0 else self.end)

    @property
    def state(self) -> str:
        if self.request.failure is not None:
            return "failed"
        over = self.is_over or self.sizes is not None or self.total is not None
        return "done" if over else "pending"


class Journal:
    """Entries by their requests, oldest first."""

    def __init__(self, reach: Reach) -> None:
        self._context = reach.context
        self._detour = detour.of(reach.context)
        self._tabs = reach.tabs
        self._happenings = reach.part(Happenings)
        self._entries: OrderedDict[Request, Entry] = OrderedDict()
        self._forgotten: set[Request] = set()
        self._last = 0
        self._listens = False
        self._has_begun = False
        self.dropped = 0
        self.note: str | None = None
        """What may be missing of the time before the first ask."""

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    async def close(self) -> None:
        """The listeners go with the context."""
        self._entries.clear()

    async def entries(self) -> list[Entry]:
        """All that are kept, oldest first."""
        if not self._has_begun:
            await self._begin()
        return list(self._entries.values())

    def by_id(self, id: str) -> Entry | None:
        return next((entry for entry in self._entries.values() if entry.id == id), None)

    def id_of(self, request: Request | None) -> str | None:
        entry = self._entries.get(request) if request is not None else None
        return entry.id if entry is not None else None

    def forget(self) -> None:
        """Forget all; those that are under way are not told of again."""
        self._entries.clear()
        self.dropped = 0
        self.note = None

    async def _begin(self) -> None:
        self._listen()
        failed, opened = list(self._happenings.failed), self._happenings.pages
        tabs = self._tabs.open
        by_page = [await _known(tab) for tab in tabs]
        self._take_over([*failed, *(request for known in by_page for request in known)])
        may_miss = []
        if len(failed) >= MAX_FAILED or any(len(known) > _SURELY_ALL for known in by_page):
            may_miss.append("older ones")
        if opened > len(tabs):
            may_miss.append("those of closed tabs")
        self.note = _missing(may_miss)
        self._has_begun = True
        for tab in self._tabs.open:
            await self._learn_ends(tab)

    def _listen(self) -> None:
        if self._listens:
            return
        self._listens = True
        self._context.on("request", self._started)
        self._context.on("response", self._answered)
        self._context.on("requestfinished", self._finished)
        self._context.on("requestfailed", self._finished)

    def _take_over(self, before: list[Request]) -> None:
        """Those from before in their places; after them what was heard while they were asked for.
        Nobody was told an id yet.
        """
        heard, self._entries = self._entries, OrderedDict()
        self._last = self.dropped = 0
        known = list(dict.fromkeys(before))
        known.sort(key=lambda request: request.timing["startTime"] or float("inf"))
        for request in dict.fromkeys([*_chains_in_order(known), *heard]):
            was = heard.get(request)
            entry = self._add(request, was.seen_at if was is not None else None)
            entry.is_over = was is not None and was.is_over

    async def _learn_ends(self, tab: Tab) -> None:
        """When those ended that nobody was listening to; the page's own clock has it."""
        wanting = [
            entry
            for entry in self._entries.values()
            if entry.page is tab.page
            and entry.total is None
            and entry.response is not None
            # Of a redirect the page's clock has the whole chain's time, under one address.
            and entry.request.redirected_from is None
            and entry.request.redirected_to is None
        ]
        if not wanting:
            return
        with anyio.move_on_after(_LOOK):
            ends = await ended(tab.worlds)
            for entry in wanting:
                start = entry.request.timing["startTime"]
                near = [e for e in ends.get(entry.request.url, ()) if abs(e[0] - start) < 1_000]
                if near:
                    closest = min(near, key=lambda e: abs(e[0] - start))
                    entry.end = max(0.0, closest[1] - closest[0])

    def _add(self, request: Request, at: datetime | None) -> Entry:
        self._last += 1
        page = _page_of(request)
        entry = Entry(f"r{self._last}", request, page, self._happenings.tab_of(page), at)
        self._entries[request] = entry
        while len(self._entries) > MAX_KEPT:
            self._entries.popitem(last=False)
            self.dropped += 1
        return entry

    def _started(self, request: Request) -> None:
        if request not in self._entries and not backstage.is_of_ours(request):
            self._add(request, now())

    def _answered(self, response: Response) -> None:
        """Listened for so that an answer that goes on has its status."""

    def _finished(self, request: Request) -> None:
        entry = self._entries.get(request)
        if entry is not None:
            entry.is_over = True
            entry.was_asked = False

    async def look(self, entries: list[Entry]) -> None:
        """Ask what is told of these alone: their sizes, and whether they are over."""
        with anyio.move_on_after(_LOOK):
            async with anyio.create_task_group() as group:
                for entry in entries:
                    if entry.sizes is None and not entry.was_asked and entry.response is not None:
                        entry.was_asked = True
                        group.start_soon(_measure, entry)

    def traffic(self, entry: Entry) -> Traffic:
        """The entry as callers see it."""
        request, response = entry.request, entry.response
        if entry.tab is None:
            entry.tab = self._happenings.tab_of(entry.page)
        headers, body = entry.sizes or (None, None)
        why = self._detour.why(request)
        cached = None if body is None else body < 0
        return Traffic.model_validate(
            {
                "id": entry.id,
                "tab": entry.tab,
                "method": request.method,
                "url": told(request.url),
                "type": request.resource_type,
                "state": entry.state,
                "status": entry.status,
                "status_text": response.status_text[:200] if response is not None else None,
                "mime": _mime(response),
                "transferred": 0 if cached else _sum(headers, body),
                "size": None if body is None or cached else body,
                "started_at": entry.started_at,
                "first_byte_ms": _positive(request.timing["responseStart"]),
                "total_ms": entry.total,
                "from_cache": cached,
                "from_service_worker": response is not None and response.from_service_worker,
                "failure": masks.text(why[:500]) if why else None,
                "redirected_from": self.id_of(request.redirected_from),
                "redirected_to": self.id_of(request.redirected_to),
            }
        )


async def _known(tab: Tab) -> list[Request]:
    """What Playwright knows of a page; nothing where that closes meanwhile."""
    try:
        requests = await tab.page.requests()
        return [request for request in requests if not backstage.is_of_ours(request)]
    except Error:
        if tab.page.is_closed():
            return []
        raise


def _missing(kinds: list[str]) -> str | None:
    if not kinds:
        return None
    return (
        f"{' and '.join(kinds)} may be missing: from before requests were first asked for, only "
        "the last hundred of each open page are known"
    )


def _chains_in_order(requests: list[Request]) -> list[Request]:
    """The same, and before each the ones that sent it elsewhere; a request without an answer has no
    time, and stays behind what it was heard after.
    """
    placed: dict[Request, None] = {}
    for request in requests:
        chain = [request]
        while chain[-1].redirected_from is not None:
            chain.append(chain[-1].redirected_from)
        placed.update(dict.fromkeys(reversed(chain)))
    return list(placed)


async def _measure(entry: Entry) -> None:
    try:
        sizes = await entry.request.sizes()
    except Error:
        return
    entry.sizes = sizes["responseHeadersSize"], sizes["responseBodySize"]


def _page_of(request: Request) -> Page | None:
    try:
        return request.frame.page
    except Error:
        return None  # a service worker's, or a navigation whose frame is not there yet


def _mime(response: Response | None) -> str | None:
    if response is None:
        return None
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind[:128] or None


def _positive(milliseconds: float) -> float | None:
    return round(milliseconds, 3) if milliseconds >= 0 else None


def _sum(headers: int | None, body: int | None) -> int | None:
    return None if headers is None or body is None else headers + body
