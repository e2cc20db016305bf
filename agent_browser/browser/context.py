"""A session's side of the browser: its Playwright context, and the functions on the tabs in it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
from playwright.async_api import BrowserContext, Error

from agent_browser.browser import options as wire_options
from agent_browser.browser import picture, script
from agent_browser.browser.actions import ACTION_TIMEOUT
from agent_browser.browser.catalogue import TABLE
from agent_browser.browser.driver import Driver
from agent_browser.browser.engine import Closed, Done, Page, Video
from agent_browser.browser.functions import FROM_THE_START, Reach
from agent_browser.browser.interaction import Interaction
from agent_browser.browser.navigation import goto
from agent_browser.browser.tab import Lost, Tab
from agent_browser.browser.tabs import MAX_URL, Tabs, show_cursor
from agent_browser.browser.targets import acting_on, find
from agent_browser.browser.translate import asked, translated
from agent_browser.browser.view import View
from agent_browser.browser.worlds import DocumentLeft
from agent_browser.errors import (
    BrowserLost,
    DeadlineExceeded,
    NotOpened,
    OptionNeedsNewSession,
)
from agent_browser.models.base import Input
from agent_browser.models.catalogue import NAMES
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
from agent_browser.service import Image

SNAPSHOT_TIMEOUT = 15.0
PICTURE_TIMEOUT = 30.0
LOOK_TIMEOUT = 30.0
"""Seconds of a function that has no timeout of its own."""
APPLY_TIMEOUT = 10.0
CLOSE_TIMEOUT = 5.0
PART_TIMEOUT = 2.0
_GRACE = 2.0
"""Seconds between Playwright's own deadline and ours."""


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
    ) -> None:
        self._context = context
        self._made_with = made_with
        self._viewport = viewport
        self._lost = lost
        self._tabs = Tabs(context, driver, self._lost, show_cursor=bool(made_with.show_cursor))
        self._view = View()
        self._settle_bound = settle_bound
        self._reach = Reach(context, self._tabs, self._view, lost, made_with, settle_bound)
        for part in FROM_THE_START:
            self._reach.part(part)
        self._opened = False
        self._closing: anyio.Event | None = None
        self._left: Closed = Closed()

    async def prepare(self) -> None:
        """Make the blank page, and what its calls will need."""
        tab = await self._tabs.new()
        self._tabs.activate(tab)
        await tab.worlds.session()
        if self._made_with.show_cursor:
            await show_cursor(tab.page)

    @property
    def page(self) -> Page:
        tab = self._tabs.current
        if tab is None:
            return Page()
        return Page(tab.page.url[:MAX_URL], tab.title, tuple(self._tabs.known()))

    @property
    def opened(self) -> bool:
        return self._opened

    def _ready(self) -> Tab:
        if not self._opened:
            raise NotOpened
        return self._tabs.active

    @contextmanager
    def _bounded(self, tab: Tab, deadline: str, seconds: float) -> Iterator[None]:
        try:
            with (
                translated(tab, deadline, seconds),
                anyio.fail_after(seconds + _GRACE),
                tab.calling(),
            ):
                yield
        except TimeoutError as exc:
            raise tab.gone() or DeadlineExceeded(deadline, seconds) from exc
        except DocumentLeft as exc:
            raise tab.gone() or DeadlineExceeded(deadline, seconds) from exc

    async def apply(self, options: ContextOptions) -> None:
        if self._lost.browser:
            raise BrowserLost
        if options.storage_state is not None and self._opened:
            raise OptionNeedsNewSession(["storage_state"])
        headers = wire_options.headers(options.extra_headers)
        with asked(lambda: self._lost.browser, "apply", APPLY_TIMEOUT):
            await self._apply(options, headers)

    async def _apply(self, options: ContextOptions, headers: dict[str, str] | None) -> None:
        if headers is not None:
            await self._context.set_extra_http_headers(headers)
        if options.permissions is not None:
            await self._context.clear_permissions()
            await self._context.grant_permissions(options.permissions)
        if options.geolocation is not None:
            position = options.geolocation
            await self._context.set_geolocation(
                {
                    "latitude": position.latitude,
                    "longitude": position.longitude,
                    "accuracy": position.accuracy,
                }
            )
        if options.storage_state is not None:
            await self._context.set_storage_state(wire_options.storage_state(options.storage_state))
        if options.width is not None or options.height is not None:
            await self._resize(options.width, options.height)

    async def _resize(self, width: int | None, height: int | None) -> None:
        for tab in self._tabs.open:
            now = tab.page.viewport_size or {"width": 0, "height": 0}
            wanted = {"width": width or now["width"], "height": height or now["height"]}
            if wanted != now:
                await tab.page.set_viewport_size(
                    {"width": wanted["width"], "height": wanted["height"]}
                )

    async def open(self, input: OpenInput) -> OpenOutput:
        tab = await self._ready_to_navigate()
        self._opened = True
        await goto(tab, input)
        with self._bounded(tab, "snapshot", SNAPSHOT_TIMEOUT):
            survey = await self._view.look(tab)
            state = await self._view.state(self._tabs, survey)
        return OpenOutput(status=tab.status, **dict(state))

    async def _ready_to_navigate(self) -> Tab:
        if self._lost.browser:
            raise BrowserLost
        try:
            with anyio.fail_after(APPLY_TIMEOUT):
                return await self._tabs.ready()
        except TimeoutError as exc:
            raise DeadlineExceeded("navigation", APPLY_TIMEOUT) from exc
        except Error as exc:
            raise BrowserLost() from exc

    async def snapshot(self, input: SnapshotInput) -> SnapshotOutput:
        tab = self._ready()
        with self._bounded(tab, "snapshot", SNAPSHOT_TIMEOUT):
            survey = await self._view.look(
                tab,
                limit=input.limit,
                offset=input.offset,
                query=input.query,
                root=input.root,
                boxes=input.boxes,
            )
            state = await self._view.state(
                self._tabs, survey, offset=input.offset, boxes=input.boxes, delta=input.delta
            )
            if input.tree:
                state.tree = await self._view.tree(tab, SNAPSHOT_TIMEOUT)
        return SnapshotOutput(status=tab.status, **dict(state))

    async def interact(
        self, input: InteractInput, uploads: tuple[Path, ...] = ()
    ) -> InteractOutput:
        if self._lost.browser:
            raise BrowserLost
        if not self._opened and input.action not in ("goto", "tab_new"):
            raise NotOpened
        if input.action in ("goto", "tab_new"):
            self._opened = True
        return await Interaction(
            self._tabs, self._view, input, uploads, self._settle_bound
        ).outcome()

    async def screenshot(self, input: ScreenshotInput) -> Image:
        tab = self._ready()
        milliseconds = PICTURE_TIMEOUT * 1000
        patience = ACTION_TIMEOUT * 1000
        named = input.ref or input.selector
        with self._bounded(tab, "screenshot", PICTURE_TIMEOUT):
            if named is not None:
                target = await find(tab, self._view.numbers, named)
                async with acting_on(target, patience) as locator:
                    data = await picture.of_element(locator, input, patience)
            elif input.full_page:
                data = await picture.of_page(tab.page, input, milliseconds)
            else:
                data = await picture.of_view(await tab.worlds.session(), input)
            if input.annotate and named is None:
                data = await self._annotated(tab, data, input)
        return await anyio.to_thread.run_sync(picture.measured, data, input)

    async def _annotated(self, tab: Tab, data: bytes, input: ScreenshotInput) -> bytes:
        survey = await self._view.look(tab, boxes=True)
        _, measures = await tab.worlds.ask_main("measures()")
        found = self._view.elements(survey, boxes=True)
        scroll = measures["scroll"] if input.full_page else 0
        return await anyio.to_thread.run_sync(
            picture.annotated, data, input, found, measures["scale"], scroll
        )

    async def perform(self, input: Input) -> Done:
        tab = self._ready()
        seconds = getattr(input, "timeout", None) or LOOK_TIMEOUT
        with self._bounded(tab, NAMES[type(input)], seconds):
            return await TABLE[type(input)](self._reach, input)

    async def execute(self, input: ExecuteInput) -> ExecuteOutput:
        tab = self._ready()
        with self._bounded(tab, "execute", input.timeout):
            return await script.run(await tab.worlds.session(), input.code, input.timeout)

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
        paths: list[Path] = []
        with anyio.move_on_after(CLOSE_TIMEOUT):
            for video in videos:
                try:
                    paths.append(Path(await video.path()))
                except Error:
                    continue
        with anyio.move_on_after(CLOSE_TIMEOUT):
            with suppress(Error):
                await self._context.close()
        return Closed(
            tuple(
                Video(path, *self._viewport)
                for path in paths
                if path.is_file() and path.stat().st_size > 0
            )
        )
