"""The directory: sessions found, listed, named, renewed. What is live is told as it is now, the
rest as the archive has it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from agent_browser import ids
from agent_browser.clock import wall_time
from agent_browser.errors import CannotRenew, SessionNotFound
from agent_browser.models import sessions as wire
from agent_browser.models.actions import Action, ActionList
from agent_browser.models.base import rfc3339
from agent_browser.models.egress import Traffic
from agent_browser.models.records import Record, Wanted
from agent_browser.pool.diary import Diary
from agent_browser.pool.means import Means
from agent_browser.pool.register import Register
from agent_browser.pool.residents import Residents
from agent_browser.pool.retention import Retention
from agent_browser.pool.waking import Waking
from agent_browser.service import Caller
from agent_browser.session.description import describe, described, forgets_at, refusal
from agent_browser.session.labels import Labels
from agent_browser.session.lifecycle import LIVED, changed
from agent_browser.session.privacy import Keeps, in_force, touches_life
from agent_browser.session.session import Session


class Directory:
    """What a caller's sessions are, and what is said of them. Another owner's is not found."""

    def __init__(
        self,
        register: Register,
        residents: Residents,
        retention: Retention,
        diary: Diary,
        waking: Waking,
        means: Means,
    ) -> None:
        self._waking = waking
        self._register = register
        self._residents = residents
        self._retention = retention
        self._diary = diary
        self._archive = means.archive
        self._keeping = means.keeping
        self._publisher = means.publisher
        self._settings = means.settings
        self._clock = means.clock

    def held(self, caller: Caller, session_id: str) -> Session | None:
        """A session that is in memory, live or ended of late; None for all others."""
        session = self._register.held(caller.scope, session_id)
        if session is not None:
            caller.reaches(session.owner)
        return session

    async def find(self, caller: Caller, session_id: str) -> Session:
        """A session that is in memory: all that are live, and those that are hibernated, for they
        are brought back. SessionNotFound; for one that is only on record SessionEnded or
        SessionExpired; and what keeps one from coming back.
        """
        session = self.held(caller, session_id)
        if session is not None:
            return session
        record = await self.record(caller, session_id)
        if record.state == "hibernated":
            return await self._waking.wake(record)
        session = self.held(caller, session_id)
        if session is not None:  # it came back while its record was read
            return session
        raise refusal(record)

    async def live(self, caller: Caller, session_id: str) -> Session:
        """A session that takes calls. SessionNotFound, SessionEnded, SessionExpired."""
        session = await self.find(caller, session_id)
        session.refuse()
        self.greet(caller, session)
        return session

    async def record(self, caller: Caller, session_id: str) -> Record:
        """What the archive has of a session that is not in memory. SessionNotFound."""
        known = ids.is_session_id(session_id)
        record = await self._archive.find(session_id) if known else None
        if record is None or not caller.reaches(record.owner):
            raise SessionNotFound(session_id)
        return record

    async def traffic(self, caller: Caller, session_id: str) -> Traffic:
        """What it sent and received since it is live. SessionNotFound, SessionExpired."""
        session = self.held(caller, session_id)
        if session is not None:
            return session.traffic
        record = await self.record(caller, session_id)
        if record.state == "expired":
            raise refusal(record)
        return Traffic()

    async def get(self, caller: Caller, session_id: str) -> wire.Session:
        """One session as it is now, or was. SessionNotFound, SessionExpired."""
        session = self.held(caller, session_id)
        if session is not None:
            return describe(session)
        record = await self.record(caller, session_id)
        if record.state == "expired":
            raise refusal(record)
        return self._described(record)

    async def list(self, caller: Caller, query: wire.SessionQuery) -> wire.SessionList:
        """A page of them. InvalidRequest for a cursor that this list did not give; Forbidden where
        others' are asked for and the caller is no admin.
        """
        wanted = Wanted(
            owner=_whose(caller, query),
            now=self._clock.now(),
            q=query.q,
            state=query.state,
            phase=query.phase,
            tags=tuple(query.tag),
            pinned=query.pinned,
            name=query.name,
            id_prefix=query.id_prefix,
            limit=query.limit,
            cursor=query.cursor,
        )
        page = await self._archive.page(wanted)
        items = [self._now(record) for record in page.records]
        # What has changed since it was written may not be what was asked for any more.
        return wire.SessionList(
            items=[item for item in items if _fits(item, query)], next_cursor=page.next_cursor
        )

    async def actions(
        self, caller: Caller, session_id: str, *, limit: int, cursor: str | None
    ) -> ActionList:
        """A page of its log, oldest first. SessionNotFound, SessionExpired; InvalidRequest for a
        cursor that this log did not give.
        """
        await self._known(caller, session_id)
        return await self._archive.actions(session_id, limit=limit, cursor=cursor)

    async def all_actions(self, caller: Caller, session_id: str) -> AsyncIterator[Action]:
        """Its whole log, oldest first. SessionNotFound, SessionExpired before the first."""
        await self._known(caller, session_id)
        async for action in self._archive.all_actions(session_id):
            yield action

    async def end_record(self, caller: Caller, session_id: str) -> Record:
        """End one that is hibernated; what is on record of it then. SessionNotFound."""
        async with self._retention.lock:
            record = await self.record(caller, session_id)
            if record.state == "hibernated":
                return await self._residents.end_record(record, "closed")
            return record

    async def update(
        self, caller: Caller, session_id: str, patch: wire.SessionPatch
    ) -> wire.Session:
        """Change what the patch gives. SessionNotFound, SessionExpired, InvalidTimeout; for
        timeouts other than retention of one that has ended SessionEnded.
        """
        await self._waking.arrived(session_id, caller.scope)
        session = self.held(caller, session_id)
        if session is None:
            return await self._update_record(caller, session_id, patch)
        if not session.is_live and _touches_life(patch):
            session.refuse()
        # No await from here on: of two at once each is told what the other left.
        life, asked = session.lifetime, patch.timeouts or wire.TimeoutsInput()
        timeouts = changed(self._settings, life.asked, asked)
        if patch.privacy is not None:
            session.keep(patch.privacy)
        if patch.timeouts is not None:
            life.change(timeouts)
        before, session.labels = session.labels, session.labels.patched(patch)
        self._residents.changed(session)
        self._tell(session_id, session.owner, before, session.labels)
        told = describe(session)
        if patch.privacy is not None:
            await self._keeping.retain(session_id, session.privacy.recording_retention)
        return told

    async def renew(self, caller: Caller, session_id: str) -> wire.Session:
        """Let its idle time count from now, or its retention if it is hibernated. CannotRenew,
        SessionEnded.
        """
        kept = await self._kept_on(caller, session_id, renewed=True)
        if kept is not None:
            return kept
        session = await self.live(caller, session_id)
        life = session.lifetime
        if not life.renew(self._clock.monotonic()):
            raise CannotRenew(wall_time(self._clock, life.ends))
        self._residents.used(session)
        expires = wall_time(self._clock, life.expires(self._clock.monotonic()))
        told = {"expires_at": rfc3339(expires), "renewal_count": life.renewals}
        self._publisher.publish("session.renewed", session.id, session.owner, told)
        return describe(session)

    async def heartbeat(self, caller: Caller, session_id: str) -> wire.Session:
        """Keep it alive; it has not been used by that. SessionEnded."""
        kept = await self._kept_on(caller, session_id)
        if kept is not None:
            return kept
        session = await self.live(caller, session_id)
        session.lifetime.beat(self._clock.monotonic())
        self._residents.used(session)
        return describe(session)

    async def _kept_on(
        self, caller: Caller, session_id: str, *, renewed: bool = False
    ) -> wire.Session | None:
        """A hibernated one, whose retention begins anew; None of any other."""
        if self.held(caller, session_id) is not None:
            return None
        async with self._retention.lock:
            record = await self.record(caller, session_id)
            if record.state != "hibernated" or session_id in self._register.waking:
                return None
            record = replace(
                record,
                renewal_count=record.renewal_count + renewed,
                forgets_at=forgets_at(self._clock.now(), record.timeouts, pinned=record.pinned),
            )
            self._archive.put_record(record)
        self._retention.watch(record)
        return self._described(record)

    @asynccontextmanager
    async def attended(self, caller: Caller, session_id: str) -> AsyncIterator[wire.Session]:
        """Somebody looks on while this lasts; one that has ended can be looked at, too.
        SessionNotFound, SessionExpired.
        """
        told = await self.get(caller, session_id)
        session = self.held(caller, session_id)
        if session is not None and session.is_live:
            self.greet(caller, session)
            session.hold()
        self._register.holds[session_id] += 1
        try:
            yield told
        finally:
            self._register.holds[session_id] -= 1
            if not self._register.holds[session_id]:
                del self._register.holds[session_id]
            # It may have been hibernated and brought back meanwhile, and knows who is there.
            session = self._register.get(session_id)
            if session is not None and session.lifetime.is_held:
                session.release()

    def greet(self, caller: Caller, session: Session) -> None:
        """Tell who follows it that another client is there."""
        if session.greet(caller.client):
            told = {"client": caller.client}
            self._publisher.publish("session.joined", session.id, session.owner, told)

    async def _known(self, caller: Caller, session_id: str) -> None:
        """It is the caller's and not forgotten, and all that ended is in its log."""
        if self.held(caller, session_id) is None:
            record = await self.record(caller, session_id)
            if record.state == "expired":
                raise refusal(record)
        await self._diary.settled(session_id)

    def _now(self, record: Record) -> wire.Session:
        session = self._register.get(record.id)
        return self._described(record) if session is None else describe(session)

    def _described(self, record: Record) -> wire.Session:
        if record.state == "expired":
            return described(record, "expired")
        return described(record, keeps=Keeps.decided(self._settings, record.privacy))

    async def _update_record(
        self, caller: Caller, session_id: str, patch: wire.SessionPatch
    ) -> wire.Session:
        async with self._retention.lock:
            record = await self.record(caller, session_id)
            sleeps = record.state == "hibernated"
            if record.state == "expired" or (_touches_life(patch) and not sleeps):
                raise refusal(record)
            before = Labels(record.name, record.pinned, record.tags, record.metadata)
            after = before.patched(patch)
            timeouts = record.timeouts
            if patch.timeouts is not None:
                timeouts = changed(self._settings, timeouts, patch.timeouts)
            privacy = record.privacy
            if patch.privacy is not None:
                privacy = in_force(self._settings, privacy, patch.privacy)
            ended_at = record.hibernated_at or record.ended_at or record.last_activity_at
            record = replace(
                record,
                name=after.name,
                pinned=after.pinned,
                tags=after.tags,
                metadata=dict(after.metadata),
                timeouts=timeouts,
                privacy=privacy,
                forgets_at=_forgotten(record, patch, ended_at, timeouts, pinned=after.pinned),
            )
            self._archive.put_record(record)
        self._retention.watch(record)
        self._tell(session_id, record.owner, before, after)
        if patch.privacy is not None:
            await self._keeping.retain(session_id, privacy.recording_retention)
        return self._described(record)

    def _tell(self, session_id: str, owner: str, before: Labels, after: Labels) -> None:
        for kind, data in after.news(before):
            self._publisher.publish(kind, session_id, owner, data)


def _forgotten(
    record: Record,
    patch: wire.SessionPatch,
    since: datetime,
    timeouts: wire.Timeouts,
    *,
    pinned: bool,
) -> datetime | None:
    """When it expires now: as before, unless the patch says something of it. What has kept it on
    meanwhile counts still.
    """
    given = patch.timeouts.retention if patch.timeouts is not None else None
    if given is None and pinned == record.pinned:
        return record.forgets_at
    anew = forgets_at(since, timeouts, pinned=pinned)
    if given is not None or anew is None or record.forgets_at is None:
        return anew
    return max(anew, record.forgets_at)


def _whose(caller: Caller, query: wire.SessionQuery) -> str | None:
    """The owner whose sessions are listed; None: everybody's. Forbidden."""
    if query.owner is None:
        return caller.owner
    if query.owner != caller.owner:
        caller.require("admin")
    return None if query.owner == "*" else query.owner


def _fits(session: wire.Session, query: wire.SessionQuery) -> bool:
    return query.state in (None, session.state) and query.phase in (None, session.phase)


def _touches_life(patch: wire.SessionPatch) -> bool:
    """Whether it changes what only a live session has."""
    if patch.privacy is not None and touches_life(patch.privacy):
        return True
    asked = patch.timeouts.model_dump(exclude_none=True) if patch.timeouts is not None else {}
    return any(name in asked for name in LIVED)
