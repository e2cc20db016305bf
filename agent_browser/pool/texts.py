"""Texts: the words of the pages that sessions show are put into the archive, so that they are found
again. Taken when nobody calls.
"""

from functools import partial

import anyio
import structlog

from agent_browser.errors import AgentBrowserError
from agent_browser.models.records import PageText
from agent_browser.pool.means import Means
from agent_browser.session.session import Session

log = structlog.get_logger("agent_browser.pool")

REST = 1.0
"""Seconds without a call after which a page's text is taken."""
MOST = 20_000
"""Characters of a page that are kept."""
PATIENCE = 1.0
LAST_PATIENCE = 0.3
"""Seconds that a page has to give its text; at its session's end, whose room others wait for."""


class Texts:
    """Takes a page's text once its session rests, or ends before it did."""

    def __init__(self, means: Means) -> None:
        self._archive = means.archive
        self._clock = means.clock
        self._sweep = means.sweep
        self._spawn = means.spawn
        self._taken: dict[str, int] = {}
        self._due: set[str] = set()

    def used(self, session: Session) -> None:
        """A call on it has ended."""
        if session.keeps.text and session.id not in self._due:
            self._due.add(session.id)
            self._wait(session)

    async def last(self, session: Session) -> None:
        """It ends, its context still there: take what was not taken yet."""
        self._sweep.cancel(("text", session.id))
        if session.id in self._due:
            self._due.discard(session.id)
            await self._take(session, ends=True)
        self._taken.pop(session.id, None)

    def _rested(self, session: Session) -> None:
        """It rests if nothing was called since; else its time begins anew."""
        if not session.is_live:
            return
        if session.in_use or session.lifetime.used + REST > self._clock.monotonic():
            self._wait(session)
            return
        self._due.discard(session.id)
        self._spawn(self._take, session)

    def _wait(self, session: Session) -> None:
        when = max(session.lifetime.used, self._clock.monotonic() - REST / 2) + REST
        self._sweep.at(when, ("text", session.id), partial(self._rested, session))

    async def _take(self, session: Session, *, ends: bool = False) -> None:
        try:
            with anyio.move_on_after(LAST_PATIENCE if ends else PATIENCE):
                page = session.page
                text = await session.words(MOST, ends=ends)
                mark = hash((page.url, text))
                if text and self._taken.get(session.id) != mark:
                    self._taken[session.id] = mark
                    now = self._clock.now()
                    self._archive.put_page(PageText(session.id, page.url, page.title, text, now))
        except AgentBrowserError as exc:
            log.debug("no text of a page", session=session.id, reason=exc.detail)
