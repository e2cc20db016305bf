"""The raw side: Playwright's asynchronous interface, used directly in this process."""

import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
from playwright.async_api import Browser, Page, async_playwright

from benchmarks.page import BUTTON, PRESSED
from benchmarks.place import Place
from benchmarks.sides import Wrong
from benchmarks.tree import Tree

_BUTTON = re.compile(rf'button "{BUTTON}".*?\[ref=(\w+)\]')


class Raw:
    """Playwright on `browsers`, contexts going to them in turn. `width` may be lowered to use fewer
    of them.
    """

    def __init__(self, browsers: list[Browser], url: str, tree: Tree) -> None:
        self.tree = tree
        self.width = len(browsers)
        self._browsers = browsers
        self._url = url
        self._turns = itertools.count()

    async def open(self, path: str = "") -> "RawVisit":
        browser = self._browsers[next(self._turns) % self.width]
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(f"{self._url}{path}", wait_until="domcontentloaded")
        return RawVisit(page, self._url)

    async def read(self, code: str) -> str:
        """The page's title, and what the code comes to in it, in a context of its own."""
        visit = await self.open()
        try:
            return await visit.read(code)
        finally:
            await visit.close()

    async def ready(self) -> None:
        """It keeps nothing ready."""

    async def calm(self) -> None:
        """Nor too much."""


class RawVisit:
    """A context with one page."""

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        self._url = url
        self._ref = ""

    async def snapshot(self) -> None:
        found = _BUTTON.search(await self._page.aria_snapshot(mode="ai"))
        if found is None:
            raise Wrong("raw: the button is not in the snapshot")
        self._ref = found[1]

    async def click(self) -> None:
        await self._page.locator(f"aria-ref={self._ref}").click()
        if f'"{PRESSED}"' not in await self._page.aria_snapshot(mode="ai"):
            raise Wrong("raw: the click did nothing")

    async def move(self, path: str) -> None:
        """Go to a fresh document."""
        await self._page.goto(f"{self._url}{path}", wait_until="load")

    async def look(self) -> None:
        """Take the ai snapshot."""
        if "[ref=" not in await self._page.aria_snapshot(mode="ai"):
            raise Wrong("raw: the snapshot has no refs")

    async def picture(self) -> None:
        if not (await self._page.screenshot(type="jpeg")).startswith(b"\xff\xd8"):
            raise Wrong("raw: the picture is no jpeg")

    async def execute(self) -> None:
        if await self._page.evaluate("1+1") != 2:
            raise Wrong("raw: 1+1 is not 2")

    async def read(self, code: str) -> str:
        return f"{await self._page.title()}\n{await self._page.evaluate(code)}"

    async def close(self) -> None:
        await self._page.context.close()


@asynccontextmanager
async def raw(place: Place, *, browsers: int) -> AsyncIterator[Raw]:
    """So many browsers of the same executable, started as the server starts its own."""
    before = set(psutil.Process().children())
    async with async_playwright() as playwright:
        (driver,) = set(psutil.Process().children()) - before
        started = [
            await playwright.chromium.launch(
                executable_path=place.executable, chromium_sandbox=place.sandbox
            )
            for _ in range(browsers)
        ]
        yield Raw(started, place.url, Tree(driver.pid, client=True))
        for browser in started:
            await browser.close()
