"""Shedding: entries of logs and texts of pages that are too old are erased, by the hour."""

import structlog

from agent_browser.clock import Steady
from agent_browser.errors import AgentBrowserError
from agent_browser.pool.means import Means

log = structlog.get_logger("agent_browser.pool")

EVERY = 3600.0
SOON = 60.0
"""Seconds until the next try where somebody's reading keeps bytes on the disk."""


class Shedding:
    """Has the archive erase what is too old, and comes back in an hour, or soon where something of
    what was erased is still on the disk.
    """

    def __init__(self, means: Means) -> None:
        self._settings = means.settings
        self._archive = means.archive
        self._clock = means.clock
        self._steady = Steady(means.clock)
        self._sweep = means.sweep
        self._spawn = means.spawn

    async def shed(self) -> None:
        """Now, and every hour from now on."""
        wait = EVERY
        try:
            is_done = await self._archive.shed(
                self._steady.now(),
                log=self._settings.log_retention,
                texts=self._settings.page_text_retention,
            )
            wait = EVERY if is_done else SOON
        except AgentBrowserError as exc:
            log.warning("what is too old was not erased", reason=exc.detail)
        finally:
            self._again(wait)

    def soon(self) -> None:
        """Bytes of what was erased could not go from the disk: try again in a minute."""
        self._again(SOON)

    def _again(self, seconds: float) -> None:
        when = self._clock.monotonic() + seconds
        self._sweep.at(when, "shedding", lambda: self._spawn(self.shed))
