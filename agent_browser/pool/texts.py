"""Texts: the words of the pages that sessions show are put into the archive, so that they are found
again. Nobody waits for it: a page's address and title are put as a call ends there, its text is
asked for when the call has its answer, and again once nobody calls.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakKeyDictionary

import anyio
import structlog

from agent_browser.browser.engine import Words
from agent_browser.errors import AgentBrowserError
from agent_browser.models.records import PageText
from agent_browser.pool.means import Means
from agent_browser.session.session import Session

log = structlog.get_logger("agent_browser.pool")

REST = 1.0
"""Seconds without a call after which a page's text is taken again: more of it may have come."""
MOST = 20_000
"""Characters of a page that are kept."""
PATIENCE = 1.0
LAST_PATIENCE = 0.3
"""Seconds that a page has to give its text; at its session's end, whose room others wait for."""
BLANK = ("", "about:blank")
REMEMBERED = 64
"""Pages of a session of which it is known what was put."""


@dataclass
class _Seen:
    """What is known of a session's pages."""

    uses: int = 0
    """Calls that had ended when it was looked at last."""
    read: str = ""
    """Where its text was taken last."""
    url: str = ""
    due: bool = False
    """Its text is to be taken once it rests."""
    put: OrderedDict[str, int] = field(default_factory=OrderedDict)
    """Marks of what was put, by address, those of latest first last."""
    reading: anyio.Event | None = None
    """Set when the latest taking of it is over."""


class Texts:
    """Takes a page's text after the call that went there, and when its session rests or ends."""

    def __init__(self, means: Means) -> None:
        self._archive = means.archive
        self._clock = means.clock
        self._sweep = means.sweep
        self._spawn = means.spawn
        self._seen: WeakKeyDictionary[Session, _Seen] = WeakKeyDictionary()

    def used(self, session: Session) -> None:
        """A call on it may have ended; where it was only kept alive, none has."""
        if not session.keeps.text:
            return
        seen = self._seen.setdefault(session, _Seen())
        if seen.uses == session.lifetime.uses:
            return
        seen.uses = session.lifetime.uses
        url = session.url
        if url != seen.url and url not in BLANK:
            seen.url = url
            if url not in seen.put:  # what is kept of it is not to be replaced by nothing
                self._put(session, seen, Words(url, session.page.title, ""))
            self._spawn(self._take, session, seen)
        if not seen.due:
            seen.due = True
            self._wait(session, seen)

    async def last(self, session: Session) -> None:
        """It ends, its context still there: take the text of its page, if none was taken of it. A
        second look at a page costs a session that is soon over more than there is to find.
        """
        self._sweep.cancel(("text", session.id))
        seen = self._seen.pop(session, None)
        if seen is None or not seen.due:
            return
        with anyio.move_on_after(LAST_PATIENCE):
            if seen.reading is not None:
                await seen.reading.wait()
            if session.url != seen.read:
                await self._take(session, seen)

    def _rested(self, session: Session, seen: _Seen) -> None:
        """It rests if nothing was called since; else its time begins anew."""
        if not session.is_live:
            return
        if session.in_use or session.lifetime.used + REST > self._clock.monotonic():
            self._wait(session, seen)
            return
        seen.due = False
        self._spawn(self._take, session, seen)

    def _wait(self, session: Session, seen: _Seen) -> None:
        when = max(session.lifetime.used, self._clock.monotonic() - REST / 2) + REST
        self._sweep.at(when, ("text", session.id), partial(self._rested, session, seen))

    async def _take(self, session: Session, seen: _Seen) -> None:
        # No await between here and the question: the next call may leave the page.
        seen.reading = over = anyio.Event()
        try:
            with anyio.move_on_after(PATIENCE):
                words = await session.words(MOST)
                if words is not None and words.text:
                    seen.read = words.url
                    self._put(session, seen, words)
        except AgentBrowserError as exc:
            log.debug("no text of a page", session=session.id, reason=exc.detail)
        finally:
            over.set()

    def _put(self, session: Session, seen: _Seen, words: Words) -> None:
        mark = hash((words.title, words.text))
        if seen.put.get(words.url) == mark or not session.keeps.text:
            return
        seen.put[words.url] = mark
        seen.put.move_to_end(words.url)
        if len(seen.put) > REMEMBERED:
            seen.put.popitem(last=False)
        now = self._clock.now()
        self._archive.put_page(PageText(session.id, words.url, words.title, words.text, now))
