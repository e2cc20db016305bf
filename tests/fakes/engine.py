"""An engine with browsers and pages in memory. Failures are injected; events hold time still."""

import itertools
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel

from agent_browser.browser.engine import (
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
from agent_browser.browser.functions import BEFORE_OPEN
from agent_browser.browser.veil import Veil
from agent_browser.errors import BrowserLost, NotOpened
from agent_browser.models.base import Input
from agent_browser.models.checkpoints import Loss, State
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
from tests.fakes.functions import BESIDE, TABLE
from tests.fakes.pages import SITE, Pages
from tests.fakes.recording import finished, remembered, resumed
from tests.fakes.remembering import captured, restored, stored
from tests.fakes.tab import FakeTab

PIDS = itertools.count(4_000_000)


def opened_gate() -> anyio.Event:
    """An event that holds nobody."""
    gate = anyio.Event()
    gate.set()
    return gate


def _unheard() -> None:
    """Nobody wants to know."""


class FakeContext:
    """One page that remembers what is done to it."""

    def __init__(
        self, browser: "FakeBrowser", options: ContextOptions, recordings: Path | None
    ) -> None:
        self.browser = browser
        self.options = options
        self.recordings = recordings
        self.applied: list[ContextOptions] = []
        self.acting = 0
        self.most_at_once = 0
        self.closed = False
        self.received = 0
        """Bytes."""
        self.meter: Meter | None = None
        self.cut = False
        """Whether what it loaded was ended, its owner being over."""
        self.used = False
        self._tab = FakeTab(browser.engine.pages, options.width or 1280, options.height or 720)
        self._tab.made_with = options
        self.storage: dict[str, str] = {}
        """What the page stored."""
        self.holds: tuple[str, ...] = ()
        """What of the page can't be saved."""
        self.frozen = False
        self.captures = 0
        self._changed: Callable[[], None] = _unheard

    @property
    def page(self) -> Page:
        return self._tab.page

    @property
    def url(self) -> str:
        return self._tab.page.url

    @property
    def dialog(self) -> WaitingDialog | None:
        return None

    @property
    def file_chooser(self) -> WaitingChooser | None:
        return None

    @property
    def veil(self) -> Veil:
        return self._tab.veil

    @property
    def opened(self) -> bool:
        return self._tab.opened

    def on_event(self, tell: Tell) -> None:
        self._tab.told = tell

    def heed(self, kinds: frozenset[EventType]) -> None:
        self._tab.heeded = kinds

    async def apply(self, options: ContextOptions) -> None:
        async with _Acting(self):
            self.applied.append(options)
            self._tab.resize(options.width, options.height)

    async def open(self, input: OpenInput) -> OpenOutput:
        async with _Acting(self):
            return await self._tab.open(input)

    async def snapshot(self, input: SnapshotInput) -> SnapshotOutput:
        async with _Acting(self):
            return self._tab.snapshot(input)

    async def interact(
        self,
        input: InteractInput,
        uploads: tuple[Upload, ...] = (),
        secret: Secret | None = None,
    ) -> InteractOutput:
        async with _Acting(self):
            return self._tab.interact(input, uploads, secret)

    async def screenshot(self, input: ScreenshotInput) -> Image:
        await self.browser.engine.pictures.wait()
        async with _Acting(self):
            return self._tab.screenshot(input)

    async def execute(self, input: ExecuteInput) -> ExecuteOutput:
        async with _Acting(self):
            return self._tab.execute(input)

    async def perform(self, input: Input, *, recordings: Path | None = None) -> Done:
        async with _Acting(self):
            if not self._tab.opened and type(input) not in BEFORE_OPEN | BESIDE:
                raise NotOpened
            self._tab.recordings = recordings or self._tab.recordings
            return TABLE[type(input)](self._tab, input)

    async def words(self, most: int) -> Words | None:
        self.browser.check()
        await self.browser.engine.words.wait()
        return self._tab.words(most)

    async def capture(self, *, thorough: bool = False) -> State:
        self.browser.check()
        await self.browser.engine.capturing.wait()
        await anyio.lowlevel.checkpoint()
        self.browser.check()
        self.captures += 1
        state = captured(self._tab, self.options, self.storage)
        return state.with_parts(remembered(self._tab))

    async def restore(
        self, state: State, *, within: float, recordings: Path | None = None
    ) -> tuple[Loss, ...]:
        self.browser.check()
        await self.browser.engine.restoring.wait()
        await anyio.lowlevel.checkpoint()
        self.browser.check()
        if self.browser.engine.restore_fails is not None:
            raise self.browser.engine.restore_fails
        self.storage = stored(state)
        return (*restored(self._tab, state), *resumed(self._tab, state, recordings))

    async def unsaved(self) -> tuple[str, ...]:
        self.browser.check()
        return self.holds

    async def freeze(self) -> None:
        self.browser.check()
        self.frozen = True

    async def thaw(self) -> None:
        self.browser.check()
        self.frozen = False

    def on_change(self, callback: Callable[[], None]) -> None:
        self._changed = callback

    def store(self, name: str, value: str) -> None:
        """The page puts something into its storage, by itself."""
        self.storage[name] = value
        self._changed()

    def add_text(self, text: str) -> None:
        """The page shows more than it did."""
        self._tab.add_text(text)

    def is_plain(self, ref: str) -> bool:
        return self._tab.is_plain(ref)

    def take_downloads(self) -> tuple[Downloading, ...]:
        return self._tab.take_downloads()

    def count(self, meter: Meter) -> None:
        self.meter = meter
        meter.join(self._cut)

    def receive(self, count: int) -> None:
        """So many bytes come."""
        self.received += count
        assert self.meter is not None, "nobody counts"
        self.meter.take(count)

    def _cut(self) -> None:
        self.cut = True

    @property
    def traffic(self) -> Traffic:
        return Traffic(bytes_down=self.received)

    async def close(self) -> Closed:
        if self.closed:
            return Closed()
        await self.browser.engine.closing.wait()
        await anyio.lowlevel.checkpoint()
        self.closed = True
        if self.meter is not None:
            self.meter.leave(self._cut)
        self.browser.contexts.discard(self)
        taken = finished(self._tab)
        stopped = () if taken is None else (taken,)
        if self.recordings is None or not self.options.record_video:
            return Closed(stopped)
        self.recordings.mkdir(parents=True, exist_ok=True)
        video = self.recordings / "video.webm"
        video.write_bytes(b"\x1aE\xdf\xa3 a video")
        return Closed((Video(video, *self._tab.size), *stopped))


class _Acting:
    """A method under way: held by the engine's gate, failed by a lost browser."""

    def __init__(self, context: FakeContext) -> None:
        self._context = context

    async def __aenter__(self) -> None:
        context = self._context
        context.browser.check()
        context.used = True
        context.frozen = False
        context.acting += 1
        context.most_at_once = max(context.most_at_once, context.acting)
        try:
            await context.browser.engine.acting.wait()
            await anyio.lowlevel.checkpoint()
            context.browser.check()
        except BaseException:
            context.acting -= 1
            raise

    async def __aexit__(self, *exc: object) -> None:
        self._context.acting -= 1


class FakeBrowser:
    """One process that is none."""

    def __init__(self, engine: "FakeEngine") -> None:
        self.engine = engine
        self.contexts: set[FakeContext] = set()
        self.made = 0
        self.lost = False
        self.closed = False
        self.bytes = 100 * 2**20
        self._pid = next(PIDS)
        self._listeners: list[Callable[[], None]] = []

    @property
    def pid(self) -> int | None:
        return self._pid

    def check(self) -> None:
        """BrowserLost if it is gone."""
        if self.lost or self.closed:
            raise BrowserLost

    async def new_context(
        self, options: ContextOptions, *, recordings: Path | None = None
    ) -> FakeContext:
        self.check()
        self.engine.making_now += 1
        self.engine.most_making = max(self.engine.most_making, self.engine.making_now)
        try:
            await self.engine.making.wait()
            await anyio.lowlevel.checkpoint()
        finally:
            self.engine.making_now -= 1
        self.check()
        if self.engine.context_fails is not None:
            raise self.engine.context_fails
        context = FakeContext(self, options, recordings)
        self.contexts.add(context)
        self.made += 1
        return context

    def is_alive(self) -> bool:
        return not (self.lost or self.closed)

    async def probe(self) -> str:
        await anyio.lowlevel.checkpoint()
        self.check()
        return "FakeBrowser/1.0"

    def memory(self) -> int:
        return 0 if self.lost or self.closed else self.bytes

    def on_lost(self, callback: Callable[[], None]) -> None:
        self._listeners.append(callback)

    def lose(self, *, unheard: bool = False) -> None:
        """The process dies; `unheard`, nobody was told so far."""
        if self.lost or self.closed:
            return
        self.lost = True
        self.contexts.clear()
        for listener in () if unheard else self._listeners:
            listener()

    async def close(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.closed = True
        self.contexts.clear()


class FakeEngine:
    """Launches them. Its gates hold makes, actions and closes while they are not set."""

    def __init__(self, pages: Pages = SITE) -> None:
        self.pages = pages
        self.browsers: list[FakeBrowser] = []
        self.entered = 0
        self.making_now = 0
        self.most_making = 0
        self.launch_fails: Exception | None = None
        self.context_fails: Exception | None = None
        self.launching = opened_gate()
        self.making = opened_gate()
        self.acting = opened_gate()
        self.closing = opened_gate()
        self.capturing = opened_gate()
        self.restoring = opened_gate()
        self.restore_fails: Exception | None = None
        self.words = opened_gate()
        self.pictures = opened_gate()

    async def __aenter__(self) -> "FakeEngine":
        self.entered += 1
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.entered -= 1

    async def launch(self) -> FakeBrowser:
        await self.launching.wait()
        await anyio.lowlevel.checkpoint()
        if self.launch_fails is not None:
            raise self.launch_fails
        browser = FakeBrowser(self)
        self.browsers.append(browser)
        return browser

    @property
    def warnings(self) -> tuple[str, ...]:
        return ("pages are in memory",)

    @property
    def contexts(self) -> set[FakeContext]:
        """All that are open in all browsers."""
        return {context for browser in self.browsers for context in browser.contexts}

    @property
    def alive(self) -> list[FakeBrowser]:
        """Browsers that are neither lost nor closed."""
        return [browser for browser in self.browsers if not browser.lost and not browser.closed]
