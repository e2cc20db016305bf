"""The sessions that a scrape makes: one for each page or each host, or none where one was given.
What was made is ended, whatever happens.
"""

from typing import Any

import anyio
import structlog

from agent_browser.errors import AgentBrowserError
from agent_browser.models.functions import CloseInput
from agent_browser.models.scraping import ScrapeInput
from agent_browser.models.sessions import Privacy, SessionCreate, TimeoutsInput
from agent_browser.service import Caller, SessionService

TAG = "scrape"
"""Tag of every session that a scrape made."""

PRIVACY = Privacy(page_text=False)
"""What is read is in the answer; to keep it for the search as well takes a tenth of a scrape."""
TIMEOUTS = TimeoutsInput(on_idle="end")
"""They are nobody's to come back to."""

log = structlog.get_logger(__name__)


class Stays:
    """Sessions by host. One that is kept is used by one page at a time."""

    def __init__(self, service: SessionService, caller: Caller, request: ScrapeInput) -> None:
        self._service = service
        self._caller = caller
        self._mode = request.session
        self._options = request.options
        self._films = bool(request.options.record_video) or any(
            reading.function == "record" for reading in request.read
        )
        self._kept: dict[str, str] = {}
        self._made: set[str] = set()

    @property
    def makes_own(self) -> bool:
        """Whether its sessions are made, and ended, here."""
        return self._mode in ("per_url", "per_host")

    @property
    def is_shared(self) -> bool:
        """Whether pages share a session, at least those of one host."""
        return self._mode != "per_url"

    async def enter(self, host: str) -> str:
        """The id of the session that a page of the host is to be opened in. PoolFull and whatever
        else a new session may fail with.
        """
        if not self.makes_own:
            return self._mode
        kept = self._kept.get(host)
        if kept in self._made:
            return kept
        # Nobody is there to answer what a page asks.
        options = {"dialogs": "dismiss", **self._options.model_dump(exclude_none=True)}
        request = SessionCreate(**options, tags=[TAG], privacy=PRIVACY, timeouts=TIMEOUTS)
        session = (await self._service.create(self._caller, request)).id
        # No await between here and the next line: a session that nobody knows would stay.
        self._made.add(session)
        if self.is_shared:
            self._kept[host] = session
        return session

    async def leave(self, session: str) -> list[dict[str, Any]]:
        """The page is read; where its session was for it alone, the videos that it left."""
        if self.is_shared:
            return []
        return await self._end(session)

    async def finish(self, host: str) -> None:
        """The host has no more pages."""
        session = self._kept.pop(host, None)
        if session is not None:
            await self.break_off(session)

    async def break_off(self, session: str) -> None:
        """End a session that was made here at once, with the call that may be under way in it. The
        next page of its host gets another.
        """
        if session not in self._made:
            return
        self._made.discard(session)
        with anyio.CancelScope(shield=True):
            try:
                await self._service.end(self._caller, session)
            except AgentBrowserError as exc:
                log.debug("a session had gone before", session=session, code=exc.code)

    async def end_all(self) -> None:
        """End every session that was made here."""
        for session in list(self._made):
            await self.break_off(session)

    async def _end(self, session: str) -> list[dict[str, Any]]:
        if not self._films:
            await self.break_off(session)
            return []
        try:
            closed = await self._service.call(self._caller, "close", CloseInput(), session=session)
        finally:
            await self.break_off(session)
        return list(closed.model_dump(mode="json").get("videos", ()))
