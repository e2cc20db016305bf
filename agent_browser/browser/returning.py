"""A tab goes back to its page: the page is loaded, fields are filled again, it is scrolled."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import anyio
from playwright.async_api import CDPSession, Error

from agent_browser.browser.frames import Frame, Frames
from agent_browser.browser.navigation import goto
from agent_browser.browser.revival import BLANK, Plan, Revived, What, origin_of
from agent_browser.browser.standin import NOT_YET, PATIENCE, PAUSE, put
from agent_browser.browser.tab import Tab
from agent_browser.browser.translate import first_line
from agent_browser.errors import AgentBrowserError, BrowserLost, DialogWaiting, NavigationFailed
from agent_browser.models.functions import OpenInput
from agent_browser.models.state import FormField

FILLING = 1.5
"""Seconds that a page has to show the fields that were filled in, and to be as long as it was."""
_GRACE = 1.0
_LATE = "there was no time for it"
_NO_ORIGIN = "null"
"""What documents without one of their own say."""


class Returning:
    """One tab's. What fails of it is a loss, unless the browser is."""

    def __init__(self, tab: Tab, revived: Revived, plan: Plan, deadline: float) -> None:
        self._tab = tab
        self._revived = revived
        self._plan = plan
        self._deadline = deadline

    async def carry_out(self) -> None:
        self._tab.is_untold = False
        if self._revived.url == BLANK:
            return
        with anyio.move_on_after(self._left + _GRACE) as scope:
            if await self._load():
                await self._settle()
        if scope.cancelled_caught:
            self._lose("page", _LATE)

    @property
    def _left(self) -> float:
        return max(0.0, self._deadline - anyio.current_time())

    def _lose(self, what: What, why: str) -> None:
        self._plan.lose(what, f"{self._tab.id} {self._revived.url}", why)

    async def _load(self) -> bool:
        """Load the page; whether there is one that can be filled in."""
        left = self._left
        if left <= 0:
            self._lose("page", _LATE)
            return False
        wanted = OpenInput.model_construct(
            url=self._revived.url, wait_until="domcontentloaded", timeout=left
        )
        try:
            if not await self._go(wanted):
                self._lose("page", "a file came in its place")
                return False
        except DialogWaiting:
            return self._is_unfilled()
        except BrowserLost:
            raise
        except AgentBrowserError as exc:
            self._lose("page", exc.detail)
            return False
        except Error as exc:
            self._lose("page", first_line(exc))
            return False
        if (self._tab.status or 0) >= 500:
            self._lose("page", f"its server answered {self._tab.status}")
        return True

    async def _go(self, wanted: OpenInput) -> bool:
        """See `goto`. Where it is it stays, and that is loaded: to go there would make another
        entry in the history, or no more than scroll.
        """
        is_there = self._tab.page.url == self._revived.url
        for _ in range(PATIENCE):
            try:
                return await goto(self._tab, wanted, again=is_there)
            except NavigationFailed as exc:
                if NOT_YET not in exc.detail:
                    raise
            await anyio.sleep(PAUSE)
        return await goto(self._tab, wanted, again=is_there)

    def _is_unfilled(self) -> bool:
        """Its page asks something before it is loaded: nothing can be filled in."""
        state = self._revived.state
        scrolled = bool(state.scroll.x or state.scroll.y)
        self._lose_filling(bool(state.fields), scrolled, "its page asks something")
        return False

    async def _settle(self) -> None:
        """What was filled in, and how far it was scrolled."""
        state = self._revived.state
        scrolled = bool(state.scroll.x or state.scroll.y)
        if _bare(self._tab.page.url) != _bare(self._revived.url):
            why = f"it goes to {self._tab.page.url[:300]} now"
            self._lose("page", why)
            self._lose_filling(bool(state.fields), scrolled, why)
            return
        mine: list[FormField] = []
        by_frame: dict[tuple[int, ...], list[FormField]] = {}
        for field in state.fields:
            if field.frame:
                by_frame.setdefault(tuple(field.frame), []).append(field)
            else:
                mine.append(field)
        async with anyio.create_task_group() as group:
            if mine or scrolled:
                group.start_soon(self._fill_page, mine, scrolled)
            if by_frame:
                group.start_soon(self._fill_frames, by_frame)

    @property
    def _origin(self) -> str:
        """Of the page that it goes back to, as its document says it."""
        return origin_of(self._revived.url) or _NO_ORIGIN

    def _lose_filling(self, filled: bool, scrolled: bool, why: str) -> None:
        if filled:
            self._lose("form", why)
        if scrolled:
            self._lose("scroll", why)

    @contextmanager
    def _telling(self, *, filled: bool, scrolled: bool, bound: float) -> Iterator[None]:
        """What keeps fields from being filled, or the page from being scrolled, is a loss."""
        why = "its page did not answer"
        try:
            with anyio.fail_after(bound + _GRACE), self._tab.calling():
                yield
            return
        except (Error, TimeoutError) as exc:
            why = first_line(exc) or why
        except DialogWaiting:
            why = "its page asks something"
        except AgentBrowserError as exc:
            why = exc.detail
        self._lose_filling(filled, scrolled, why)

    async def _fill_page(self, fields: Sequence[FormField], scrolled: bool) -> None:
        bound = min(FILLING, self._left)
        scroll: dict[str, Any] | None = None
        if scrolled:
            scroll = self._revived.state.scroll.model_dump()
            scroll["origins"] = [self._origin, _NO_ORIGIN]
        meant = {"address": self._revived.url, "top": None}
        said = [_said(field, self._origin) for field in fields]
        with self._telling(filled=bool(fields), scrolled=scrolled, bound=bound):
            session = await self._tab.worlds.session()
            tree = await session.send("Page.getFrameTree")
            frame = str(tree["frameTree"]["frame"]["id"])
            await self._put(session, frame, said, scroll, meant, bound * 1000)

    async def _fill_frames(self, by_frame: dict[tuple[int, ...], list[FormField]]) -> None:
        """What was filled in is for the origin that it was filled in at: another site's frame may
        be in that place now.
        """
        bound = min(FILLING, self._left)
        frames = Frames(self._tab)
        try:
            there: dict[tuple[int, ...], Frame] | None = None
            with self._telling(filled=True, scrolled=False, bound=bound):
                with anyio.move_on_after(bound):  # they may come a little later than the page
                    await self._tab.page.wait_for_load_state("load", timeout=0)
                there = {frame.path: frame for frame in await frames.all()}
            if there is not None:
                async with anyio.create_task_group() as group:
                    for path, fields in by_frame.items():
                        group.start_soon(self._fill_frame, there.get(path), fields, bound)
        finally:
            await frames.close()

    async def _fill_frame(
        self, frame: Frame | None, fields: Sequence[FormField], bound: float
    ) -> None:
        known = [_said(field) for field in fields if field.origin not in ("", _NO_ORIGIN)]
        if len(known) < len(fields):
            self._lose("form", "it is not known whose its frame was")
        if known and frame is None:
            self._lose("form", "its frame is not in the page")
        elif known and frame is not None:
            meant = {"address": None, "top": self._origin}
            with self._telling(filled=True, scrolled=False, bound=bound):
                await self._put(frame.session, frame.id, known, None, meant, bound * 1000)

    async def _put(self, session: CDPSession, frame: str, *args: Any) -> None:
        for what, failed in await put(session, frame, "fill", *args):
            self._lose(cast("What", what), failed)


def _said(field: FormField, origin: str = "") -> dict[str, Any]:
    """A field as it is told to the page."""
    return {
        "path": field.path,
        "kind": field.kind,
        "value": field.value,
        "origin": field.origin or origin,
    }


def _bare(url: str) -> str:
    """An address without its fragment."""
    return url.partition("#")[0]
