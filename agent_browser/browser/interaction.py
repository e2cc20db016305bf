"""One interact call: the action, what it set going, and what came of it."""

import time
from collections.abc import Awaitable
from contextlib import nullcontext, suppress
from typing import TypeVar

import anyio
from playwright.async_api import CDPSession, Error

from agent_browser.browser import (
    answering,
    choosers,
    detour,
    fields,
    held,
    keys,
    navigation,
    pointer,
    touch,
    uploads,
    waiting,
)
from agent_browser.browser.actions import TABLE, Act
from agent_browser.browser.downloads import Downloads
from agent_browser.browser.engine import Secret, Upload
from agent_browser.browser.navigation import goto
from agent_browser.browser.settle import ERROR_PAGE, NAVIGATION_BOUND, Activity
from agent_browser.browser.tab import Tab
from agent_browser.browser.tabbing import TAB_ACTIONS
from agent_browser.browser.tabs import MAX_TITLE, Tabs, ask_title
from agent_browser.browser.translate import first_line, is_gone
from agent_browser.browser.veil import Veil
from agent_browser.browser.view import View
from agent_browser.browser.worlds import DocumentLeft
from agent_browser.errors import (
    ActionFailed,
    AgentBrowserError,
    BrowserLost,
    DeadlineExceeded,
    DialogWaiting,
    EgressDenied,
    InvalidUrl,
    NavigationFailed,
    PageCrashed,
)
from agent_browser.models.functions import InteractInput, InteractOutput, PageState
from agent_browser.models.looks import DeltaWish

FAMILIES = (answering, fields, keys, navigation, pointer, touch, uploads, waiting)
"""The modules whose actions are in the table."""

T = TypeVar("T")
_GRACE = 2.0
_LOOK_BOUND = 15.0
_DELTA: dict[object, DeltaWish] = {"delta": True, "delta_only": "only"}
"""What of a delta an action's `snapshot` asks for."""


class Interaction:
    """One action, from its input to its outcome."""

    def __init__(
        self,
        tabs: Tabs,
        view: View,
        input: InteractInput,
        uploads: tuple[Upload, ...],
        downloads: Downloads,
        settle_bound: float,
        *,
        secret: Secret | None = None,
        veil: Veil,
    ) -> None:
        self._tabs = tabs
        self._view = view
        self._input = input
        self._uploads = uploads
        self._secret = secret
        self._veil = veil
        self._downloads = downloads
        self._downloads_mark = downloads.mark()
        self._settle_bound = settle_bound
        self._mark = tabs.mark()
        self._notes: list[str] = []
        self._acted = False

    async def outcome(self) -> InteractOutput:
        """Do it. What can't be done is `success` false; a lost page or browser is raised."""
        failure: ActionFailed | None = None
        text: str | None = None
        try:
            text = await self._perform()
        except ActionFailed as exc:
            failure = exc
        except DialogWaiting as exc:
            failure = self._asked(exc)
        except (NavigationFailed, EgressDenied, InvalidUrl) as exc:
            failure = ActionFailed(exc.code, exc.detail)
        except DeadlineExceeded as exc:
            if exc.fields["deadline"] != "navigation":
                raise
            failure = ActionFailed(exc.code, exc.detail)
        return await self._report(failure, text)

    async def _perform(self) -> str | None:
        """Act and settle; what the collector said of the page then, if it was asked."""
        on_tabs = TAB_ACTIONS.get(self._input.action)
        if on_tabs is not None:
            self._acted = True
            await self._within(None, on_tabs(self._tabs, self._input), NAVIGATION_BOUND * 3)
            await self._downloads.settle(self._downloads_mark, self._settle_bound)
            return None
        tab = await self._place()
        act = Act(
            tab,
            self._view.numbers,
            self._input,
            self._uploads,
            lambda open: goto(tab, open),
            self._downloads,
            self._secret,
            self._veil,
            lambda named: self._view.place(tab, named),
        )
        chooser = tab.choosers.waiting
        answers = self._input.action == "dialog"
        session = tab.worlds.heard if answers else await self._listening(tab, act)
        async with Activity(
            tab.page, session, lambda: self._tabs.made, self._downloads, tab.choosers
        ) as activity:
            patience = act.seconds if answers else 0.0
            try:
                await self._within(tab, TABLE[self._input.action](act), act.seconds, patience)
            finally:
                self._acted = act.acted
            self._notes = act.notes
            bound = self._settle_bound + NAVIGATION_BOUND
            text = await self._within(tab, self._settle(tab, activity), bound, deadline="settle")
        if tab.choosers.waiting is not None and tab.choosers.waiting is not chooser:
            self._notes.append(choosers.NOTE)
        return text

    async def _place(self) -> Tab:
        """The tab to act on. DialogWaiting where a dialog is in the way."""
        if self._input.action == "goto":
            return await self._tabs.ready()
        if self._input.action == "dialog":
            return self._tabs.asking(self._input.tab)
        return await self._tabs.free(self._tabs.active)

    async def _listening(self, tab: Tab, act: Act) -> CDPSession | None:
        return await self._within(tab, tab.listening(), act.seconds)

    def _asked(self, exc: DialogWaiting) -> ActionFailed | None:
        """What a dialog means that came while acting: most likely that the action was done."""
        if not self._acted:
            return ActionFailed("dialog_waiting", exc.detail)
        self._notes = [*self._notes, exc.detail]
        return None

    async def _within(
        self,
        tab: Tab | None,
        work: Awaitable[T],
        seconds: float,
        patience: float = 0.0,
        *,
        deadline: str = "action",
    ) -> T | None:
        calling = tab.calling(patience=patience) if tab else nullcontext()
        try:
            with anyio.fail_after(seconds + _GRACE), calling:
                return await work
        except PageCrashed:
            if self._may_close(tab):
                return None
            self._check_closed(tab)
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
            arguments = self._view.looking(tab, most=self._input.limit).arguments()
        started = time.monotonic()
        while True:
            world, said = await tab.worlds.ask_main(f"settle({arguments})")
            if said["taker"]:
                raise ActionFailed("covered", f"{self._input.ref} is covered by {said['taker']}")
            tab.title = said["title"][:MAX_TITLE]
            if said["saves"]:
                activity.expect_download()
            left = started + self._settle_bound - time.monotonic()
            if activity.failure is not None and said["url"].startswith(ERROR_PAGE):
                way_out = detour.of(tab.page.context)
                raise way_out.explained(NavigationFailed(activity.failure), tab.page)
            if activity.is_quiet or left <= 0:
                self._world = world
                page: str | None = said["page"]
                return page
            await activity.rest(left)

    async def _report(self, failure: ActionFailed | None, text: str | None) -> InteractOutput:
        state: PageState | None = None
        closed = ""
        if failure is not None and self._tabs.waiting is None:
            await self._let_go()
        try:
            tab = self._tabs.active
        except PageCrashed:
            current = self._tabs.current
            if failure is not None or current is None or not current.closed_itself:
                raise
            closed = "no tab is open any more" if current.was_closed else "the page closed itself"
            tab = None
        if tab is not None and self._input.snapshot is not False:
            state = await self._looked(tab, text)
        elif tab is not None and self._input.action in TAB_ACTIONS and self._tabs.waiting is None:
            await ask_title(tab)
        new_tabs = await self._tabs.since(self._mark)
        refused = state.refused_tabs if state else self._tabs.take_refused()
        if refused:
            most = self._tabs.most
            self._notes.append(f"{refused} more tabs were refused: a session may have {most}")
        message = (
            failure.detail if failure else "; ".join([*self._notes, closed]).strip("; ") or None
        )
        return InteractOutput(
            success=failure is None,
            action=self._input.action,
            message=message,
            code=failure.failure if failure else None,
            snapshot=state,
            url=tab.url if tab else "",
            title=tab.title if tab else "",
            dialogs=state.dialogs if state else self._tabs.take_dialogs(),
            new_tabs=new_tabs,
            tabs=await self._tabs.listed() if self._input.action in TAB_ACTIONS else [],
            refused_tabs=refused,
        )

    def _check_closed(self, tab: Tab | None) -> None:
        """ActionFailed where the tab closed while waited in it, and another took its place."""
        now = self._tabs.current
        if tab is not None and tab.closed_itself and now is not None and now is not tab:
            raise ActionFailed("tab_closed", f"{tab.id} closed meanwhile; {now.id} is active now")

    async def _looked(self, tab: Tab, text: str | None) -> PageState | None:
        """The page after the action; as last known where a dialog keeps it from answering."""
        try:
            await self._tabs.free(tab)
            return await self._within(tab, self._look(tab, text), _LOOK_BOUND, deadline="snapshot")
        except DialogWaiting:
            return held.state(self._tabs, self._input)

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
        look = self._view.looking(tab, most=self._input.limit)
        if text is not None and self._world.session is await tab.worlds.session():
            survey = await look.within(self._world, text)
        else:
            survey = await look.whole()
        tab.title = survey.title
        delta = _DELTA.get(self._input.snapshot, False)
        return await self._view.told(self._tabs, survey, self._input, delta=delta)


def _gone(tab: Tab | None) -> AgentBrowserError | None:
    return tab.gone() if tab is not None else None
