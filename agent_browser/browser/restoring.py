"""A state brought into a context in which nothing was opened yet.

First what is stored and the tabs' histories, in empty documents, so that it is there before any
script of a page runs; then the pages; in the end what was filled in and how far they were scrolled.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any, cast

import anyio
from playwright.async_api import Error

from agent_browser.browser import backstage
from agent_browser.browser.ages import Ages, unexpired
from agent_browser.browser.emulation import Conditions
from agent_browser.browser.functions import Reach
from agent_browser.browser.returning import Returning
from agent_browser.browser.revival import (
    BLANK,
    Holding,
    Plan,
    Revived,
    What,
    origin_of,
    planned,
    shares,
)
from agent_browser.browser.saving import Saving
from agent_browser.browser.standin import Failures, StandIn, messages, put, standing_in
from agent_browser.browser.tab import Tab
from agent_browser.browser.translate import first_line
from agent_browser.errors import AgentBrowserError, BrowserLost
from agent_browser.models.checkpoints import DATABASES, EXPIRIES, FILES, LOCAL, SESSION, Loss, State
from agent_browser.models.functions import ContextOptions

AT_ONCE = 4
"""Tabs that are brought back at the same time."""
REBUILDING = 0.6
"""The part of the time that may go by until pages begin to load."""
_LATE = "there was no time for it"
_NO_ANSWER = "it does not answer"
Send = Callable[[dict[str, Any]], Awaitable[Failures]]
"""Has a message put into the document that is there. Error, TimeoutError."""


async def restore(reach: Reach, state: State, within: float) -> tuple[Loss, ...]:
    """See `engine.Context.restore`."""
    deadline = anyio.current_time() + within
    fresh, ages = _fresh(state)
    plan = planned(fresh)
    if ages is None:
        plan.lose("local_storage", "", "when its entries end can't be read")
    elif ages:
        await reach.part(Ages).load(ages)
    reach.part(Saving).seed(plan.fit(fresh))
    restoration = _Restoration(reach, plan, deadline, within)
    try:
        await restoration.carry_out()
    except Error as exc:
        raise BrowserLost() from exc
    if reach.lost.browser:
        raise BrowserLost
    reach.part(Saving).owe(_owed(fresh, restoration.failed))
    return tuple(plan.losses)


def _fresh(state: State) -> tuple[State, Any]:
    """The state without entries that have ended; and when the others will, None if that can't be
    read.
    """
    try:
        return unexpired(state), state.value(EXPIRIES, [])
    except (ValueError, RecursionError):
        return state, None


def _owed(state: State, failed: Collection[str]) -> State:
    """The parts of the state with what these origins, and these tabs, have stored."""

    def is_owed(name: str) -> bool:
        whose = name.partition(" ")[2]
        if name.startswith((LOCAL, DATABASES, FILES)):
            return origin_of(whose) in failed
        return name.startswith(SESSION) and whose in failed

    return State({name: part for name, part in state.parts.items() if is_owed(name)})


class _Restoration:
    """One state on its way into one context. What fails of it is a loss, unless the browser is."""

    def __init__(self, reach: Reach, plan: Plan, deadline: float, within: float) -> None:
        self._reach = reach
        self._plan = plan
        self._deadline = deadline
        self._rebuilt_by = deadline - within * (1 - REBUILDING)
        self._rest: dict[str, Holding] = {
            origin: holding for origin, holding in plan.origins.items() if not holding.is_empty
        }
        """What origins have stored and is not put in yet, as a whole."""
        self.failed: set[str] = set()
        """Origins, and tabs by their ids, that do not have all that they are to have stored."""

    async def carry_out(self) -> None:
        plan, reach = self._plan, self._reach
        reach.view.numbers.count_from(plan.last_ref)
        tabs = await self._bring_tabs()
        order = sorted(tabs, key=lambda pair: pair[1].state.id != plan.active)
        shared, left = shares(plan, [revived for _, revived in order])
        for tab, _ in tabs:
            tab.is_untold = True
        with anyio.move_on_after(self._rebuilt_by - anyio.current_time()):
            await self._few(
                [
                    lambda: self._give_cookies(),
                    lambda: self._give_passkeys(),
                    *(self._rebuilding(pair, shared[pair[1].state.id]) for pair in order),
                    *([lambda: self._visit(left)] if left else []),
                ]
            )
        for origin in list(self._rest):
            self.lose_holding(origin, _LATE)
        self._check()
        await reach.part(Saving).begin()
        await self._few([self._returning(pair) for pair in order])
        self._check()

    def _check(self) -> None:
        if self._reach.lost.beneath or self._reach.lost.context:
            raise BrowserLost

    async def _few(self, works: Iterable[Callable[[], Awaitable[None]]]) -> None:
        """Some at a time, in order."""
        limit = anyio.CapacityLimiter(AT_ONCE)
        lost: list[BrowserLost] = []

        async def work(one: Callable[[], Awaitable[None]]) -> None:
            try:
                async with limit:
                    await one()
            except BrowserLost as exc:
                lost.append(exc)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for one in works:
                group.start_soon(work, one)
        if lost:
            raise lost[0]

    async def _bring_tabs(self) -> list[tuple[Tab, Revived]]:
        plan, tabs = self._plan, self._reach.tabs
        revived = plan.tabs
        brought = await tabs.bring([each.state.id for each in revived])
        tabs.count_from(plan.last_tab)
        for each in revived[len(brought) :]:
            why = f"a session may have {tabs.most} tabs open"
            plan.lose("tab", f"{each.state.id} {each.url}", why)
        pairs = list(zip(brought, revived, strict=False))
        for tab, each in pairs:
            tab.title = each.state.title
            tab.opener = each.state.opener
            if each.state.opener is not None:
                plan.lose("opener", each.state.id, f"window.opener was {each.state.opener}'s")
            if each.state.id == plan.active:
                tabs.activate(tab)
        return pairs

    async def _give_cookies(self) -> None:
        cookies = cast("Any", self._plan.cookies)
        if not cookies:
            return
        try:
            await self._reach.context.add_cookies(cookies)
        except Error:
            for cookie in cookies:
                await self._give_cookie(cookie)

    async def _give_cookie(self, cookie: Any) -> None:
        try:
            await self._reach.context.add_cookies([cookie])
        except Error as exc:
            where = str(cookie.get("domain") or cookie.get("url", ""))
            self._plan.lose("cookies", where, first_line(exc))

    async def _give_passkeys(self) -> None:
        if not self._plan.passkeys:
            return
        conditions = self._reach.part(Conditions)
        for passkey in self._plan.passkeys:
            try:
                await conditions.apply(ContextOptions.model_construct(passkeys=[passkey]))
            except Error as exc:
                self._plan.lose("passkeys", passkey.rp_id, first_line(exc))

    def lose_holding(self, origin: str, why: str) -> None:
        """What it has stored could not be put in, or not all of it."""
        holding = self._rest.pop(origin, None)
        if holding is None:
            return
        self.failed.add(origin)
        if holding.local:
            self._plan.lose("local_storage", origin, why)
        if holding.databases:
            self._plan.lose("indexed_db", origin, why)
        if holding.files:
            self._plan.lose("files", origin, why)

    async def _visit(self, origins: Sequence[str]) -> None:
        """Put in what origins that no tab was at have stored, in a page that nobody is told of."""
        why = _LATE
        try:
            session = await self._reach.tabs.open[0].worlds.session()
            target = await session.send("Target.getTargetInfo")
            place = target["targetInfo"]["browserContextId"]
            async with backstage.opened(self._reach.context, place) as stage:
                for origin in origins:
                    await self._put_apart(stage, origin)
        except (Error, TimeoutError, IndexError) as exc:
            why = first_line(exc) or why
        else:
            return
        for origin in origins:
            self.lose_holding(origin, why)

    async def _put_apart(self, stage: backstage.Backstage, origin: str) -> None:
        try:
            frame = await stage.visit(origin)
            await self.put_holding(origin, partial(put, stage.session, frame, "put"))
        except (Error, TimeoutError) as exc:
            if self._reach.lost.beneath or stage.page.is_closed():
                raise
            self.lose_holding(origin, first_line(exc) or _NO_ANSWER)

    async def put_holding(self, origin: str, send: Send) -> None:
        """Put in what it has stored; it is not lost until all of it is there. Error,
        TimeoutError.
        """
        holding = self._rest.get(origin)
        if holding is None:
            return
        try:
            for message in messages(holding):
                self.lose(await send({**message, "origin": origin}), origin)
        except RecursionError as exc:
            raise Error("its values lie too deep in one another") from exc
        self._rest.pop(origin, None)

    def lose(self, failures: Iterable[tuple[str, str]], where: str) -> None:
        """What could not be put in."""
        for what, why in failures:
            self._plan.lose(cast("What", what), where, why)

    def _rebuilding(
        self, pair: tuple[Tab, Revived], mine: Sequence[str]
    ) -> Callable[[], Awaitable[None]]:
        return lambda: self._rebuild(*pair, mine)

    def _returning(self, pair: tuple[Tab, Revived]) -> Callable[[], Awaitable[None]]:
        return lambda: Returning(*pair, self._plan, self._deadline).carry_out()

    async def _rebuild(self, tab: Tab, revived: Revived, mine: Sequence[str]) -> None:
        """A tab's history and sessionStorage, and what its origins have stored."""
        if not (revived.entries or revived.session or mine):
            return
        rebuilding = _Rebuilding(self, revived, mine)
        why: str | None = _LATE
        try:
            with tab.calling(), tab.dialogs.leaving():
                async with standing_in(tab) as blank:
                    await rebuilding.carry_out(blank)
            why = None
        except BrowserLost:
            why = None
            raise
        except (Error, TimeoutError, AgentBrowserError) as exc:
            why = first_line(exc) or _NO_ANSWER
        finally:
            if why is not None:
                self._plan.lose("history", tab.id, why)
                rebuilding.give_up(why)
            backstage.disown(tab.page)


class _Rebuilding:
    """One tab's."""

    def __init__(self, whole: _Restoration, revived: Revived, mine: Sequence[str]) -> None:
        self._whole = whole
        self._revived = revived
        self._mine = set(mine)
        self._session = dict(revived.session)
        """By origin what it does not have yet."""

    async def carry_out(self, blank: StandIn) -> None:
        entries, index = self._revived.entries, self._revived.index
        shown = {origin: None for origin in map(origin_of, entries) if origin}
        elsewhere = [o for o in {**self._session, **dict.fromkeys(self._mine)} if o not in shown]
        for origin in elsewhere:
            await blank.visit(f"{origin}/")
            await self._put(blank, origin)
        is_fresh = not elsewhere
        for place, url in enumerate(entries or [BLANK]):
            if place or url != BLANK or not is_fresh:
                await blank.visit(url)
            if place == 0 and (url != BLANK or not is_fresh):
                await blank.begin_history()
            await self._put(blank, origin_of(url), state=self._state(place == index))
        if index < len(entries) - 1:
            await blank.go_back(len(entries) - 1 - index)

    def _state(self, is_present: bool) -> Any:
        return self._revived.state.state if is_present else None

    def give_up(self, why: str) -> None:
        """What is not there will not be."""
        for origin in list(self._session):
            self._lose_session(origin, why)
        for origin in self._mine:
            self._whole.lose_holding(origin, why)

    def _lose_session(self, origin: str, why: str) -> None:
        del self._session[origin]
        self._whole.failed.add(self._revived.state.id)
        self._whole.lose([("session_storage", why)], f"{self._revived.state.id} {origin}")

    async def _put(self, blank: StandIn, origin: str | None, *, state: Any = None) -> None:
        """What is due in the document that is there now. What of it fails is lost, and nothing
        else is.
        """
        if origin is None:
            return
        tab_id = self._revived.state.id

        async def send(message: dict[str, Any]) -> Failures:
            return await blank.put("put", {**message, "origin": origin})

        if state is not None:
            try:
                self._whole.lose(await send({"state": state}), tab_id)
            except (Error, TimeoutError) as exc:
                self._whole.lose([("history", first_line(exc) or _NO_ANSWER)], tab_id)
        if origin in self._session:
            try:
                failures = await send({"session": self._session[origin]})
            except (Error, TimeoutError) as exc:
                self._lose_session(origin, first_line(exc) or _NO_ANSWER)
            else:
                del self._session[origin]
                self._whole.lose(failures, f"{tab_id} {origin}")
        if origin in self._mine:
            try:
                await self._whole.put_holding(origin, send)
            except (Error, TimeoutError) as exc:
                self._whole.lose_holding(origin, first_line(exc) or _NO_ANSWER)
            self._mine.discard(origin)
