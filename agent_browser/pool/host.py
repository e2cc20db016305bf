"""One browser process as the pool sees it: contexts are made in it, so many at a time, until it is
lost.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import anyio

from agent_browser.browser.engine import Browser, Context
from agent_browser.errors import BrowserLost, DeadlineExceeded
from agent_browser.models.functions import ContextOptions
from agent_browser.pool.orders import HostId

T = TypeVar("T")

MAKES_AT_ONCE = 4
"""Contexts made on one browser at a time; more only make each other late."""


class Host:
    """A browser that is up."""

    def __init__(self, host_id: HostId, browser: Browser, *, since: float) -> None:
        self.id = host_id
        self.browser = browser
        self.since = since
        self.memory = 0
        """Bytes, when last looked at."""
        self._gate = anyio.Semaphore(MAKES_AT_ONCE)
        self._scopes: set[anyio.CancelScope] = set()
        self._lost = False

    async def make(
        self, options: ContextOptions, recordings: Path | None, *, within: float
    ) -> Context:
        """A virgin context. BrowserLost as soon as the browser is, DeadlineExceeded."""

        async def work() -> Context:
            async with self._gate:
                return await self.browser.new_context(options, recordings=recordings)

        return await self._bounded(work, within)

    async def fit(self, context: Context, options: ContextOptions, *, within: float) -> None:
        """Apply options to a warm context. Fails as `make` does."""
        await self._bounded(lambda: context.apply(options), within)

    def lose(self) -> None:
        """The browser is gone: whoever waits for it is told now."""
        self._lost = True
        for scope in self._scopes:
            scope.cancel()

    async def _bounded(self, work: Callable[[], Awaitable[T]], within: float) -> T:
        if self._lost:
            raise BrowserLost
        with anyio.CancelScope(deadline=anyio.current_time() + within) as scope:
            self._scopes.add(scope)
            try:
                return await work()
            finally:
                self._scopes.discard(scope)
        if self._lost:
            raise BrowserLost
        raise DeadlineExceeded("open", within)
