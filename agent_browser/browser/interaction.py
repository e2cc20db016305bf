"""One interact call: the action, what it set going, and what came of it."""

import time
from collections.abc import Awaitable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TypeVar

import anyio
from playwright.async_api import Error

from agent_browser.browser import fields, navigation, pointer, waiting
from agent_browser.browser.actions import TABLE, Act
from agent_browser.browser.navigation import goto
from agent_browser.browser.settle import ERROR_PAGE, NAVIGATION_BOUND, Activity
from agent_browser.browser.tab import Tab
from agent_browser.browser.tabs import MAX_TITLE, MAX_URL, Tabs
from agent_browser.browser.translate import first_line, is_gone
from agent_browser.browser.urls import normalise
from agent_browser.browser.view import View
from agent_browser.browser.worlds import DocumentLeft
from agent_browser.errors import (
    ActionFailed,
    AgentBrowserError,
    BrowserLost,
    DeadlineExceeded,
    InvalidUrl,
    NavigationFailed,
    PageCrashed,
)
from agent_browser.models.functions import InteractInput, InteractOutput, OpenInput, PageState

FAMILIES = (fields, navigation, pointer, waiting)
"""The modules whose actions are in the table."""

T = TypeVar("T")
_GRACE = 2.0
_LOOK_BOUND = 15.0


class Interaction:
    """One action, from its input to its outcome."""

    def __init__(
        self,
        tabs: Tabs,
        view: View,
        input: InteractInput,
        uploads: tuple[Path, ...],
        settle_bound: float,
    ) -> None:
        self._tabs = tabs
        self._view = view
        self._input = input
        self._uploads = uploads
        self._settle_bound = settle_bound
        self._mark = tabs.mark()
        self._notes: list[str] = []

    async def outcome(self) -> InteractOutput:
        """Do it. What can't be done is `success` false; a lost page or browser is raised."""
        failure: ActionFailed | None = None
        text: str | None = None
        try:
            text = await self._perform()
        except ActionFailed as exc:
            failure = exc
        except (NavigationFailed, InvalidUrl) as exc:
            failure = ActionFailed(exc.code, exc.detail)
        except DeadlineExceeded as exc:
            if exc.fields["deadline"] != "navigation":
                raise
            failure = ActionFailed(exc.code, exc.detail)
        return await self._report(failure, text)

    async def _perform(self) -> str | None:
        """Act and settle; what the collector said of the page then, if it was asked."""
        perform = _TAB_ACTIONS.get(self._input.action)
        if perform is not None:
            await self._within(self._tabs.current, perform(self), NAVIGATION_BOUND * 3)
            return None
        if self._input.action == "goto":
            tab = await self._tabs.ready()
        else:
            tab = self._tabs.active
        act = Act(tab, self._view.numbers, self._input, self._uploads, lambda open: goto(tab, open))
        session = await self._within(tab, tab.worlds.listening(), act.seconds)
        assert session is not None
        async with Activity(tab.page, session, self._tabs.mark) as activity:
            await self._within(tab, TABLE[self._input.action](act), act.seconds)
            self._notes = act.notes
            bound = self._settle_bound + NAVIGATION_BOUND
            return await self._within(tab, self._settle(tab, activity), bound, "settle")

    async def _within(
        self, tab: Tab | None, work: Awaitable[T], seconds: float, deadline: str = "action"
    ) -> T | None:
        try:
            with anyio.fail_after(seconds + _GRACE), tab.calling() if tab else nullcontext():
                return await work
        except PageCrashed:
            if self._may_close(tab):
                return None
            raise
        except (TimeoutError, DocumentLeft) as exc:
            raise _gone(tab) or DeadlineExceeded(deadline, seconds) from exc
        except Error as exc:
            if self._may_close(tab):
                return None
            gone = _gone(tab)
            if gone is not None:
                raise gone from exc
            if is_gone(exc):
                raise BrowserLost("the page went away during the call") from exc
            raise ActionFailed("failed", first_line(exc)) from exc

    async def _settle(self, tab: Tab, activity: Activity) -> str | None:
        arguments = "null"
        if self._input.snapshot is not False:
            arguments = self._view.looking(tab).arguments()
        started = time.monotonic()
        while True:
            world, said = await tab.worlds.ask_main(f"settle({arguments})")
            if said["taker"]:
                raise ActionFailed("covered", f"{self._input.ref} is covered by {said['taker']}")
            tab.title = said["title"][:MAX_TITLE]
            left = started + self._settle_bound - time.monotonic()
            if activity.failure is not None and said["url"].startswith(ERROR_PAGE):
                raise NavigationFailed(activity.failure)
            if activity.is_quiet or left <= 0:
                self._world = world
                page: str | None = said["page"]
                return page
            await activity.rest(left)

    async def _report(self, failure: ActionFailed | None, text: str | None) -> InteractOutput:
        state: PageState | None = None
        closed = ""
        if failure is not None:
            await self._let_go()
        try:
            tab = self._tabs.active
        except PageCrashed:
            current = self._tabs.current
            if failure is not None or current is None or not current.closed_itself:
                raise
            closed = "no tab is open any more"
            if self._input.action != "tab_close":
                closed = "the page closed itself"
            tab = None
        if tab is not None and self._input.snapshot is not False:
            state = await self._within(tab, self._look(tab, text), _LOOK_BOUND, "snapshot")
        new_tabs = await self._tabs.since(self._mark)
        message = (
            failure.detail if failure else "; ".join([*self._notes, closed]).strip("; ") or None
        )
        return InteractOutput(
            success=failure is None,
            action=self._input.action,
            message=message,
            code=failure.failure if failure else None,
            snapshot=state,
            url=tab.page.url[:MAX_URL] if tab else "",
            title=tab.title if tab else "",
            dialogs=state.dialogs if state else self._tabs.take_dialogs(),
            new_tabs=new_tabs,
        )

    async def _let_go(self) -> None:
        """An action that failed half-way must not leave its guard to the next one."""
        tab = self._tabs.current
        if tab is not None and tab.gone() is None:
            with anyio.move_on_after(_GRACE), suppress(Error, DocumentLeft):
                await tab.worlds.ask_main("release()")

    def _may_close(self, tab: Tab | None) -> bool:
        """Whether the action may have made the page close itself, which is no failure of it."""
        return tab is not None and tab.closed_itself and self._input.action != "wait"

    async def _look(self, tab: Tab, text: str | None) -> PageState:
        look = self._view.looking(tab)
        if text is not None and self._world.session is await tab.worlds.session():
            survey = await look.within(self._world, text)
        else:
            survey = await look.whole()
        tab.title = survey.title
        return await self._view.state(self._tabs, survey, delta=self._input.snapshot == "delta")

    async def tab_new(self) -> None:
        url = normalise(self._input.url) if self._input.url is not None else None
        tab = await self._tabs.new()
        self._tabs.activate(tab)
        if url is not None:
            await goto(tab, OpenInput(url=url, timeout=self._input.timeout or 30.0))

    async def tab_switch(self) -> None:
        if self._input.tab is None:
            raise ActionFailed("missing_input", "'tab' required for tab_switch action")
        tab = self._tabs.named(self._input.tab)
        self._tabs.activate(tab)
        await tab.page.bring_to_front()
        await self._loaded(tab)

    async def tab_close(self) -> None:
        await self._tabs.named(self._input.tab).page.close()
        if self._tabs.current is not None and not self._tabs.current.closed:
            await self._loaded(self._tabs.current)

    async def _loaded(self, tab: Tab) -> None:
        """A tab that comes to the front may still be on its way to its first document."""
        with suppress(Error):
            await tab.page.wait_for_load_state("domcontentloaded", timeout=NAVIGATION_BOUND * 1000)


_TAB_ACTIONS = {
    "tab_new": Interaction.tab_new,
    "tab_switch": Interaction.tab_switch,
    "tab_close": Interaction.tab_close,
}


def _gone(tab: Tab | None) -> AgentBrowserError | None:
    return tab.gone() if tab is not None else None
