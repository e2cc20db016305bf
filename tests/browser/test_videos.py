"""Videos: of every tab, of the viewport's size, final when the context is closed."""

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image as Pillow

from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.browser.ffmpeg import find
from agent_browser.models.functions import ContextOptions, ScreenshotInput
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


def frame(video: Path, seconds: float) -> Pillow.Image:
    """The picture that the video shows then."""
    ffmpeg = find() or shutil.which("ffmpeg")
    assert ffmpeg is not None
    command = [str(ffmpeg), "-v", "error", "-ss", str(seconds), "-i", str(video)]
    command += ["-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-"]
    shown = subprocess.run(command, capture_output=True, check=True, timeout=30)
    return Pillow.open(io.BytesIO(shown.stdout)).convert("RGB")


async def test_each_tab_is_recorded_at_the_viewports_size(
    chromium: ChromiumBrowser, site: Site, tmp_path: Path
) -> None:
    options = ContextOptions(record_video=True, width=640, height=400)
    context = await chromium.new_context(options, recordings=tmp_path)
    drive = Driving(context, site)
    await drive.open("/popups")
    await drive.act("click", drive.ref('"Open a window"'))
    await drive.open("/clock")
    await drive.act("wait", wait_ms=900)
    closed = await context.close()
    assert len(closed.videos) == 2
    assert {video.path.parent for video in closed.videos} == {tmp_path}
    assert {(video.width, video.height) for video in closed.videos} == {(640, 400)}
    assert frame(closed.videos[0].path, 0.1).size == (640, 400)


async def test_a_video_of_the_default_viewport_says_its_size(
    chromium: ChromiumBrowser, site: Site, tmp_path: Path
) -> None:
    context = await chromium.new_context(ContextOptions(record_video=True), recordings=tmp_path)
    await Driving(context, site).open("/form")
    closed = await context.close()
    assert [(video.width, video.height) for video in closed.videos] == [(1280, 720)]
    assert frame(closed.videos[0].path, 0.1).size == (1280, 720)


async def test_the_cursor_is_seen_and_survives_a_navigation_by_a_click(
    chromium: ChromiumBrowser, site: Site
) -> None:
    context = await chromium.new_context(ContextOptions(show_cursor=True))
    drive = Driving(context, site)
    await drive.open("/elements")
    await drive.act("click", drive.ref('"Link"'))
    assert (await drive.snapshot()).url.endswith("/form")
    shown = Pillow.open(io.BytesIO((await context.screenshot(ScreenshotInput())).data)).convert(
        "RGB"
    )
    await context.close()
    plain = await chromium.new_context(ContextOptions())
    drive = Driving(plain, site)
    await drive.open("/form")
    bare = Pillow.open(io.BytesIO((await plain.screenshot(ScreenshotInput())).data)).convert("RGB")
    await plain.close()
    assert shown.tobytes() != bare.tobytes()


async def test_the_cursor_is_no_element(chromium: ChromiumBrowser, site: Site) -> None:
    context = await chromium.new_context(ContextOptions(show_cursor=True))
    drive = Driving(context, site)
    await drive.open("/empty")
    await drive.act("move", x=50, y=50)
    assert (await drive.snapshot()).elements == []
    await context.close()
