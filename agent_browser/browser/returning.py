"""A tab goes back to its page: the page is loaded, fields are filled again, it is scrolled."""

from typing import Any, cast

import anyio
from playwright.async_api import Error

from agent_browser.browser.frames import Frames
from agent_browser.browser.navigation import goto
from agent_browser.browser.revival import BLANK, Plan, Revived, What
from agent_browser.browser.standin import NOT_YET, PATIENCE, PAUSE, put
from agent_browser.browser.tab import Tab
from agent_browser.browser.translate import first_line
from agent_browser.errors import AgentBrowserError, BrowserLost, DialogWaiting, NavigationFailed
from agent_browser.models.functions import OpenInput

FILLING = 1.5
"""Seconds that a page has to show the fields that were filled in, and to be as long as it was."""
_GRACE = 1.0
_LATE = "there was no time for it"


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
        if state.fields:
            self._lose("form", "its page asks something")
        if state.scroll.x or state.scroll.y:
            self._lose("scroll", "its page asks something")
        return False

    async def _settle(self) -> None:
        """What was filled in, and how far it was scrolled."""
        if _bare(self._tab.page.url) != _bare(self._revived.url):
            where = self._tab.page.url
            self._lose("page", f"it goes to {where[:300]} now")
            return
        state = self._revived.state
        by_frame: dict[tuple[int, ...], list[dict[str, Any]]] = {}
        for field in state.fields:
            by_frame.setdefault(tuple(field.frame), []).append(field.model_dump())
        scroll = state.scroll.model_dump() if state.scroll.x or state.scroll.y else None
        if scroll is not None:
            by_frame.setdefault((), [])
        async with anyio.create_task_group() as group:
            for path, fields in by_frame.items():
                group.start_soon(self._fill, path, fields, None if path else scroll)

    async def _fill(
        self, path: tuple[int, ...], fields: list[dict[str, Any]], scroll: dict[str, Any] | None
    ) -> None:
        bound = min(FILLING, self._left)
        why = "its page did not answer"
        try:
            with anyio.fail_after(bound + _GRACE), self._tab.calling():
                frame = await self._frame(path, bound)
                if frame is not None:
                    args = (fields, scroll, bound * 1000)
                    for what, failed in await put(*frame, "fill", *args):
                        self._lose(cast("What", what), failed)
                    return
            why = "its frame is not in the page"
        except (Error, TimeoutError) as exc:
            why = first_line(exc) or why
        except DialogWaiting:
            why = "its page asks something"
        except AgentBrowserError as exc:
            why = exc.detail
        if fields:
            self._lose("form", why)
        if scroll is not None:
            self._lose("scroll", why)

    async def _frame(self, path: tuple[int, ...], bound: float) -> tuple[Any, str] | None:
        """The frame in that place, with the session that reaches it; it may come a little later."""
        if not path:
            session = await self._tab.worlds.session()
            tree = await session.send("Page.getFrameTree")
            return session, tree["frameTree"]["frame"]["id"]
        frames = Frames(self._tab)
        with anyio.move_on_after(bound):
            await self._tab.page.wait_for_load_state("load", timeout=bound * 1000)
        for frame in await frames.all():
            if frame.path == path:
                return frame.session, frame.id
        return None


def _bare(url: str) -> str:
    """An address without its fragment."""
    return url.partition("#")[0]
