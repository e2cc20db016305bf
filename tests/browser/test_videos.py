"""Videos: of every tab, of the viewport's size, final when the context is closed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL import ImageChops

from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.browser.joining import Segment, join
from agent_browser.models.functions import ContextOptions
from agent_browser.store import webm
from tests.browser import filming
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


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
    assert filming.frame(closed.videos[0].path, 0.1).size == (640, 400)


async def test_two_contexts_videos_are_one_after_another_in_one_file(
    chromium: ChromiumBrowser, site: Site, tmp_path: Path
) -> None:
    options = ContextOptions(record_video=True, width=640, height=400)
    videos = []
    for colour in ("blue", "green"):
        context = await chromium.new_context(options, recordings=tmp_path)
        drive = Driving(context, site)
        await drive.open(f"/colours?name={colour}")
        await drive.act("wait", wait_ms=900)
        (video,) = (await context.close()).videos
        assert video.part_of == "t1"
        videos.append(video)
    whole = await join(
        [Segment(video.path) for video in videos],
        tmp_path / "whole.part",
        format="webm",
        began=datetime(2026, 11, 21, tzinfo=UTC),
    )
    lasts = [webm.read(video.path).duration or 0.0 for video in videos]
    assert min(lasts) > 0.5
    facts = webm.read(whole.path)
    assert facts.is_finished
    assert facts.duration == pytest.approx(sum(lasts), abs=0.2)
    assert (whole.width, whole.height) == (640, 400)
    for at, shade in ((lasts[0] - 0.2, (0, 0, 255)), (sum(lasts) - 0.2, (0, 128, 0))):
        shown = filming.frame(whole.path, at)
        assert filming.is_like(filming.colour(shown, 0.5, 0.2), shade), at
    each = sum(filming.count(video.path) for video in videos)
    assert filming.count(whole.path) == each


async def test_a_video_of_the_default_viewport_says_its_size(
    chromium: ChromiumBrowser, site: Site, tmp_path: Path
) -> None:
    context = await chromium.new_context(ContextOptions(record_video=True), recordings=tmp_path)
    await Driving(context, site).open("/form")
    closed = await context.close()
    assert [(video.width, video.height) for video in closed.videos] == [(1280, 720)]
    assert filming.frame(closed.videos[0].path, 0.1).size == (1280, 720)


async def clicked_through(
    chromium: ChromiumBrowser, site: Site, folder: Path, *, show_cursor: bool
) -> tuple[Pillow.Image, tuple[float, float]]:
    """What a video ends with after a click that led to another page, and where it clicked."""
    options = ContextOptions(record_video=True, show_cursor=show_cursor, width=640, height=400)
    context = await chromium.new_context(options, recordings=folder)
    drive = Driving(context, site)
    await drive.open("/elements")
    await drive.snapshot(boxes=True)
    link = next(item for item in drive.elements if item.ref == drive.ref('"Link"'))
    assert link.box is not None
    await drive.act("click", link.ref)
    assert (await drive.snapshot()).url.endswith("/form")
    frames = "for (let n = 0; n < 10; n++) await new Promise(requestAnimationFrame)"
    await drive.value(frames)
    (video,) = (await context.close()).videos
    box = link.box
    return filming.last(video.path), (box.x + box.width / 2, box.y + box.height / 2)


async def test_the_cursor_is_seen_in_the_video_after_a_navigation_by_a_click(
    chromium: ChromiumBrowser, site: Site, tmp_path: Path
) -> None:
    shown, (x, y) = await clicked_through(chromium, site, tmp_path / "with", show_cursor=True)
    bare, at = await clicked_through(chromium, site, tmp_path / "without", show_cursor=False)
    assert (x, y) == at, "the mouse is at the same place in both"
    difference = ImageChops.difference(shown, bare).convert("L").point(is_clear.__getitem__)
    found = difference.getbbox()
    assert found is not None, "no cursor was drawn"
    left, upper, right, lower = found
    assert x - 12 <= left <= x + 2
    assert y - 12 <= upper <= y + 2
    assert right <= x + 28
    assert lower <= y + 36


is_clear = [255 if grey > 60 else 0 for grey in range(256)]
"""What is more than a video's encoding does to a grey."""


async def test_the_cursor_is_no_element(chromium: ChromiumBrowser, site: Site) -> None:
    context = await chromium.new_context(ContextOptions(show_cursor=True))
    drive = Driving(context, site)
    await drive.open("/empty")
    await drive.act("move", x=50, y=50)
    assert (await drive.snapshot()).elements == []
    await context.close()
