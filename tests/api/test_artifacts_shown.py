"""Files as a real browser takes them: shown where they are pictures and videos, else never run."""

import io
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from fastapi import FastAPI
from PIL import Image
from playwright.async_api import Browser, Error, Page, Route, async_playwright

from agent_browser.browser import ffmpeg
from agent_browser.ids import new_session_id
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from tests.api.conftest import listening

pytestmark = pytest.mark.anyio

RUN = "try { parent.ran = true } catch {} self.ran = true; if (self.top) top.ran = true;"
ACTIVE = {
    "text/html": f"<!doctype html><script>{RUN}</script>",
    "application/xhtml+xml": f'<html xmlns="http://www.w3.org/1999/xhtml"><script>{RUN}</script></html>',
    "image/svg+xml": f'<svg xmlns="http://www.w3.org/2000/svg"><script>{RUN}</script></svg>',
    "text/xml": f'<x:script xmlns:x="http://www.w3.org/1999/xhtml">{RUN}</x:script>',
    "text/javascript": RUN,
    "application/pdf": "%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(ran)>>>>endobj",
    "text/css": "body { --ran: 1 }",
    "image/png": f"<!doctype html><script>{RUN}</script>",
    "video/webm": f"<!doctype html><script>{RUN}</script>",
    "application/octet-stream": f"<!doctype html><script>{RUN}</script>",
    "text/plain": RUN,
}


@pytest.fixture(scope="module")
async def browser(executable: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield opened
        await opened.close()


def _webm(folder: Path) -> Path:
    program, made = ffmpeg.find(), folder / "x.webm"
    assert program is not None
    source = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=1"]
    subprocess.run([program, "-loglevel", "error", *source, "-c:v", "libvpx", made], check=True)
    return made


async def _with(page: Page, url: str, file: str) -> None:
    """A page of this very origin, without a policy of its own, that brings the file in by every
    way that there is.
    """
    body = f"""<!doctype html><script src="{file}"></script><link rel=stylesheet href="{file}">
      <iframe src="{file}"></iframe><object data="{file}"></object><embed src="{file}">
      <script type=module>import("{file}").catch(() => 0);
      try {{ new Worker("{file}").onerror = () => 0 }} catch {{}}
      navigator.serviceWorker?.register("{file}").catch(() => 0);</script>"""

    async def attack(route: Route) -> None:
        await route.fulfill(body=body, content_type="text/html")

    await page.route("**/attack", attack)
    await page.goto(f"{url}/attack")


@pytest.mark.parametrize("kind", list(ACTIVE))
async def test_nothing_that_is_stored_runs_on_this_origin(
    app: FastAPI, settings: Settings, store: ArtifactStore, browser: Browser, kind: str
) -> None:
    kept = await store.put(
        ACTIVE[kind].encode(), owner="local", session_id=new_session_id(), content_type=kind,
        filename="x",
    )  # fmt: skip
    async with listening(app, settings) as url:
        page = await browser.new_page()
        await _with(page, url, kept.url)
        assert await page.evaluate("self.ran === undefined")
        style = "getComputedStyle(document.body).getPropertyValue('--ran')"
        assert await page.evaluate(style) == ""
        top = await browser.new_page()
        with suppress(Error):  # what is an attachment is downloaded, and no page
            await top.goto(f"{url}{kept.url}")
        assert await top.evaluate("self.ran === undefined")


async def test_a_script_of_another_origin_would_run_so_that_this_test_can_fail(
    app: FastAPI, settings: Settings, browser: Browser
) -> None:
    async with listening(app, settings) as url:
        page = await browser.new_page()

        async def script(route: Route) -> None:
            await route.fulfill(body=RUN, content_type="text/javascript")

        await page.route("**/x.js", script)
        await _with(page, url, "/x.js")
        assert await page.evaluate("self.ran === true")


async def test_pictures_and_videos_are_shown_in_place_by_a_link_too(
    app: FastAPI, settings: Settings, store: ArtifactStore, browser: Browser, tmp_path: Path
) -> None:
    picture, data = Image.new("RGB", (40, 30)), io.BytesIO()
    picture.save(data, "PNG")
    kept = await store.put(
        data.getvalue(), owner="local", session_id=new_session_id(), content_type="image/png",
        filename="x.png",
    )  # fmt: skip
    session_id = new_session_id()
    place = store.recording_folder(session_id, owner="local") / "x.webm"
    _webm(tmp_path).rename(place)
    video = await store.adopt(place, owner="local", session_id=session_id)
    async with listening(app, settings) as url:
        page = await browser.new_page()
        for artifact, shown in (
            (kept, "document.querySelector('img').naturalWidth === 40"),
            (video, "document.querySelector('video').readyState >= 1"),
        ):
            made = await page.request.post(f"{url}{artifact.url}/link", data={})
            assert made.status == 201, await made.text()
            for address in (artifact.url, (await made.json())["url"]):
                await page.goto(f"{url}{address}")
                await page.wait_for_function(shown, timeout=10_000)
