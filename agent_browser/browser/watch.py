"""How far the downloads of one browser are: told by the browser for all its contexts at once, and
ended there when one grows too large.

Playwright tells of a download's begin and end only, and never by the browser's own id of it. Begins
are paired by address and name. Of two contexts that download the same at once the numbers may be
each other's; the files, which Playwright gives, never are.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, CDPSession, Error

_MOST_UNCLAIMED = 256


@dataclass
class Progress:
    """One download as the browser tells of it. Bytes."""

    guid: str
    frame: str
    total: int = 0
    received: int = 0
    is_over: bool = False
    """It was ended for its size."""
    told: Callable[[], Awaitable[None]] | None = None
    """Called when more is there."""


@dataclass
class Claim:
    """A download that Playwright told of, and its progress once the browser did too."""

    url: str
    name: str
    told: Callable[[], Awaitable[None]]
    progress: Progress | None = None


class Watch:
    """One protocol session that hears of every download in the browser."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._session: CDPSession | None = None
        self._running: dict[str, Progress] = {}
        self._unclaimed: deque[tuple[str, str, Progress]] = deque(maxlen=_MOST_UNCLAIMED)
        self._waiting: list[Claim] = []

    async def start(self, browser: Browser) -> None:
        """Listen from now on."""
        session = await browser.new_browser_cdp_session()
        session.on("Browser.downloadWillBegin", self._begun)
        session.on("Browser.downloadProgress", self._went_on)
        # The setting is for the browser's own context, which has no pages; the events are of all.
        await session.send(
            "Browser.setDownloadBehavior", {"behavior": "deny", "eventsEnabled": True}
        )
        self._session = session

    def claim(self, url: str, name: str, told: Callable[[], Awaitable[None]]) -> Claim:
        """Follow the download that has begun with that address and name."""
        claim = Claim(url, name, told)
        for found in self._unclaimed:
            if found[:2] == (url, name):
                self._unclaimed.remove(found)
                _pair(claim, found[2])
                return claim
        self._waiting.append(claim)
        return claim

    def drop(self, claim: Claim) -> None:
        """It has ended."""
        if claim in self._waiting:
            self._waiting.remove(claim)

    def _begun(self, event: dict[str, Any]) -> None:
        progress = Progress(event["guid"], event.get("frameId", ""))
        self._running[progress.guid] = progress
        url, name = event["url"], event["suggestedFilename"]
        for claim in self._waiting:
            if (claim.url, claim.name) == (url, name):
                self._waiting.remove(claim)
                _pair(claim, progress)
                return
        self._unclaimed.append((url, name, progress))

    async def _went_on(self, event: dict[str, Any]) -> None:
        progress = self._running.get(event["guid"])
        if progress is None:
            return
        progress.total = max(progress.total, int(event["totalBytes"]))
        progress.received = max(progress.received, int(event["receivedBytes"]))
        if event["state"] != "inProgress":
            del self._running[progress.guid]
        elif not progress.is_over and max(progress.total, progress.received) > self._bound:
            progress.is_over = True
            await self._end(progress)
        if progress.told is not None:
            await progress.told()

    async def _end(self, progress: Progress) -> None:
        """End it in the context that it is in; which, only a page's main frame tells."""
        session = self._session
        if session is None:
            return
        with suppress(Error):
            try:
                about = await session.send("Target.getTargetInfo", {"targetId": progress.frame})
                contexts = [about["targetInfo"]["browserContextId"]]
            except Error:
                contexts = (await session.send("Target.getBrowserContexts"))["browserContextIds"]
            for context in contexts:
                with suppress(Error):
                    await session.send(
                        "Browser.cancelDownload",
                        {"guid": progress.guid, "browserContextId": context},
                    )


def _pair(claim: Claim, progress: Progress) -> None:
    claim.progress = progress
    progress.told = claim.told
