"""Shedding: entries of logs and texts of pages that are too old are erased, by the hour."""

from datetime import datetime, timedelta

import structlog

from agent_browser.errors import AgentBrowserError
from agent_browser.pool.means import Means

log = structlog.get_logger("agent_browser.pool")

EVERY = 3600.0


class Shedding:
    """Has the archive erase what is too old, and comes back in an hour, whatever came of it."""

    def __init__(self, means: Means) -> None:
        self._settings = means.settings
        self._archive = means.archive
        self._clock = means.clock
        self._sweep = means.sweep
        self._spawn = means.spawn

    async def shed(self) -> None:
        """Now, and every hour from now on."""
        try:
            await self._archive.shed(
                log_before=self._before(self._settings.log_retention),
                text_before=self._before(self._settings.page_text_retention),
            )
        except AgentBrowserError as exc:
            log.warning("what is too old was not erased", reason=exc.detail)
        finally:
            when = self._clock.monotonic() + EVERY
            self._sweep.at(when, "shedding", lambda: self._spawn(self.shed))

    def _before(self, seconds: float) -> datetime | None:
        return self._clock.now() - timedelta(seconds=seconds) if seconds else None
