"""What is said when a page, a browser or the driver is lost; what is left when it is closed."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import psutil
import pytest

from agent_browser.browser.chromium import WORN, Chromium, ChromiumBrowser
from agent_browser.errors import BrowserLost, BrowserMissing, PageCrashed
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteInput,
    InteractInput,
    OpenInput,
    ScreenshotInput,
    SnapshotInput,
)
from agent_browser.settings import load
from tests.browser.driving import Driving
from tests.processes import is_alive, line_of
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


@pytest.fixture
async def engine(executable: Path) -> AsyncIterator[Chromium]:
    """One of each test's own: the shared one's driver would be replaced while it is in use."""
    async with Chromium(load(executable_path=executable)) as running:
        yield running


def renderers(browser: ChromiumBrowser) -> set[int]:
    assert browser.pid is not None
    return {
        child.pid
        for child in psutil.Process(browser.pid).children(recursive=True)
        if "--type=renderer" in line_of(child)
    }


async def test_a_crashed_page_is_crashed_until_another_is_opened(
    engine: Chromium, site: Site
) -> None:
    browser = await engine.launch()
    context = await browser.new_context(ContextOptions())
    drive = Driving(context, site)
    try:
        await drive.open("/form")
        await drive.value("document.cookie = 'kept=1'")
        for pid in renderers(browser):
            os.kill(pid, signal.SIGKILL)
        with anyio.fail_after(5), pytest.raises(PageCrashed):
            await context.interact(InteractInput(action="wait", text="never"))
        with pytest.raises(PageCrashed):
            await context.interact(InteractInput(action="click", ref="@e1"))
        assert (await drive.open("/form")).status == 200
        assert "kept=1" in str(await drive.value("document.cookie"))
    finally:
        await browser.close()


async def test_every_function_of_a_lost_browser_says_browser_lost(
    engine: Chromium, site: Site
) -> None:
    browser = await engine.launch()
    lost = anyio.Event()
    browser.on_lost(lost.set)
    context = await browser.new_context(ContextOptions())
    await context.open(OpenInput(url=site.url("/form")))
    assert browser.pid is not None
    os.killpg(browser.pid, signal.SIGKILL)
    with anyio.fail_after(5):
        await lost.wait()
    for call in (
        lambda: context.open(OpenInput(url=site.url("/form"))),
        lambda: context.snapshot(SnapshotInput()),
        lambda: context.interact(InteractInput(action="click", ref="@e1")),
        lambda: context.screenshot(ScreenshotInput()),
        lambda: context.execute(ExecuteInput(code="1")),
        lambda: context.apply(ContextOptions(width=500)),
        lambda: browser.new_context(ContextOptions()),
        lambda: browser.probe(),
    ):
        with pytest.raises(BrowserLost):
            await call()
    await context.close()
    await browser.close()


async def test_a_call_in_flight_learns_of_the_loss_at_once(engine: Chromium, site: Site) -> None:
    browser = await engine.launch()
    context = await browser.new_context(ContextOptions())
    await context.open(OpenInput(url=site.url("/form")))

    async def wait() -> None:
        with pytest.raises(BrowserLost):
            await context.interact(InteractInput(action="wait", text="never", timeout=20))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            assert browser.pid is not None
            os.killpg(browser.pid, signal.SIGKILL)
    await browser.close()


async def test_a_dead_driver_is_replaced_at_the_next_launch(executable: Path, site: Site) -> None:
    async with Chromium(load(executable_path=executable)) as engine:
        first = await engine.launch()
        context = await first.new_context(ContextOptions())
        await context.open(OpenInput(url=site.url("/form")))
        mine = [
            child
            for child in psutil.Process().children(recursive=True)
            if "run-driver" in line_of(child) and first.pid in [c.pid for c in child.children()]
        ]
        assert len(mine) == 1
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)  # Playwright's own reader dies unheard
        mine[0].kill()
        with anyio.fail_after(10), pytest.raises(BrowserLost):
            await context.interact(InteractInput(action="wait", text="never", timeout=9))
        with pytest.raises(BrowserLost):
            await context.open(OpenInput(url=site.url("/form")))
        await first.close()
        second = await engine.launch()
        again = await second.new_context(ContextOptions())
        assert (await again.open(OpenInput(url=site.url("/form")))).status == 200
        await second.close()


async def test_closing_a_browser_leaves_no_process_and_no_folder(
    engine: Chromium, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tempfile.mkdtemp(prefix="ab-")  # short: the full browser keeps a socket in it
    monkeypatch.setattr(tempfile, "tempdir", folder)
    browser = await engine.launch()
    await browser.new_context(ContextOptions())
    tree = psutil.Process(browser.pid).children(recursive=True)
    assert browser.memory() > 0
    await browser.close()
    await browser.close()
    assert not [p for p in tree if is_alive(p)]
    assert os.listdir(folder) == []
    os.rmdir(folder)
    assert browser.memory() == 0


async def test_closing_a_context_twice_gives_the_same(engine: Chromium) -> None:
    browser = await engine.launch()
    context = await browser.new_context(ContextOptions())
    assert await context.close() == await context.close()
    await browser.close()


async def test_no_browser_says_what_to_do(tmp_path: Path) -> None:
    async with Chromium(load(executable_path=tmp_path / "none")) as engine:
        with pytest.raises(BrowserMissing, match="none"):
            await engine.launch()


async def test_a_program_that_is_no_browser_says_so(tmp_path: Path) -> None:
    program = tmp_path / "not-a-browser"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    async with Chromium(load(executable_path=program)) as engine:
        with pytest.raises(BrowserMissing, match="not-a-browser"):
            await engine.launch()


async def test_a_worn_driver_goes_with_its_last_browser(executable: Path) -> None:
    async with Chromium(load(executable_path=executable)) as engine:
        first = await engine.launch()
        worn = engine._driver
        worn.contexts = WORN
        second = await engine.launch()
        assert engine._driver is not worn
        assert worn.is_running
        await first.close()
        assert not worn.is_running
        context = await second.new_context(ContextOptions())
        assert (await context.open(OpenInput(url="about:blank"))).url == "about:blank"
        await second.close()
