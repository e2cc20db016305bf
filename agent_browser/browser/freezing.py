"""The scripts of a context's pages stand still, and go on.

A page is halted as a debugger halts it, in a protocol session of its own: with that session it goes
on. Sockets stay connected; what comes meanwhile is handled after.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self, TypeVar

import anyio
from playwright.async_api import CDPSession, Error, Page

from agent_browser.browser import backstage
from agent_browser.browser.functions import Reach
from agent_browser.browser.tab import Tab

HALT_BOUND = 1.0
"""Seconds until a page stands still; one that a dialog holds does already."""
GO_BOUND = 2.0
_WITHIN = ("worker", "iframe")
_HALT = ("Debugger.enable", "Debugger.pause")
T = TypeVar("T")


class Freezing:
    """Whether a context's pages are frozen."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self.is_on = False
        self._halted: list[CDPSession] = []
        self._changing = anyio.Lock()
        self._trips: set[asyncio.Future[Any]] = set()

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    async def close(self) -> None:
        """What is frozen is closed as it is."""

    async def freeze(self) -> None:
        """See `engine.Context.freeze`."""
        async with self._changing:
            if self.is_on:
                return
            self.is_on = True
            self._reach.context.on("page", self._came)
            try:
                await _each(self._reach.tabs.open, self._halt)
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await self._let_go()
                raise

    async def thaw(self) -> None:
        """See `engine.Context.thaw`."""
        if not self.is_on and not self._changing.locked():
            return
        async with self._changing:
            if self.is_on:
                with anyio.CancelScope(shield=True):
                    await self._let_go()

    async def _came(self, page: Page) -> None:
        """A window that was on its way stands still too."""
        tab = None if backstage.is_ours(page) else self._reach.tabs.of(page)
        if tab is not None and self.is_on:
            await self._halt(tab)

    async def _halt(self, tab: Tab) -> None:
        if tab.crashed:
            return
        with suppress(Error), anyio.move_on_after(HALT_BOUND):
            session = await self._reach.context.new_cdp_session(tab.page)
            if not self.is_on:
                await session.detach()
                return
            self._halted.append(session)
            still = anyio.Event()
            session.on("Debugger.paused", lambda _: still.set())
            await self._halt_within(session)
            for method in _HALT:
                await session.send(method)
            # It stops at its next statement: this is one. It is answered when the page goes on.
            trip = asyncio.ensure_future(session.send("Runtime.evaluate", {"expression": "0"}))
            self._trips.add(trip)
            trip.add_done_callback(self._tripped)
            await still.wait()

    def _tripped(self, trip: asyncio.Future[Any]) -> None:
        self._trips.discard(trip)
        if not trip.cancelled():
            trip.exception()  # the session that it was asked in is ended

    async def _halt_within(self, session: CDPSession) -> None:
        """The workers of the page, and frames with a renderer of their own."""

        async def came(event: dict[str, Any]) -> None:
            if event["targetInfo"]["type"] not in _WITHIN:
                return
            for number, method in enumerate(_HALT):
                message = json.dumps({"id": number, "method": method})
                to = {"sessionId": event["sessionId"], "message": message}
                with suppress(Error):
                    await session.send("Target.sendMessageToTarget", to)

        session.on("Target.attachedToTarget", came)
        # Without a session of its own for each: Playwright would take those for its own.
        how = {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": False}
        await session.send("Target.setAutoAttach", how)

    async def _let_go(self) -> None:
        self.is_on = False
        self._reach.context.remove_listener("page", self._came)
        halted, self._halted = self._halted, []
        await _each(halted, _detach)


async def _detach(session: CDPSession) -> None:
    with suppress(Error), anyio.move_on_after(GO_BOUND):
        await session.detach()


async def _each(items: list[T], do: Callable[[T], Coroutine[Any, Any, None]]) -> None:
    async with anyio.create_task_group() as group:
        for item in items:
            group.start_soon(do, item)
