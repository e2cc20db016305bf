"""Work of a context's parts that no call waits for: begun at an event or a time, ended with it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog
from playwright.async_api import Error

from agent_browser.browser.translate import is_gone

log = structlog.get_logger("agent_browser.browser")


class Errands:
    """What one part has under way. A page that goes away meanwhile is no news."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it, soon."""
        if self._is_closed:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(self._done(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _done(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Error as exc:
            if not is_gone(exc):
                log.warning("work beside the calls of a session failed", error=str(exc)[:500])
        except Exception:
            log.exception("work beside the calls of a session failed")

    async def close(self) -> None:
        """Break all of it off."""
        self._is_closed = True
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
