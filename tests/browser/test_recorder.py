"""Recording as a verb: what was shown is in the video, for as long as it lasted, and the session is
as it was.
"""

import io
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from PIL import Image
from playwright.async_api import CDPSession

from agent_browser.browser import decorations, recorder
from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.engine import Blob, Video
from agent_browser.browser.joining import Segment, join
from agent_browser.browser.recorder import Recorder
from agent_browser.errors import AlreadyRecording, BrowserMissing, NotRecording
from agent_browser.models.checkpoints import RECORDING
from agent_browser.models.functions import ContextOptions, ScreenshotInput
from agent_browser.models.recording import RecordInput, RecordOutput
from agent_browser.store import mp4, webm
from tests.browser import filming
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.anyio]

SHOWN = 0.2
"""Seconds that what is looked for is shown at least: some frames."""
GREEN, BLUE, RED = (0, 128, 0), (0, 0, 255), (200, 30, 30)


class Stopped:
    """What `stop` gave."""

    def __init__(
        self, output: RecordOutput, video: Video, pictures: dict[str, Image.Image]
    ) -> None:
        self.output = output
        self.path = video.path
        self.video = video
        self.pictures = pictures


class Camera:
    """The recorder of a context, with its videos in a folder."""

    def __init__(self, context: ChromiumContext, folder: Path) -> None:
        self._context = context
        self._folder = folder

    async def do(self, action: str, **input: object) -> RecordOutput:
        given = RecordInput.model_validate({"action": action, **input})
        done = await self._context.perform(given, recordings=self._folder)
        assert isinstance(done.output, RecordOutput)
        return done.output

    async def sees(self, wanted: Callable[[Image.Image], bool]) -> float:
        """A time, in seconds, at which the video shows what is like that. It is waited for: how
        long the browser takes is its affair.
        """
        with anyio.fail_after(15):
            while not self._shows(wanted):  # noqa: ASYNC110 - a film tells nobody of its frames
                await anyio.sleep(0.02)
        began = (await self.do("status")).seconds
        await anyio.sleep(SHOWN)
        return began + SHOWN / 2

    def _shows(self, wanted: Callable[[Image.Image], bool]) -> bool:
        take = self._context._reach.part(Recorder)._take
        assert take is not None
        if take.film._frame is None or take.film._is_fresh:
            return False
        return wanted(Image.open(io.BytesIO(take.film._frame)).convert("RGB"))

    async def stop(self, action: str = "stop") -> Stopped:
        given = RecordInput.model_validate({"action": action})
        done = await self._context.perform(given, recordings=self._folder)
        assert isinstance(done.output, RecordOutput)
        video = done.files["video"]
        assert isinstance(video, Video)
        pictures: dict[str, Image.Image] = {}
        for name in ("thumbnail", "contact_sheet"):
            blob = done.files[name]
            assert isinstance(blob, Blob)
            assert isinstance(blob.data, bytes)
            pictures[name] = Image.open(io.BytesIO(blob.data))
        return Stopped(done.output, video, pictures)


def is_of(colour: tuple[int, int, int]) -> Callable[[Image.Image], bool]:
    """Whether a picture of the page of colours is of this one."""
    return lambda picture: filming.is_like(filming.colour(picture, 0.5, 0.2), colour)


@pytest.fixture
def camera(context: ChromiumContext, tmp_path: Path) -> Camera:
    return Camera(context, tmp_path)


async def test_a_still_page_gives_a_video_as_long_as_it_was_shown(
    drive: Driving, camera: Camera
) -> None:
    await drive.open("/colours?name=blue")
    began = time.monotonic()
    started = await camera.do("start", fps=10)
    assert (started.recording, started.tab, started.format) == (True, "t1", "webm")
    await anyio.sleep(0.6)
    stopped = await camera.stop()
    took = time.monotonic() - began
    facts = webm.read(stopped.path)
    assert (facts.width, facts.height) == (1280, 720)
    assert facts.duration is not None
    assert 0.6 <= facts.duration <= took + 0.2
    assert facts.duration == pytest.approx(stopped.output.seconds, abs=0.2)
    assert filming.count(stopped.path) == pytest.approx(facts.duration * 10, abs=1.5)
    assert filming.is_like(filming.colour(filming.frame(stopped.path, 0.3), 0.5, 0.2), BLUE)


async def test_the_sessions_state_is_untouched_by_start_and_stop(
    drive: Driving, camera: Camera
) -> None:
    await drive.open("/colours?name=green")
    await drive.value("document.cookie = 'kept=1'; window.kept = {a: 1}; null")
    await drive.act("fill", drive.ref("Word"), text="half writ")
    refs = [element.ref for element in drive.elements]
    await camera.do("start", cursor=True, show_actions=True, overlay="A caption")
    await drive.act("type", drive.ref("Word"), text="ten")
    await camera.stop()
    kept = "[document.cookie, window.kept.a, document.querySelector('input').value]"
    assert await drive.value(kept) == ["kept=1", 1, "half written"]
    assert [element.ref for element in (await drive.snapshot()).elements] == refs


async def test_changes_and_navigations_are_in_the_video_in_order(
    drive: Driving, camera: Camera
) -> None:
    await drive.open("/colours?name=green")
    await camera.do("start", width=320, height=180)
    green_at = await camera.sees(is_of(GREEN))
    await drive.act("click", drive.ref("Red"))
    red_at = await camera.sees(is_of(RED))
    await drive.open("/colours?name=blue")
    await camera.sees(is_of(BLUE))
    stopped = await camera.stop()
    pictures = [
        *(filming.frame(stopped.path, at) for at in (green_at, red_at)),
        filming.last(stopped.path),
    ]
    shown = [filming.colour(picture, 0.5, 0.2) for picture in pictures]
    assert all(map(filming.is_like, shown, (GREEN, RED, BLUE))), shown


async def test_an_mp4_is_h264_of_the_size_and_rate_that_were_asked_for(
    drive: Driving, camera: Camera
) -> None:
    await drive.open("/clock")
    await camera.do("start", format="mp4", fps=20, width=480, quality=60)
    await anyio.sleep(0.5)
    stopped = await camera.stop()
    facts = mp4.read(stopped.path)
    assert (facts.width, facts.height) == (480, 270)
    assert facts.duration == pytest.approx(stopped.output.seconds, abs=0.2)
    assert filming.count(stopped.path) == pytest.approx(stopped.output.seconds * 20, abs=2)
    data = stopped.path.read_bytes()
    assert b"avc1" in data
    assert data.index(b"moov") < data.index(b"mdat"), "it can be played while it loads"


async def test_a_chapter_is_shown_named_in_the_answer_and_in_the_file(
    drive: Driving, camera: Camera
) -> None:
    await drive.open("/colours?name=green")
    await camera.do("start", width=640, height=360)
    began = await camera.do("chapter", title="One", description="the first", card=0.8)
    assert [chapter.title for chapter in began.chapters] == ["One"]
    second = await camera.do("chapter", title="Zwei", card=0)
    await anyio.sleep(0.3)
    stopped = await camera.stop()
    assert [chapter.title for chapter in stopped.output.chapters] == ["One", "Zwei"]
    assert stopped.video.chapters == tuple(stopped.output.chapters)
    assert filming.titles(stopped.path) == ["One", "Zwei"]
    one, two = stopped.output.chapters
    assert one.at + 0.8 <= two.at == second.chapters[1].at
    between = [one.at + (two.at - one.at) * part / 10 for part in range(1, 11)]
    middle = [filming.colour(filming.frame(stopped.path, at), 0.46, 0.5) for at in between]
    assert not all(filming.is_like(shown, GREEN) for shown in middle), "the card covers it"
    assert filming.is_like(filming.colour(filming.last(stopped.path), 0.46, 0.5), GREEN)


async def test_the_cursor_is_shown_while_recording_and_gone_after(
    context: ChromiumContext, drive: Driving, camera: Camera
) -> None:
    await drive.open("/empty")
    bare = (await context.screenshot(ScreenshotInput())).data
    await camera.do("start", cursor=True, overlay="A <caption>")
    await drive.act("move", x=200, y=200)
    shown = Image.open(io.BytesIO((await context.screenshot(ScreenshotInput())).data))
    assert any(
        shown.convert("L").getpixel((200 + x, 200 + y)) != 255 for x in range(12) for y in range(18)
    )
    stopped = await camera.stop()
    last = filming.last(stopped.path).convert("L")
    assert min(last.crop((195, 195, 220, 225)).tobytes()) < 100
    assert min(last.crop((560, 650, 720, 710)).tobytes()) < 100, "the caption"
    assert (await context.screenshot(ScreenshotInput())).data == bare


async def test_it_follows_the_active_tab_and_back_when_that_closes(
    drive: Driving, camera: Camera
) -> None:
    await drive.open("/colours?name=green")
    await camera.do("start", width=320, height=180)
    await drive.act("tab_new", url=drive.site.url("/colours?name=blue"))
    blue_at = await camera.sees(is_of(BLUE))
    in_second = await camera.do("status")
    assert in_second.tab == "t2"
    await drive.act("tab_close")
    await camera.sees(is_of(GREEN))
    assert (await camera.do("status")).tab == "t1"
    stopped = await camera.stop()
    blue = filming.frame(stopped.path, blue_at)
    green = filming.last(stopped.path)
    assert filming.is_like(filming.colour(blue, 0.5, 0.2), BLUE)
    assert filming.is_like(filming.colour(green, 0.5, 0.2), GREEN)


async def test_a_tab_too_busy_to_be_asked_for_frames_is_asked_again(
    drive: Driving, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, busy = decorations.draw, [1, 1]

    async def late(*arguments: Any) -> None:
        if busy and busy.pop():
            await anyio.sleep_forever()
        await draw(*arguments)

    await drive.open("/colours?name=green")
    await camera.do("start", width=320, height=180)
    await camera.sees(is_of(GREEN))
    monkeypatch.setattr(recorder, "TELL_TIMEOUT", 0.2)
    monkeypatch.setattr(recorder, "PATIENCE", 0.1)
    monkeypatch.setattr(decorations, "draw", late)
    await drive.act("tab_new", url=drive.site.url("/colours?name=blue"))
    await camera.sees(is_of(BLUE))
    assert not busy, "twice it was too late"
    stopped = await camera.stop()
    assert filming.is_like(filming.colour(filming.last(stopped.path), 0.5, 0.2), BLUE)


async def test_a_page_that_forgets_to_send_frames_is_asked_again(
    drive: Driving, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, asked = CDPSession.send, []

    async def forgetful(self: CDPSession, method: str, params: Any = None) -> Any:
        if method == "Page.startScreencast":
            asked.append(method)
            if len(asked) < 4:
                return {}
        return await send(self, method, params)

    monkeypatch.setattr(recorder, "FIRST_FRAME", 0.0)
    monkeypatch.setattr(recorder, "PATIENCE", 0.1)
    monkeypatch.setattr(CDPSession, "send", forgetful)
    await drive.open("/colours?name=green")
    await camera.do("start", width=320, height=180)
    await camera.sees(is_of(GREEN))
    assert len(asked) == 4
    await anyio.sleep(SHOWN)
    assert len(asked) == 4, "none is asked whose frames come"
    await camera.stop()


async def test_a_popup_is_recorded_once_it_is_switched_to(drive: Driving, camera: Camera) -> None:
    await drive.open("/popups")
    await camera.do("start", width=320)
    opened = await drive.act("click", drive.ref('"Open a window"'))
    assert (await camera.do("status")).tab == "t1"
    await drive.act("tab_switch", tab=opened.new_tabs[0].id)
    await anyio.sleep(0.2)
    assert (await camera.do("status")).tab == opened.new_tabs[0].id
    await camera.stop()


async def test_a_viewport_of_another_form_is_fitted_into_the_video(
    drive: Driving, camera: Camera
) -> None:
    await drive.open("/colours?name=blue")
    await camera.do("start", width=320, height=180)
    await drive.act("set_viewport", width=400, height=800)
    await camera.sees(lambda picture: picture.width < picture.height)
    stopped = await camera.stop()
    last = filming.last(stopped.path)
    assert last.size == (320, 180)
    assert filming.is_like(filming.colour(last, 0.5, 0.2), BLUE)
    assert filming.is_like(filming.colour(last, 0.05, 0.5), (0, 0, 0))


async def test_a_second_start_and_a_stop_without_one_are_said(
    drive: Driving, camera: Camera
) -> None:
    await drive.open("/empty")
    for action in ("stop", "chapter"):
        with pytest.raises(NotRecording):
            await camera.do(action, **({"title": "x"} if action == "chapter" else {}))
    await camera.do("start", fps=5)
    with pytest.raises(AlreadyRecording):
        await camera.do("start")
    assert (await camera.do("status")).recording
    await camera.stop()
    with pytest.raises(NotRecording):
        await camera.do("stop")
    assert not (await camera.do("status")).recording


async def test_restart_hands_over_one_video_and_goes_on_with_the_next_of_the_same_kind(
    drive: Driving, camera: Camera
) -> None:
    await drive.open("/empty")
    await camera.do("start", fps=5, width=160)
    first = await camera.stop("restart")
    assert first.output.recording
    second = await camera.stop()
    assert first.path != second.path
    assert (second.output.fps, second.output.width) == (5, 160)
    assert webm.read(second.path).width == 160


async def test_an_encoder_that_failed_at_once_is_named_and_keeps_no_next_recording_from_it(
    context: ChromiumContext, drive: Driving, camera: Camera
) -> None:
    await drive.open("/empty")
    for action in ("stop", "restart"):
        await camera.do("start", fps=5)
        take = context._reach.part(Recorder)._take
        assert take is not None
        take.film._process.kill()
        await anyio.to_thread.run_sync(take.film._thread.join)
        take.film._path.write_bytes(b"")
        if action == "stop":
            with pytest.raises(BrowserMissing, match="encoder"):
                await camera.do("stop")
    again = await camera.do("restart")
    assert (again.recording, again.fps) == (True, 5)
    assert "encoder" in (again.message or "")
    await camera.stop()


async def test_the_thumbnail_and_the_contact_sheet_show_what_was_filmed(
    drive: Driving, camera: Camera
) -> None:
    await drive.open("/colours?name=green")
    await camera.do("start")
    await anyio.sleep(0.4)
    await drive.open("/colours?name=blue")
    await camera.sees(is_of(BLUE))
    await anyio.sleep(0.4)
    pictures = (await camera.stop()).pictures
    assert pictures["thumbnail"].size == (480, 270)
    sheet = pictures["contact_sheet"].convert("RGB")
    tiles = [
        filming.colour(sheet.crop((x, 8, x + 320, 188)), 0.5, 0.2)
        for x in range(8, sheet.width - 320, 328)
    ]
    assert filming.is_like(tiles[0], GREEN)
    assert filming.is_like(tiles[-1], BLUE)


async def test_closing_without_a_stop_keeps_the_video(
    chromium: ChromiumBrowser, drive: Driving, tmp_path: Path
) -> None:
    context = await chromium.new_context(ContextOptions())
    await Driving(context, drive.site).open("/clock")
    camera = Camera(context, tmp_path)
    await camera.do("start", width=320)
    assert context.page.recording
    await camera.do("chapter", title="Only", card=0)
    await anyio.sleep(0.3)
    closed = await context.close()
    assert not context.page.recording
    (video,) = closed.videos
    assert video.path.parent == tmp_path
    assert (video.width, video.height, video.fps) == (320, 180, 25)
    assert filming.titles(video.path) == ["Only"]
    assert filming.count(video.path) > 5


async def test_it_goes_beside_a_recording_of_all_tabs(
    chromium: ChromiumBrowser, drive: Driving, tmp_path: Path
) -> None:
    options = ContextOptions(record_video=True, width=640, height=400)
    context = await chromium.new_context(options, recordings=tmp_path)
    await Driving(context, drive.site).open("/colours?name=blue")
    camera = Camera(context, tmp_path)
    await camera.do("start")
    await anyio.sleep(0.3)
    stopped = await camera.stop()
    assert filming.frame(stopped.path, 0.2).size == (640, 400)
    closed = await context.close()
    (whole,) = closed.videos
    assert filming.is_like(filming.colour(filming.frame(whole.path, 0.9), 0.5, 0.2), BLUE)


async def test_a_crashed_page_does_not_end_it(
    context: ChromiumContext, drive: Driving, camera: Camera
) -> None:
    await drive.open("/colours?name=green")
    await camera.do("start", width=320)
    session = await context._context.new_cdp_session(context._tabs.active.page)
    with anyio.move_on_after(0.5):
        await session.send("Page.crash")
    assert (await camera.do("status")).recording
    await drive.open("/colours?name=blue")
    await camera.sees(is_of(BLUE))
    stopped = await camera.stop()
    last = filming.last(stopped.path)
    assert filming.is_like(filming.colour(last, 0.5, 0.2), BLUE)


async def test_a_dialog_that_waits_keeps_nobody_from_stopping(
    drive: Driving, camera: Camera
) -> None:
    await drive.open("/colours?name=green")
    await camera.do("start", width=320)
    await drive.value("setTimeout(() => confirm('Sure?')); null")
    await anyio.sleep(0.2)
    stopped = await camera.stop()
    assert filming.count(stopped.path) > 2


async def test_a_recording_goes_on_in_another_context_as_it_was_begun(
    chromium: ChromiumBrowser, site: Site, tmp_path: Path
) -> None:
    first = await chromium.new_context(ContextOptions(width=640, height=400))
    assert RECORDING not in (await first.capture()).parts
    drive, camera = Driving(first, site), Camera(first, tmp_path)
    await drive.open("/colours?name=blue")
    await camera.do("start", fps=10, quality=60)
    await camera.sees(is_of(BLUE))
    state = await first.capture()
    assert (await first.capture()).parts[RECORDING] is state.parts[RECORDING]
    (segment,) = (await first.close()).videos

    second = await chromium.new_context(ContextOptions(width=900, height=700))
    losses = await second.restore(state, within=10, recordings=tmp_path)
    assert not [loss for loss in losses if loss.what == "recording"]
    drive, camera = Driving(second, site), Camera(second, tmp_path)
    told = await camera.do("status")
    assert (told.recording, told.width, told.height, told.fps) == (True, 640, 400, 10)
    await drive.open("/colours?name=green")
    await camera.sees(is_of(GREEN))
    stopped = await camera.stop()
    assert RECORDING not in (await second.capture()).parts
    await second.close()
    assert segment.part_of == stopped.video.part_of
    assert segment.part_of is not None
    assert segment.path.name.startswith(f"{segment.part_of}-")
    assert segment.path != stopped.path

    whole = await join(
        [Segment(segment.path), Segment(stopped.path)],
        tmp_path / "whole.part",
        format="webm",
        began=datetime(2026, 11, 21, tzinfo=UTC),
    )
    lasts = [webm.read(path).duration or 0.0 for path in (segment.path, stopped.path)]
    assert whole.seconds == pytest.approx(sum(lasts), abs=0.2)
    assert filming.is_like(
        filming.colour(filming.frame(whole.path, lasts[0] - 0.2), 0.5, 0.2), BLUE
    )
    assert filming.is_like(filming.colour(filming.last(whole.path), 0.5, 0.2), GREEN)
    each = filming.count(segment.path) + filming.count(stopped.path)
    assert filming.count(whole.path) == each


async def test_another_recording_is_not_of_the_same(camera: Camera, drive: Driving) -> None:
    await drive.open("/colours?name=blue")
    await camera.do("start", fps=10)
    first = await camera.stop("restart")
    second = await camera.stop()
    assert first.video.part_of != second.video.part_of


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"name": "../../x", "input": {"action": "start"}},
        {"name": 3, "input": {"action": "start"}},
        {"name": "rec_0123456789abcdef", "input": {"action": "stop"}},
        {"name": "rec_0123456789abcdef", "input": {"action": "start", "fps": 1000}},
        {"name": "rec_0123456789abcdef", "input": [1]},
    ],
)
async def test_what_is_no_state_of_a_recording_begins_none_and_is_told(
    context: ChromiumContext, tmp_path: Path, state: object
) -> None:
    recorder = context._reach.part(Recorder)
    context._reach.recordings = tmp_path
    (loss,) = await recorder.resume(state)
    assert loss.what == "recording"
    assert not recorder.has_take


async def test_a_recording_that_has_no_folder_to_go_on_in_is_told(
    context: ChromiumContext,
) -> None:
    recorder = context._reach.part(Recorder)
    state = {"name": "rec_0123456789abcdef", "input": {"action": "start"}}
    (loss,) = await recorder.resume(state)
    assert (loss.what, loss.why) == ("recording", "it goes on where it was begun only")
