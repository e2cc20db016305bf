"""A session's side of the browser: its Playwright context, and the functions on the tabs in it."""

import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import anyio
from playwright.async_api import BrowserContext, Error

from agent_browser.browser import detour, held, script
from agent_browser.browser import options as wire_options
from agent_browser.browser.ages import Ages
from agent_browser.browser.catalogue import TABLE
from agent_browser.browser.downloads import Downloads
from agent_browser.browser.driver import Driver
from agent_browser.browser.emulation import Conditions, has_late
from agent_browser.browser.engine import (
    PROXY,
    Closed,
    Done,
    Downloading,
    Page,
    Secret,
    Tell,
    Upload,
    Video,
    Words,
)
from agent_browser.browser.followed import KINDS, Followed
from agent_browser.browser.freezing import Freezing
from agent_browser.browser.functions import BEFORE_OPEN, BESIDE, FROM_THE_START, Reach
from agent_browser.browser.glance import glance
from agent_browser.browser.guise import LATER
from agent_browser.browser.interaction import Interaction
from agent_browser.browser.messages import Messages
from agent_browser.browser.navigation import goto
from agent_browser.browser.recorder import Recorder
from agent_browser.browser.restoring import restore
from agent_browser.browser.saving import Saving
from agent_browser.browser.settle import ERROR_PAGE
from agent_browser.browser.shooting import Shooting
from agent_browser.browser.tab import MAX_URL, Lost, Tab, without_user
from agent_browser.browser.tabs import MAX_TITLE, Tabs, show_cursor
from agent_browser.browser.telling import Telling
from agent_browser.browser.translate import asked, translated
from agent_browser.browser.unsaved import unsaved
from agent_browser.browser.veil import Veil
from agent_browser.browser.view import View
from agent_browser.browser.worlds import DocumentLeft
from agent_browser.errors import (
    BrowserLost,
    DeadlineExceeded,
    DialogWaiting,
    NotOpened,
    OptionNeedsNewSession,
)
from agent_browser.models.base import Input
from agent_browser.models.catalogue import NAMES
from agent_browser.models.checkpoints import MESSAGES, RECORDING, Loss, State
from agent_browser.models.dialogs import WaitingChooser, WaitingDialog
from agent_browser.models.egress import Traffic
from agent_browser.models.events import EventType
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteInput,
    ExecuteOutput,
    InteractInput,
    InteractOutput,
    OpenInput,
    OpenOutput,
    ScreenshotInput,
    SnapshotInput,
    SnapshotOutput,
)
from agent_browser.quotas.meter import Meter
from agent_browser.service import Image

SNAPSHOT_TIMEOUT = 15.0
PICTURE_TIMEOUT = 30.0
LOOK_TIMEOUT = 30.0
"""Seconds of a function that has no timeout of its own."""
APPLY_TIMEOUT = 10.0
WORDS_TIMEOUT = 1.0
CLOSE_TIMEOUT = 5.0
PART_TIMEOUT = 2.0
PATIENCE = 1.0
"""Seconds of a function while a dialog waits; it may not need the page."""
_GRACE = 2.0
"""Seconds between Playwright's own deadline and ours."""
P = ParamSpec("P")
R = TypeVar("R")


def _awake(
    call: Callable[Concatenate["ChromiumContext", P], Awaitable[R]],
) -> Callable[Concatenate["ChromiumContext", P], Coroutine[Any, Any, R]]:
    """A call to pages that must not stand still."""

    @wraps(call)
    async def awake(context: "ChromiumContext", /, *args: P.args, **named: P.kwargs) -> R:
        await context.thaw()
        return await call(context, *args, **named)

    return awake


class ChromiumContext:
    """One context. Its session makes one call at a time; `close` may come at any moment."""

    def __init__(
        self,
        context: BrowserContext,
        driver: Driver,
        made_with: ContextOptions,
        viewport: tuple[int, int],
        lost: Lost,
        settle_bound: float,
        downloads: Downloads,
        *,
        device: Mapping[str, Any] | None = None,
        traces: Path | None = None,
        max_tabs: int,
    ) -> None:
        self._context = context
        self._made_with = made_with
        self._viewport = viewport
        self._lost = lost
        self._tabs = Tabs(
            context, driver, self._lost, show_cursor=bool(made_with.show_cursor), most=max_tabs
        )
        self._tabs.manners.rule = made_with.dialogs or "ask"
        self._view = View()
        self._settle_bound = settle_bound
        self._downloads = downloads
        self._reach = Reach(context, self._tabs, self._view, lost, made_with, settle_bound)
        self._reach.device = device or {}
        self._reach.traces = traces
        for part in FROM_THE_START:
            self._reach.part(part)
        self._telling = Telling(context, self._tabs, downloads, lost)
        self._opened = False
        self._closing: anyio.Event | None = None
        self._left: Closed = Closed()
        self._traffic: Traffic | None = None

    async def prepare(self) -> None:
        """Make the blank page, and what its calls will need."""
        tab = await self._tabs.new()
        self._tabs.activate(tab)
        await tab.worlds.session()
        if self._made_with.show_cursor:
            await show_cursor(tab.page)
        if has_late(self._made_with, self._reach.device):
            await self._reach.part(Conditions).begin()

    @property
    def page(self) -> Page:
        tab = self._tabs.current
        if tab is None:
            return Page()
        url = tab.url
        recorder = self._reach.parts.get(Recorder)
        recording = recorder is not None and recorder.has_take
        return Page(url, tab.title, tuple(self._tabs.known()), recording)

    @property
    def url(self) -> str:
        tab = self._tabs.current
        return tab.url if tab is not None else ""

    @property
    def dialog(self) -> WaitingDialog | None:
        return self._tabs.waiting

    @property
    def file_chooser(self) -> WaitingChooser | None:
        return self._tabs.choosing

    @property
    def veil(self) -> Veil:
        return self._reach.veil

    @property
    def opened(self) -> bool:
        return self._opened

    def on_event(self, tell: Tell) -> None:
        self._telling.told = tell

    def heed(self, kinds: frozenset[EventType]) -> None:
        self._telling.heed(kinds)
        if kinds & KINDS or Followed in self._reach.parts:
            followed = self._reach.part(Followed)
            followed.told = self._telling.tell
            followed.heed(kinds)

    def _ready(self) -> Tab:
        if not self._opened:
            raise NotOpened
        return self._tabs.active

    async def _free(self) -> Tab:
        """The active tab, if no dialog keeps it from answering; else DialogWaiting."""
        return await self._tabs.free(self._ready())

    @contextmanager
    def _bounded(
        self,
        tab: Tab,
        deadline: str,
        seconds: float,
        *,
        patience: float = 0.0,
        held: DialogWaiting | None = None,
    ) -> Iterator[None]:
        try:
            with (
                translated(tab, deadline, seconds),
                anyio.fail_after(seconds + _GRACE),
                tab.calling(patience=patience, held=held),
            ):
                yield
        except (TimeoutError, DocumentLeft) as exc:
            raise tab.gone() or DeadlineExceeded(deadline, seconds) from exc

    @_awake
    async def apply(self, options: ContextOptions) -> None:
        if self._lost.browser:
            raise BrowserLost
        if options.storage_state is not None and self._opened:
            raise OptionNeedsNewSession(["storage_state"])
        if options.dialogs is not None:
            self._tabs.manners.rule = options.dialogs
        taking = ("extra_headers", "width", "height", *LATER)
        if any(getattr(options, name) is not None for name in taking):
            await self._undisturbed()
        with asked(lambda: self._lost.browser, "apply", APPLY_TIMEOUT):
            await self._apply(wire_options.with_credentials(options))

    async def _undisturbed(self) -> None:
        """All pages answer. The active one is about to be left, so what it asks is dismissed; what
        another one asks is for the caller: DialogWaiting.
        """
        if self._tabs.current is not None:
            await self._tabs.current.dialogs.dismiss()
        for tab in self._tabs.open:
            tab.dialogs.check()

    async def _apply(self, options: ContextOptions) -> None:
        conditions = self._reach.part(Conditions)
        if options.proxy_url is not None:
            # Of a context that was ready before it was a session's: from now on it is made so.
            proxied = {name: getattr(options, name) for name in PROXY}
            self._reach.made_with = self._reach.made_with.model_copy(update=proxied)
        with conditions.sending_by(options):  # what a state needs to be set goes out so, too
            if options.storage_state is not None:
                state = wire_options.storage_state(options.storage_state)
                await self._context.set_storage_state(state)
                self._reach.part(Saving).given(options.storage_state)
            await conditions.apply(options)

    @_awake
    async def open(self, input: OpenInput) -> OpenOutput:
        tab = await self._ready_to_navigate()
        self._opened = True
        try:
            await self._go(tab, input)
            with self._bounded(tab, "snapshot", SNAPSHOT_TIMEOUT):
                if input.snapshot:
                    survey = await self._view.look(tab, limit=input.limit)
                    state = await self._view.told(self._tabs, survey, input)
                else:
                    state = await glance(self._tabs, tab)
        except DialogWaiting:
            state = held.state(self._tabs, input)
        return OpenOutput(status=tab.status, retry_after=tab.retry_after, **dict(state))

    async def _go(self, tab: Tab, input: OpenInput) -> None:
        """Navigate the tab, or wait for the file that the address turns out to be."""
        mark, began = self._downloads.mark(), time.monotonic()
        if not await goto(tab, input):
            left = began + input.timeout - time.monotonic()
            await self._downloads.arrive(mark, max(left, 1.0))

    async def _ready_to_navigate(self) -> Tab:
        if self._lost.browser:
            raise BrowserLost
        try:
            with anyio.fail_after(APPLY_TIMEOUT):
                tab = await self._tabs.ready()
                if not self._opened and Saving in self._reach.parts:
                    await self._reach.part(Saving).begin()
                return tab
        except TimeoutError as exc:
            raise DeadlineExceeded("navigation", APPLY_TIMEOUT) from exc
        except Error as exc:
            raise BrowserLost() from exc

    @_awake
    async def snapshot(self, input: SnapshotInput) -> SnapshotOutput:
        try:
            return await self._seen(await self._free(), input)
        except DialogWaiting:
            state = held.state(self._tabs, input)
            return SnapshotOutput(status=self._tabs.active.status, **dict(state))

    async def _seen(self, tab: Tab, input: SnapshotInput) -> SnapshotOutput:
        with self._bounded(tab, "snapshot", SNAPSHOT_TIMEOUT):
            state = await self._view.answer(self._tabs, tab, input, SNAPSHOT_TIMEOUT)
        return SnapshotOutput(status=tab.status, **dict(state))

    @_awake
    async def interact(
        self,
        input: InteractInput,
        uploads: tuple[Upload, ...] = (),
        secret: Secret | None = None,
    ) -> InteractOutput:
        if self._lost.browser:
            raise BrowserLost
        if not self._opened and input.action not in ("goto", "tab_new"):
            raise NotOpened
        if input.action in ("goto", "tab_new"):
            self._opened = True
        recorder = self._reach.parts.get(Recorder)
        if recorder is not None:
            await recorder.announce(input)
        return await Interaction(
            self._tabs,
            self._view,
            input,
            uploads,
            self._downloads,
            self._settle_bound,
            secret=secret,
            veil=self.veil,
        ).outcome()

    @_awake
    async def screenshot(self, input: ScreenshotInput) -> Image:
        tab = await self._free()
        with self._bounded(tab, "screenshot", PICTURE_TIMEOUT):
            made_with = self._made_with
            dense = (made_with.device or made_with.device_scale_factor) is not None
            shooting = Shooting(tab, self._view, input, PICTURE_TIMEOUT, dense=dense)
            image = await shooting.image()
            if Conditions in self._reach.parts:
                await self._reach.part(Conditions).guise.retouch(tab)
            return image

    @_awake
    async def perform(self, input: Input, *, recordings: Path | None = None) -> Done:
        self._reach.recordings = recordings
        if type(input) in BESIDE:
            return await self._beside(input)
        tab = self._tabs.active if type(input) in BEFORE_OPEN else self._ready()
        why = await self._tabs.held(tab)
        with self._bounded(tab, NAMES[type(input)], _seconds(input), patience=PATIENCE, held=why):
            return await TABLE[type(input)](self._reach, input)

    async def _beside(self, input: Input) -> Done:
        if self._lost.browser:
            raise BrowserLost
        with asked(lambda: self._lost.browser, NAMES[type(input)], _seconds(input)):
            return await TABLE[type(input)](self._reach, input)

    @_awake
    async def execute(self, input: ExecuteInput) -> ExecuteOutput:
        try:
            tab = await self._free()
            tab.choosers.listen()  # what the code clicks may open one
            with self._bounded(tab, "execute", input.timeout):
                return await script.run(await tab.worlds.session(), input.code, input.timeout)
        except DialogWaiting as exc:
            return ExecuteOutput(error=exc.detail)

    async def words(self, most: int) -> Words | None:
        tab = self._tabs.current
        if not self._opened or tab is None or tab.gone() or self._tabs.waiting is not None:
            return None
        if self._reach.part(Freezing).is_on:
            return None
        with self._bounded(tab, "text", WORDS_TIMEOUT):
            _, said = await tab.worlds.ask_main(f"words({most})")
            url, title = without_user(said["url"])[:MAX_URL], said["title"][:MAX_TITLE]
            words = Words(url, title, said["text"])
            if words.url == tab.url:
                tab.title = words.title
            # What the browser shows in the place of a page is no page's text.
            return None if words.url.startswith(ERROR_PAGE) else words
        return None

    async def capture(self, *, thorough: bool = False) -> State:
        if self._lost.browser:
            raise BrowserLost
        state = await self._reach.part(Saving).capture(thorough=thorough)
        ages, recorder = self._reach.parts.get(Ages), self._reach.parts.get(Recorder)
        if recorder is not None and recorder.state is not None:
            state = state.with_parts([recorder.state])
        messages = self._reach.parts.get(Messages)
        if messages is not None and messages.is_recording:
            state = state.with_parts([messages.state])
        return state if ages is None else ages.added(state)

    @_awake
    async def restore(
        self, state: State, *, within: float, recordings: Path | None = None
    ) -> tuple[Loss, ...]:
        if self._lost.browser:
            raise BrowserLost
        if MESSAGES in state.parts:
            await self._reach.part(Messages).listen("asked")
        losses = await restore(self._reach, state, within)
        self._opened = any(tab.url != "about:blank" for tab in self._tabs.open)
        if RECORDING in state.parts:
            self._reach.recordings = recordings
            losses += await self._reach.part(Recorder).resume(state.value(RECORDING))
        return losses

    async def unsaved(self) -> tuple[str, ...]:
        return await unsaved(self._reach, self._downloads)

    async def freeze(self) -> None:
        await self._reach.part(Freezing).freeze()

    async def thaw(self) -> None:
        await self._reach.part(Freezing).thaw()

    def on_change(self, callback: Callable[[], None]) -> None:
        self._reach.part(Saving).on_change = callback

    def is_plain(self, ref: str) -> bool:
        return self._view.is_plain(ref)

    def take_downloads(self) -> tuple[Downloading, ...]:
        return self._downloads.take()

    def count(self, meter: Meter) -> None:
        detour.of(self._context).count(meter)

    @property
    def traffic(self) -> Traffic:
        if self._traffic is not None:
            return self._traffic
        return detour.of(self._context).traffic

    async def close(self) -> Closed:
        if self._closing is not None:
            await self._closing.wait()
            return self._left
        self._closing = anyio.Event()
        self._lost.context = True
        try:
            with anyio.CancelScope(shield=True):
                self._left = await self._finish()
        finally:
            self._closing.set()
        return self._left

    async def _finish(self) -> Closed:
        for part in self._reach.parts.values():
            with anyio.move_on_after(PART_TIMEOUT), suppress(Error):
                await part.close()
        videos = list(self._tabs.videos)
        paths: list[tuple[Path, str]] = []
        with anyio.move_on_after(CLOSE_TIMEOUT):
            for tab, video in videos:
                try:
                    paths.append((Path(await video.path()), tab.id))
                except Error:
                    continue
        with anyio.move_on_after(CLOSE_TIMEOUT):
            with suppress(Error):
                await self._context.close()
        self._traffic = await detour.end(self._context)
        # Also one that came to nothing: on a full disk its file is empty, and somebody must say so.
        there = [(path, tab) for path, tab in paths if path.is_file()]
        whole = [Video(path, *self._viewport, part_of=tab) for path, tab in there]
        return Closed((*whole, *self._reach.videos))


def _seconds(input: Input) -> float:
    """How long a function may take: its own timeout, or else the time of a look."""
    return getattr(input, "timeout", None) or LOOK_TIMEOUT
