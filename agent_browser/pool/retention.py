"""Retention: hibernated and ended sessions are kept for their time, over restarts too, and then
forgotten but for their id, whose they were, when and why; in the end altogether.
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Hashable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

import anyio
import structlog

from agent_browser.clock import Steady
from agent_browser.errors import AgentBrowserError
from agent_browser.ids import is_session_id
from agent_browser.models.base import rfc3339
from agent_browser.models.records import Record
from agent_browser.models.sessions import EndReason
from agent_browser.pool.means import Means
from agent_browser.pool.register import Register
from agent_browser.pool.shedding import Shedding
from agent_browser.session.description import as_ended, as_hibernated, told_asleep

log = structlog.get_logger("agent_browser.pool")

EXPIRED_KEPT = timedelta(days=30)
"""For so long the id of an expired session is told from one that never was."""
MOST_TIMERS = 10_000
"""Sessions with a timer of their own; the others are found when the archive is asked."""
APART = 60.0
"""Seconds between two looks into the archive, at least, also after one that failed."""
LOOK = ("retention", "look")


class Retention:
    """Forgets in time. Sessions that ended in this run are timed by the monotonic clock; what is
    left of earlier ones is asked of the archive when the first of them is due, by wall time.
    """

    def __init__(self, register: Register, shedding: Shedding, means: Means) -> None:
        self._register = register
        self._shedding = shedding
        self._archive = means.archive
        self._checkpoints = means.checkpoints
        self._settings = means.settings
        self._strays: set[str] = set()
        self._publisher = means.publisher
        self._clock = means.clock
        self._steady = Steady(means.clock)
        self._sweep = means.sweep
        self._spawn = means.spawn
        self._timed: set[str] = set()
        self._over: set[str] = set()
        self._looks_at = math.inf
        self.lock = anyio.Lock()
        """Held while a record is read to be changed, or erased: neither brings one back."""

    async def take_over(self) -> None:
        """What was live when the last server stopped is hibernated as it was last saved, or ended
        where it was not. DatabaseUnusable.
        """
        now = self._clock.now()
        saved = {key for key in await self._checkpoints.keys() if is_session_id(key)}
        for id, owner in (await self._archive.hibernated()).items():
            self._register.hibernated.put(id, owner, 1)
        for record in await self._archive.unfinished():
            left = as_left(record, now, is_saved=record.id in saved)
            self._archive.put_record(left)
            self.watch(left)
            if left.state == "hibernated":
                self._register.hibernated.put(left.id, left.owner, 1)
                log.info("session was left behind and is hibernated", session=left.id)
                kept = told_asleep(left, "server_lost")
                self._publisher.publish("session.hibernated", left.id, left.owner, kept)
                continue
            log.info("session was left behind", session=left.id, reason=left.end_reason)
            told = {"reason": left.end_reason, "ended_at": rfc3339(left.ended_at or now)}
            self._publisher.publish("session.ended", left.id, left.owner, told)
        self._strays = {id for id in saved if id not in self._register.hibernated}

    async def erase_strays(self) -> None:
        """Erase the states, found at the start, of sessions that have ended; and those of sessions
        that the archive does not know once they are older than any retention: it may be another
        archive than theirs.
        """
        latest = self._steady.now() - timedelta(seconds=self._settings.max_retention)
        unknown = 0
        for session_id in self._strays:
            try:
                record = await self._archive.find(session_id)
                if record is None and not await self._is_older(session_id, latest):
                    unknown += 1
                elif record is None or record.state in ("ended", "expired"):
                    await self._erase_states([session_id])
            except AgentBrowserError as exc:
                log.warning("a state was left as it is", session=session_id, reason=exc.detail)
        if unknown:
            log.warning(
                "states of sessions that the database does not know are kept", count=unknown
            )

    async def _is_older(self, session_id: str, latest: datetime) -> bool:
        listed = await self._checkpoints.listed(session_id)
        return bool(listed) and listed[0].created_at < latest

    async def _erase_states(self, session_ids: Collection[str]) -> None:
        """Leave nothing of these sessions' states; what can't be erased now is, at the next
        start.
        """
        try:
            await self._checkpoints.erase(*session_ids)
        except AgentBrowserError as exc:
            log.warning("states were not erased", count=len(session_ids), reason=exc.detail)

    def unwatch(self, session_id: str) -> None:
        """A session is being brought back."""
        self._sweep.cancel(("retention", session_id))
        self._timed.discard(session_id)

    def watch(self, record: Record) -> None:
        """A session is hibernated or has ended, or its retention is another now."""
        key = ("retention", record.id)
        self.unwatch(record.id)
        if record.forgets_at is None:
            return
        seconds = max(0.0, (record.forgets_at - self._steady.now()).total_seconds())
        if len(self._timed) >= MOST_TIMERS:
            self._look_in(seconds)
            return
        self._timed.add(record.id)
        when = self._clock.monotonic() + seconds
        self._sweep.at(when, key, partial(self._due, record.id))

    async def erase(self, session_id: str) -> None:
        """Leave nothing of it, at once; bytes that somebody's reading keeps on the disk, soon.
        DatabaseUnusable, StorageFull.
        """
        async with self.lock:
            self.unwatch(session_id)
            self._register.forget(session_id)
            self._publisher.forget(session_id)
            await self._checkpoints.erase(session_id)
            if not await self._archive.erase(session_id):
                self._shedding.soon()

    def _due(self, session_id: str) -> None:
        self._timed.discard(session_id)
        self._over.add(session_id)
        if len(self._over) == 1:
            self._spawn(self._forget)

    async def _forget(self) -> None:
        """Forget those whose timers have come, all at once: erasing takes its time."""
        async with self._tried(("retention", "over"), self._forget), self.lock:
            while over := frozenset(self._over):
                found = [await self._archive.find(session_id) for session_id in over]
                await self._expire([record for record in found if record and self._is_over(record)])
                self._over -= over

    async def look(self) -> None:
        """Forget what is due by the archive, and look again when the next is."""
        self._looks_at = math.inf
        async with self._tried(LOOK, self.look):
            while await self._forget_due():
                pass
            following = await self._archive.next_due()
            if following is not None:
                self._look_in((following - self._steady.now()).total_seconds())

    async def _forget_due(self) -> int:
        async with self.lock:
            due = await self._archive.due(self._steady.now())
            due = [record for record in due if not self._is_timed(record.id)]
            await self._expire(due)
        return len(due)

    async def _expire(self, due: list[Record]) -> None:
        """Forget these; those that had expired before altogether."""
        # Their bytes go with the next shedding: to clean the files takes seconds each time.
        await self._archive.erase(*(record.id for record in due), at_once=False)
        await self._erase_states([record.id for record in due if record.state == "hibernated"])
        now = self._clock.now()
        for record in due:
            if record.state == "expired":
                continue
            self._register.hibernated.drop(record.id)
            session = self._register.ended.pop(record.id, None)
            if session is not None:
                session.expire()
            # No await since it was erased: nobody has seen it as one that never was.
            self._archive.put_record(stripped(record, now))
            self._look_in(EXPIRED_KEPT.total_seconds())
            told = {
                "ended_at": rfc3339(record.ended_at or now),
                "end_reason": record.end_reason or "idle",
            }
            self._publisher.publish("session.expired", record.id, record.owner, told)

    def _is_over(self, record: Record) -> bool:
        """Whether its time is over still: it may have been pinned, or given more, or forgotten."""
        kept = record.forgets_at is None or self._is_timed(record.id)
        return record.state in ("hibernated", "ended") and not kept

    def _is_timed(self, session_id: str) -> bool:
        """Whether it has a timer of its own, or gets one when its end is done."""
        session = self._register.get(session_id)
        is_ending = session is not None and not session.gone.is_set()
        is_waking = session_id in self._register.waking
        return is_ending or is_waking or session_id in self._timed

    def _look_in(self, seconds: float) -> None:
        when = self._clock.monotonic() + max(APART, seconds)
        if when < self._looks_at:
            self._looks_at = when
            self._sweep.at(when, LOOK, lambda: self._spawn(self.look))

    @asynccontextmanager
    async def _tried(
        self, key: Hashable, again: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[None]:
        """What failed is tried again later: a database may be locked for a while."""
        try:
            yield
        except Exception:
            log.warning("sessions could not be forgotten", retry_in=APART, exc_info=True)
            when = self._clock.monotonic() + APART
            self._sweep.at(when, key, lambda: self._spawn(again))


def as_left(record: Record, now: datetime, *, is_saved: bool = False) -> Record:
    """A session that was live when the last server stopped. One that was saved is hibernated from
    now on, unless it was to end when idle and has lapsed by now. Of the others, what would have
    lapsed has lapsed, the rest were lost with the server.
    """
    lapsed = record.expires_at is not None and record.expires_at <= now
    if is_saved and not (lapsed and record.timeouts.on_idle == "end"):
        return as_hibernated(record, now)
    longest = record.created_at + timedelta(seconds=record.timeouts.max_duration)
    reason: EndReason = "server_lost"
    ended_at = max(now, record.last_activity_at)
    if record.expires_at is not None and record.expires_at <= now:
        ended_at = record.expires_at
        # The two were reckoned from clocks read one after the other.
        reason = "max_duration" if longest - ended_at <= timedelta(milliseconds=100) else "idle"
    return as_ended(record, ended_at, reason)


def stripped(record: Record, now: datetime) -> Record:
    """What is kept of a session whose retention is over."""
    return Record(
        id=record.id,
        owner=record.owner,
        state="expired",
        created_at=record.created_at,
        last_activity_at=record.last_activity_at,
        timeouts=record.timeouts,
        ended_at=record.ended_at or record.forgets_at,
        end_reason=record.end_reason or "idle",
        forgets_at=now + EXPIRED_KEPT,
        expired_at=now,
    )
