"""What a context downloads: seen as it begins, bounded while it runs, handed on at its end."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urldefrag

import anyio
from playwright.async_api import BrowserContext, Download, Error, Page

from agent_browser.browser import backstage, kinds
from agent_browser.browser.engine import Downloading
from agent_browser.browser.translate import is_gone
from agent_browser.browser.watch import Claim, Watch
from agent_browser.models.artifacts import DownloadState

MAX_URL = 2_048
"""Characters of an address that are told: a data: address holds all the bytes."""
AT_ONCE = 16
"""Downloads that may run at the same time in one context."""
BEGIN_BOUND = 2.0
"""Seconds in which a download that was announced has to begin."""
_CANCEL_BOUND = 2.0
_SHUT_BOUND = 1.0


@dataclass(frozen=True)
class Bounds:
    """What one session may download: bytes of one file, bytes of all, files."""

    one: int = 268_435_456
    total: int = 1_073_741_824
    count: int = 200


@dataclass(eq=False)
class _Item:
    """One download, from its begin on."""

    number: int
    download: Download
    claim: Claim
    started: datetime
    refusal: str | None = None
    """Why it is being ended from here."""
    state: DownloadState = "running"
    error: str | None = None
    path: Path | None = None
    size: int | None = None
    content_type: str = ""
    ended: datetime | None = None

    @property
    def is_ending(self) -> bool:
        progress = self.claim.progress
        return self.refusal is not None or (progress is not None and progress.is_over)

    @property
    def received(self) -> int:
        progress = self.claim.progress
        return self.size or (progress.received if progress is not None else 0)

    @property
    def total(self) -> int | None:
        progress = self.claim.progress
        return self.size or ((progress.total or None) if progress is not None else None)

    def told(self) -> Downloading:
        """It as of now."""
        return Downloading(
            self.number,
            self.claim.name,
            self.claim.url[:MAX_URL],
            self.state,
            self.started,
            received=self.received,
            size=self.total,
            error=self.error,
            content_type=self.content_type,
            ended=self.ended,
            path=self.path,
        )


class Downloads:
    """All downloads of one context, those of popups too. It listens to what Playwright tells
    unasked, so that a session that downloads nothing pays nothing.
    """

    def __init__(self, context: BrowserContext, watch: Watch, bounds: Bounds) -> None:
        self._context = context
        self._watch = watch
        self._bounds = bounds
        self._running: dict[Download, _Item] = {}
        self._untaken: list[_Item] = []
        self._begun = 0
        self._ended = 0
        self._waited = 0
        self._bytes = 0
        self._changed = anyio.Event()
        self.listeners: list[Callable[[str | None], None]] = []
        """Told of each begin, with its address, and of each end, with none."""
        self.on_change: Callable[[Downloading], None] | None = None
        """Told of each begin and each end, with the download as it is then."""
        self._over: deque[str] = deque(maxlen=AT_ONCE)
        """Where the last ones that ended came from."""
        self._doubtful: set[Page] = set()
        """Windows without a document, until it is known whether they were for one of these."""
        context.on("page", self._meet)
        context.on("page", self._judge)

    def mark(self) -> int:
        """A point in time, for `runs_since` and `arrive`."""
        return self._begun

    def runs_since(self, mark: int) -> bool:
        """Whether a download that began since then is still running, or its window still there."""
        return bool(self._doubtful) or any(item.number > mark for item in self._running.values())

    @property
    def running(self) -> int:
        """How many are running now."""
        return len(self._running)

    def begun_since(self, mark: int) -> bool:
        """Whether one began since then."""
        return self._begun > mark

    def take(self) -> tuple[Downloading, ...]:
        """Those that ended since this was last asked, and all that run."""
        if not self._untaken and not self._running:
            return ()
        taken, self._untaken = self._untaken, []
        return tuple(item.told() for item in (*taken, *self._running.values()))

    async def arrive(self, mark: int, seconds: float) -> None:
        """Wait for a download that was announced, to its end; at most so many seconds."""
        with anyio.move_on_after(min(BEGIN_BOUND, seconds)):
            while self._begun == mark:
                await self._changed.wait()
        await self.settle(mark, seconds)

    async def settle(self, mark: int, seconds: float) -> None:
        """Wait for those that began since then to end; at most so many seconds."""
        with anyio.move_on_after(seconds):
            while self.runs_since(mark):
                await self._changed.wait()

    async def next(self) -> None:
        """Wait until one that runs has ended; where none runs, one that no earlier `next` was for,
        which may have ended already.
        """
        before = self._ended if self._running else self._waited
        while self._ended <= before:
            await self._changed.wait()
        self._waited = self._ended

    async def rest(self) -> None:
        """Wait until none is running."""
        while self._running:
            await self._changed.wait()
        self._waited = self._ended

    def _meet(self, page: Page) -> None:
        if backstage.is_ours(page):
            return
        # Two listeners: a coroutine is begun in a later round of the loop, and what is asked in
        # this one has to know already that a download runs.
        page.on("download", self._begin)
        page.on("download", self._follow)
        if self._over and not page.url:
            self._doubtful.add(page)

    async def _judge(self, page: Page) -> None:
        """A window that is told of later than the end of the download that it was opened for."""
        if page in self._doubtful:
            await self._shut(page)
            self._doubtful.discard(page)
            self._tell(None)

    def _begin(self, download: Download) -> None:
        self._begun += 1
        if self._begun <= self._bounds.count + 1:
            url, name = download.url, download.suggested_filename
            claim = self._watch.claim(url, name, self._weigh)
            item = _Item(self._begun, download, claim, datetime.now(UTC))
            item.refusal = self._refusal()
            self._running[download] = item
            self._report(item)
        self._tell(download.url)

    def _refusal(self) -> str | None:
        if self._begun > self._bounds.count:
            return f"a session may download {self._bounds.count} files; this and all later are not"
        if self._bytes >= self._bounds.total:
            return f"a session may download {self._bounds.total} bytes in all"
        if len(self._running) >= AT_ONCE:
            return f"{AT_ONCE} downloads were running already"
        return None

    async def _follow(self, download: Download) -> None:
        item = self._running.get(download)
        try:
            if item is None or item.refusal is not None:
                await download.cancel()
            path = await download.path()
            if item is not None:
                await self._arrived(item, path)
        except Error as exc:
            if item is not None and item.state == "running":
                self._failed(item, exc)
        finally:
            if item is not None:
                self._over.append(urldefrag(download.url).url)
                for page in self._context.pages:
                    await self._shut(page)
                self._end(item)

    async def _shut(self, page: Page) -> None:
        """Close a window that was opened for a file alone: it has never shown a document.
        Playwright tells of such a download on the opener's page.
        """
        if page.url or page.is_closed():
            return
        with anyio.move_on_after(_SHUT_BOUND), suppress(Error):
            for request in await page.requests():
                if request.is_navigation_request() and urldefrag(request.url).url in self._over:
                    await page.close()
                    return

    async def _arrived(self, item: _Item, path: Path) -> None:
        size = (await anyio.Path(path).stat()).st_size
        if item.refusal is None and size > self._bounds.one:
            item.refusal = self._too_large
        if item.refusal is None and self._bytes + size > self._bounds.total:
            item.refusal = f"a session may download {self._bounds.total} bytes in all"
        if item.refusal is not None:
            item.state, item.error = "cancelled", item.refusal
            await item.download.delete()
            return
        self._bytes += size
        item.size = size
        item.content_type = await kinds.of(item.download, self._context)
        item.path, item.state = path, "done"

    def _failed(self, item: _Item, exc: Error) -> None:
        progress = item.claim.progress
        item.state = "cancelled"
        if progress is not None and progress.is_over:
            item.error = self._too_large
        elif item.refusal is not None:
            item.error = item.refusal
        elif is_gone(exc):
            item.error = "the session ended before it was complete"
        else:
            item.state = "failed"
            of = f" of {item.total}" if item.total else ""
            item.error = f"it broke off after {item.received}{of} bytes"
            if not item.received:  # Which of the two, the browser tells nobody.
                item.error = "the server refused it, or broke off before anything was there"

    @property
    def _too_large(self) -> str:
        return f"it is larger than the {self._bounds.one} bytes that a download may have"

    def _end(self, item: _Item) -> None:
        item.ended = datetime.now(UTC)
        self._watch.drop(item.claim)
        del self._running[item.download]
        self._untaken.append(item)
        self._report(item)
        self._ended += 1
        self._tell(None)

    async def _weigh(self) -> None:
        """More bytes are there: where all are too many, end the download that began last."""
        items = [item for item in self._running.values() if not item.is_ending]
        if not items or self._bytes + sum(item.received for item in items) <= self._bounds.total:
            return
        items[-1].refusal = f"a session may download {self._bounds.total} bytes in all"
        with anyio.move_on_after(_CANCEL_BOUND), suppress(Error):
            await items[-1].download.cancel()

    def _report(self, item: _Item) -> None:
        if self.on_change is not None:
            self.on_change(item.told())

    def _tell(self, url: str | None) -> None:
        for listener in list(self.listeners):
            listener(url)
        self._changed.set()
        self._changed = anyio.Event()
