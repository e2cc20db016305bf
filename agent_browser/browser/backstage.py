"""A page of ours that nobody is told of, for origins that no page of the session shows any more.

Whoever hears of a context's pages or requests asks here whether they are ours.
"""

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from weakref import WeakKeyDictionary, WeakSet

import anyio
from playwright.async_api import BrowserContext, CDPSession, Error, Page, Request, Route

_TOKEN = secrets.token_hex(16)
_SECRET = f"about:blank#{_TOKEN}"
_OURS: WeakSet[Page] = WeakSet()
_BEFORE: WeakKeyDictionary[Page, float] = WeakKeyDictionary()
_DISOWNED: WeakSet[Request] = WeakSet()
_OPEN_TIMEOUT = 5.0
_GOTO_TIMEOUT = 5_000.0
_CLOSE_TIMEOUT = 2.0


def is_ours(page: Page | None) -> bool:
    """Whether the page is one of ours. Its first address tells; later ones don't."""
    if page is None:
        return False
    if page in _OURS:
        return True
    if page.url == _SECRET:
        _OURS.add(page)
        return True
    return False


def is_visit(url: str) -> bool:
    """Whether this is an address that only our pages go to."""
    return url.endswith(f"/{_TOKEN}")


def is_of_ours(request: Request) -> bool:
    """Whether one of our pages made the request, or it was disowned."""
    if request in _DISOWNED:
        return True
    if not _OURS and not _BEFORE:
        return False
    with suppress(Error):
        page = request.frame.page
        return is_ours(page) or 0 < request.timing["startTime"] < _BEFORE.get(page, 0)
    return False


def disown(page: Page) -> None:
    """What a page of the session asked for so far was ours."""
    _BEFORE[page] = time.time() * 1000


def disown_request(request: Request) -> None:
    """This one is ours. Of one whose answer nobody was told of, the time is not known."""
    _DISOWNED.add(request)


class Backstage:
    """One such page, open. `visit` brings it to an origin, of which it asks for nothing."""

    def __init__(self, page: Page, session: CDPSession) -> None:
        self.page = page
        self.session = session

    async def visit(self, origin: str) -> str:
        """Its main frame, in which an empty document of that origin is now. Error."""
        await self.page.goto(f"{origin}/{_TOKEN}", wait_until="commit", timeout=_GOTO_TIMEOUT)
        tree = await self.session.send("Page.getFrameTree")
        return str(tree["frameTree"]["frame"]["id"])


@asynccontextmanager
async def opened(context: BrowserContext, browser_context_id: str) -> AsyncIterator[Backstage]:
    """Such a page, closed in the end. Error, TimeoutError."""
    browser = context.browser
    if browser is None:
        raise Error("the context has no browser")
    page: Page | None = None
    came: list[Page] = []
    arrived = anyio.Event()

    def meet(page: Page) -> None:
        if is_ours(page):
            came.append(page)
            arrived.set()

    context.on("page", meet)
    whole = await browser.new_browser_cdp_session()
    try:
        made = {"url": _SECRET, "browserContextId": browser_context_id}
        target = await whole.send(
            "Target.createTarget", {**made, "background": True, "hidden": True}
        )
        try:
            with anyio.fail_after(_OPEN_TIMEOUT):
                await arrived.wait()
            page = came[0]
            await page.route("**/*", _empty)
            session = await context.new_cdp_session(page)
            await session.send("Network.enable")
            await session.send("Network.setBypassServiceWorker", {"bypass": True})
            yield Backstage(page, session)
        finally:
            with anyio.move_on_after(_CLOSE_TIMEOUT, shield=True), suppress(Error):
                await whole.send("Target.closeTarget", {"targetId": target["targetId"]})
                if page is not None and page.video is not None:
                    await page.video.delete()
    finally:
        context.remove_listener("page", meet)
        with anyio.move_on_after(_CLOSE_TIMEOUT, shield=True), suppress(Error):
            await whole.detach()


async def _empty(route: Route) -> None:
    with suppress(Error):
        await route.fulfill(status=200, content_type="text/html", body="")
