"""A compare of two pages beside opening both: on our pool, and with Playwright alone.

python -m benchmarks.comparing [rounds]
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from playwright.async_api import Browser, async_playwright

from agent_browser.browser.chromium import Chromium
from agent_browser.browser.executable import find
from agent_browser.comparing.compare import compare
from agent_browser.models.comparing import CompareInput
from agent_browser.models.functions import OpenInput, OpenOutput
from agent_browser.pool.pool import Pool
from agent_browser.service import LOCAL
from agent_browser.settings import load
from agent_browser.store.artifacts import ArtifactStore
from tests.site import Site

PATHS = ("/reference?links=9", "/reference?links=7")
PAUSE = 0.15
"""Seconds between two, in which contexts are made ready again."""


async def open_both(pool: Pool, urls: list[str]) -> None:
    """Both at once, and closed again."""

    async def one(url: str) -> None:
        input = OpenInput(url=url, wait_until="load")
        output = await pool.call(LOCAL, "open", input, session="new")
        assert isinstance(output, OpenOutput)
        await pool.end(LOCAL, output.session_id)

    async with anyio.create_task_group() as group:
        for url in urls:
            group.start_soon(one, url)


async def open_raw(browser: Browser, urls: list[str]) -> None:
    """The same with Playwright, each with a picture."""

    async def one(url: str) -> None:
        context = await browser.new_context(viewport={"width": 1280, "height": 720})
        page = await context.new_page()
        await page.goto(url)
        await page.screenshot()
        await context.close()

    async with anyio.create_task_group() as group:
        for url in urls:
            group.start_soon(one, url)


async def run(rounds: int) -> None:
    """Print the medians and their ratios."""
    with tempfile.TemporaryDirectory() as folder, Site() as site:
        settings = load(data_dir=Path(folder), recordings_dir=Path(folder) / "rec", browsers=2)
        urls = [site.url(path) for path in PATHS]
        input = CompareInput.model_validate({"a": urls[0], "b": urls[1]})
        async with (
            ArtifactStore(settings) as store,
            Pool(Chromium(settings), settings, store) as pool,
            async_playwright() as playwright,
        ):
            program = str(find(settings).path)
            browser = await playwright.chromium.launch(
                executable_path=program, args=["--no-sandbox"]
            )

            async def compared() -> None:
                await compare(pool, store, LOCAL, input)

            works: dict[str, Callable[[], Awaitable[None]]] = {
                "compare": compared,
                "open both": lambda: open_both(pool, urls),
                "Playwright: open both, with pictures": lambda: open_raw(browser, urls),
            }
            times: dict[str, list[float]] = {name: [] for name in works}
            for _ in range(rounds):
                for name, work in works.items():
                    began = time.perf_counter()
                    await work()
                    times[name].append((time.perf_counter() - began) * 1000)
                    await anyio.sleep(PAUSE)
            await browser.close()
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.0f} ms; compare is {medians['compare'] / median:.2f} of it")


if __name__ == "__main__":
    anyio.run(run, int(sys.argv[1]) if len(sys.argv) > 1 else 20)
