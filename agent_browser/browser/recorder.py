"""Recording as a verb: the active tab of a live context as a video, between two calls.

Frames come from a protocol session of the recorder's own, so that neither a trace, nor the videos
of `record_video`, nor who else looks at the page decides on their size.
"""

import base64
import re
import secrets
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

import anyio
import anyio.to_thread
import structlog
from anyio import from_thread
from anyio.lowlevel import current_token
from playwright.async_api import CDPSession, Error, Frame

from agent_browser.browser import decorations, encoding, ffmpeg, narration
from agent_browser.browser.encoding import Shape
from agent_browser.browser.engine import DEFAULT_HEIGHT, DEFAULT_WIDTH, Blob, Done, Video
from agent_browser.browser.film import Film, Footage
from agent_browser.browser.functions import BESIDE, Reach, register
from agent_browser.browser.tab import Tab
from agent_browser.browser.takes import CLOSING_COPY_TIMEOUT, Take, finished, is_there, pictures
from agent_browser.errors import (
    AgentBrowserError,
    AlreadyRecording,
    BrowserLost,
    BrowserMissing,
    InvalidRequest,
    NotRecording,
    StorageFull,
)
from agent_browser.models.artifacts import Chapter
from agent_browser.models.checkpoints import RECORDING, Loss, Part
from agent_browser.models.functions import InteractInput
from agent_browser.models.recording import (
    DEFAULT_CARD,
    DEFAULT_FPS,
    DEFAULT_QUALITY,
    OF_START,
    RecordInput,
    RecordOutput,
)

MAX_CHAPTERS = 500
FIRST_FRAME = 3.0
"""Seconds that `start` waits for the first frame; without one the video begins with a later one."""
TELL_TIMEOUT = 2.0
"""Seconds that a page has for what it is told: to send frames, to show a cursor."""
PATIENCE = 1.0
"""Seconds within which a frame of what is shown now must come, or the page is asked again: a busy
one is too late for TELL_TIMEOUT, one that changes its process may forget. Twice as many each time.
"""
MOST_PATIENCE = 30.0
_SAYS = {
    "storage_full": "the server's disk is full; the video ends there",
    "size_limit": f"a recording has {encoding.MOST_BYTES} bytes at most; the video ends there",
    "encoder_failed": "the encoder failed; the video ends there",
}
_NAME = re.compile(r"rec_[0-9a-f]{16}")
_log = structlog.get_logger(__name__)


class Recorder:
    """A context's recorder. It follows the active tab; at most one recording runs."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._take: Take | None = None
        self._state: Part | None = None
        self._tab: Tab | None = None
        self._is_shown = False
        """Whether a frame came since the tab, or its document, is another."""
        self._shows = AsyncExitStack()
        """What is undone when the tab is left."""
        self._lock = anyio.Lock()
        self._is_closed = False
        reach.tabs.on_active = self._moved

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    @property
    def has_take(self) -> bool:
        """Whether a recording was started and not stopped since."""
        return self._take is not None

    @property
    def state(self) -> Part | None:
        """What `resume` needs to go on with the recording that runs, in another context."""
        return self._state if self._take is not None else None

    async def start(self, input: RecordInput) -> Done:
        """Begin. AlreadyRecording, InvalidRequest (no encoder), BrowserMissing, StorageFull."""
        if self._take is not None:
            raise AlreadyRecording
        take = await self._begin(input, f"rec_{secrets.token_hex(8)}")
        with anyio.move_on_after(FIRST_FRAME):
            await take.first.wait()
        return Done(self._told(input))

    async def resume(self, state: Any) -> tuple[Loss, ...]:
        """Go on with a recording that another context's state has (the value of `state`): in a new
        file, as it was begun. It waits for no frame. What could not be.
        """
        try:
            input = RecordInput.model_validate(state["input"])
            name = state["name"]
            if input.action != "start" or not _NAME.fullmatch(name):
                raise ValueError("not of a recording")
            if self._reach.recordings is None:
                return (Loss(what="recording", why="it goes on where it was begun only"),)
            take = await self._begin(input, name)
            take.is_late = True
        except AgentBrowserError as exc:
            return (Loss(what="recording", why=exc.detail),)
        except (KeyError, TypeError, ValueError):
            return (Loss(what="recording", why="what is kept of it can't be read"),)
        return ()

    async def _begin(self, input: RecordInput, name: str) -> Take:
        folder = self._reach.recordings
        if folder is None:
            raise StorageFull("there is no folder for recordings")
        path = folder / f"{name}-{secrets.token_hex(4)}.{input.format or 'webm'}"
        with anyio.CancelScope(shield=True):
            take = Take(await anyio.to_thread.run_sync(self._make, input, path), input, name)
            if self._is_closed:
                await anyio.to_thread.run_sync(take.film.finish)
                raise BrowserLost("the session was closed during the call")
            async with self._lock:
                self._take = take
                self._state = _state(take)
                await self._follow()
        return take

    def _make(self, input: RecordInput, path: Path) -> Film:
        program = ffmpeg.find() or ffmpeg.link()
        format = input.format or "webm"
        encoder = encoding.encoder_for(program, format)
        width, height = self._size(input)
        fps, quality = input.fps or DEFAULT_FPS, input.quality or DEFAULT_QUALITY
        return Film(program, encoder, Shape(width, height, fps, format, quality), path)

    def _size(self, input: RecordInput) -> tuple[int, int]:
        """The size asked for, made even; a side left out follows the viewport's form."""
        tab = self._reach.tabs.current
        seen = (tab.page.viewport_size if tab is not None else None) or {
            "width": DEFAULT_WIDTH,
            "height": DEFAULT_HEIGHT,
        }
        width, height = input.width, input.height
        if width is None and height is None:
            width, height = seen["width"], seen["height"]
        elif width is None:
            width = round((height or 0) * seen["width"] / seen["height"])
        elif height is None:
            height = round(width * seen["height"] / seen["width"])
        most = 4_096
        return max(16, min(width, most) & ~1), max(16, min(height or 0, most) & ~1)

    async def stop(self, input: RecordInput) -> Done:
        """End it, and hand over the video, its thumbnail and its contact sheet. NotRecording;
        StorageFull, BrowserMissing, InvalidRequest where nothing at all could be written.
        """
        with anyio.CancelScope(shield=True):
            done = await self._stop(input, self._running())
        return done

    async def _stop(self, input: RecordInput, take: Take) -> Done:
        if take.is_late:
            with anyio.move_on_after(FIRST_FRAME):
                await take.first.wait()
        footage = await self._end(take)
        if not is_there(footage.path):
            await anyio.to_thread.run_sync(partial(footage.path.unlink, missing_ok=True))
            raise _nothing(footage)
        video = await anyio.to_thread.run_sync(partial(finished, take, footage))
        output = self._told(input, take, footage)
        files: dict[str, Blob | Video | tuple[Blob, ...]] = {"video": video}
        files.update(await anyio.to_thread.run_sync(pictures, take, footage))
        return Done(output, files)

    async def restart(self, input: RecordInput) -> Done:
        """Stop the recording that runs, if one does, and begin anew, as the last one where the
        input does not say otherwise. A last one that came to nothing keeps no next one from it.
        """
        if self._take is None:
            return await self.start(input)
        last = self._take.input
        asked = {
            name: value
            for name in OF_START
            if (value := getattr(input, name)) is not None
            or (value := getattr(last, name)) is not None
        }
        try:
            done = await self.stop(input)
        except (BrowserMissing, InvalidRequest, StorageFull) as exc:
            again = await self.start(input.model_copy(update=asked))
            assert isinstance(again.output, RecordOutput)
            again.output.message = f"of the last recording nothing is left: {exc.detail}"
            return again
        assert isinstance(done.output, RecordOutput)
        try:
            await self.start(input.model_copy(update=asked))
        except AgentBrowserError as exc:
            # What was stopped is the answer all the same: nobody else would be told of it.
            done.output.message = f"no new recording was started: {exc.detail}"
        else:
            done.output.recording = True
            done.output.tab = self._tab.id if self._tab is not None else None
        return done

    async def chapter(self, input: RecordInput) -> Done:
        """Mark a part, and show its title over the page. NotRecording."""
        take = self._running()
        if len(take.chapters) >= MAX_CHAPTERS:
            raise InvalidRequest(f"a recording has {MAX_CHAPTERS} chapters at most")
        title = (input.title or "").strip()
        take.chapters.append(Chapter(title=title, at=round(take.film.seconds, 3)))
        card = DEFAULT_CARD if input.card is None else input.card
        if card and self._tab is not None and self._tab.gone() is None:
            with anyio.move_on_after(card + TELL_TIMEOUT), suppress(Error):
                await decorations.show_card(self._tab.page, title, input.description, seconds=card)
        return Done(self._told(input))

    async def announce(self, action: InteractInput) -> None:
        """Say what is about to be done, where a recording is to show it. Bounded."""
        take, tab = self._take, self._tab
        if take is None or not take.input.show_actions or tab is None:
            return
        if tab.gone() is not None or self._reach.tabs.waiting is not None:
            return
        words = narration.words(action, self._reach.view.line)
        if words is not None:
            await decorations.say(tab.page, self._reach.veil.text(words))

    async def status(self, input: RecordInput) -> Done:
        """What runs, if something does."""
        return Done(self._told(input))

    async def close(self) -> None:
        """The context is being closed: finish the video and leave it in the reach."""
        self._is_closed = True
        take = self._take
        if take is None:
            return
        with anyio.CancelScope(shield=True):
            footage = await self._end(take)
            if not is_there(footage.path):
                await anyio.to_thread.run_sync(partial(footage.path.unlink, missing_ok=True))
            else:
                finish = partial(finished, take, footage, timeout=CLOSING_COPY_TIMEOUT)
                self._reach.videos.append(await anyio.to_thread.run_sync(finish))

    def _running(self) -> Take:
        if self._take is None:
            raise NotRecording
        return self._take

    def _told(
        self, input: RecordInput, take: Take | None = None, footage: Footage | None = None
    ) -> RecordOutput:
        output = RecordOutput(action=input.action, recording=False)
        take = take or self._take
        if take is None:
            return output
        ending = footage.ending if footage is not None else take.film.ending
        output.recording = footage is None and ending is None
        output.seconds = round(footage.seconds if footage is not None else take.film.seconds, 3)
        output.tab = self._tab.id if self._tab is not None else None
        shape = take.film.shape
        output.width, output.height = shape.width, shape.height
        output.fps, output.format = shape.fps, shape.format
        output.chapters = list(take.chapters)
        if ending is not None:
            output.partial, output.code, output.message = True, ending, _SAYS[ending]
        return output

    async def _end(self, take: Take) -> Footage:
        """No more frames, and the file is closed."""
        with anyio.CancelScope(shield=True):
            async with self._lock:
                self._take = None
                await self._leave()
            footage = await anyio.to_thread.run_sync(take.film.finish)
        return footage

    def _moved(self) -> None:
        """Another tab is the active one. The film's thread sees to it, and waits until it is done:
        nobody else is there to.
        """
        if self._take is not None:
            token = current_token()
            self._take.film.run(lambda: _from_thread(self._follow_locked, token))

    async def _follow_locked(self) -> None:
        async with self._lock:
            if self._take is not None:
                await self._follow()

    async def _follow(self, patience: float | None = None) -> None:
        """Let the frames be those of the tab that is active now."""
        tab = self._reach.tabs.current
        if self._take is None or tab is self._tab or tab is None:
            return
        await self._leave()
        self._tab, self._is_shown = tab, False
        if tab.gone() is not None:
            return
        with anyio.move_on_after(TELL_TIMEOUT), suppress(Error):
            await self._look_at(tab, self._take)
        self._make_sure(tab, self._take, patience)

    def _make_sure(self, tab: Tab, take: Take, patience: float | None = None) -> None:
        """Ask the tab again if no frame of it comes in that time."""
        token, patience = current_token(), patience or PATIENCE

        def look() -> None:
            if tab is self._tab and not self._is_shown:
                _from_thread(partial(self._ask_again, tab, patience), token)

        take.film.run(look, after=patience)

    async def _ask_again(self, tab: Tab, patience: float) -> None:
        async with self._lock:
            if tab is self._tab and not self._is_shown:
                self._tab = None
                await self._follow(min(2 * patience, MOST_PATIENCE))

    async def _look_at(self, tab: Tab, take: Take) -> None:
        session = await self._reach.context.new_cdp_session(tab.page)
        self._shows.push_async_callback(_detach, session)

        async def shown(event: dict[str, Any]) -> None:
            if tab is self._tab:
                self._is_shown = True
                take.film.offer(base64.b64decode(event["data"]))
                take.first.set()
            with suppress(Error):
                await session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

        shape = take.film.shape
        asked = {
            "format": "jpeg",
            "quality": min(95, shape.quality + 10),
            "maxWidth": shape.width,
            "maxHeight": shape.height,
        }

        async def arrived(frame: Frame) -> None:
            # A page that changes its process while it is asked for frames may forget to send them.
            if frame is tab.page.main_frame and tab is self._tab:
                self._is_shown = False
                self._make_sure(tab, take)
                with suppress(Error):
                    await session.send("Page.startScreencast", asked)

        session.on("Page.screencastFrame", shown)
        await decorations.draw(tab.page, take.input, self._shows, self._reach.tabs)
        tab.page.on("framenavigated", arrived)
        self._shows.callback(tab.page.remove_listener, "framenavigated", arrived)
        await session.send("Page.startScreencast", asked)

    async def _leave(self) -> None:
        """The tab is not recorded any more."""
        self._tab = None
        shows, self._shows = self._shows, AsyncExitStack()
        with anyio.move_on_after(TELL_TIMEOUT), suppress(Error):
            await shows.aclose()


def _state(take: Take) -> Part:
    """The settings of a recording; its size stays what it is, whatever the viewport will be."""
    given = take.input.model_dump(mode="json", include={*OF_START}, exclude_none=True)
    size = {"width": take.film.shape.width, "height": take.film.shape.height}
    return Part.of(RECORDING, {"name": take.name, "input": {"action": "start", **given, **size}})


def _nothing(footage: Footage) -> AgentBrowserError:
    """Why a recording that was stopped has no video."""
    if footage.ending == "storage_full":
        return StorageFull("the server's disk is full; nothing was recorded")
    if footage.ending == "encoder_failed":
        return BrowserMissing("the encoder (ffmpeg) failed; nothing was recorded")
    return InvalidRequest("nothing was recorded: no frame of the page came")


def _from_thread(work: Any, token: Any) -> None:
    try:
        from_thread.run(work, token=token)
    except Exception:
        _log.exception("the recorder did not follow the active tab")


async def _detach(session: CDPSession) -> None:
    with suppress(Error):
        await session.send("Page.stopScreencast")
        await session.detach()


@register(RecordInput)
async def record(reach: Reach, input: RecordInput) -> Done:
    """Start, stop, restart, mark a chapter of, or tell of a recording."""
    recorder = reach.part(Recorder)
    done: Done = await getattr(recorder, input.action)(input)
    return done


BESIDE.add(RecordInput)
