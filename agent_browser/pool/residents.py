"""The sessions that live in the pool: how they move in, when they lapse, and how they end, which is
the same way for every cause.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import anyio
import structlog

from agent_browser.browser.engine import Closed
from agent_browser.clock import wall_time
from agent_browser.errors import AgentBrowserError
from agent_browser.models.artifacts import Recording
from agent_browser.models.base import rfc3339
from agent_browser.models.checkpoints import Loss
from agent_browser.models.events import EventType
from agent_browser.models.records import Record
from agent_browser.models.sessions import EndReason
from agent_browser.pool.checkpointing import Checkpointing
from agent_browser.pool.claims import Lease
from agent_browser.pool.filming import Filming
from agent_browser.pool.hearing import Hearing
from agent_browser.pool.housing import Housing
from agent_browser.pool.means import Means
from agent_browser.pool.register import Register
from agent_browser.pool.retention import Retention
from agent_browser.pool.spending import Spending
from agent_browser.pool.texts import Texts
from agent_browser.session.description import as_ended, record_of, told_losses
from agent_browser.session.keeping import adopted, joined
from agent_browser.session.past import Past
from agent_browser.session.session import LAST_PATIENCE, Session
from agent_browser.session.stage import Stage

log = structlog.get_logger("agent_browser.pool")

TURN_PATIENCE = 30.0
"""Seconds that calls which came before a `close` have to be done."""
KEEP_PATIENCE = 10.0
"""Seconds that the files a session downloaded have to be stored when it ends."""
SHUTDOWN_PATIENCE = 30.0
"""Seconds that all sessions together have to end when the pool closes."""


class Residents:
    """Sessions with their leases and timers."""

    def __init__(
        self,
        register: Register,
        housing: Housing,
        retention: Retention,
        checkpointing: Checkpointing,
        means: Means,
    ) -> None:
        self._register = register
        self._housing = housing
        self._retention = retention
        self._keeping = means.keeping
        self._archive = means.archive
        self._publisher = means.publisher
        self._hearing = Hearing(means.publisher, means.audience)
        self._clock = means.clock
        self._observer = means.observer
        self._sweep = means.sweep
        self._spawn = means.spawn
        self._texts = Texts(means)
        self._checkpoints = means.checkpoints
        self._checkpointing = checkpointing
        self.mourns: Callable[[Session], bool] = _nobody
        """Told of a session whose browser is lost; whether it lives on without."""
        self.lapses: Callable[[Session], None] | None = None
        """Told of a session whose idle time is over, if it is not to end by that."""
        self.rests: Callable[[], None] | None = None
        """Told when a call has ended."""
        self.spending = Spending(register, means)
        self.filming = Filming(means)
        self._closing: dict[str, anyio.Event] = {}
        self._leases: dict[str, Lease] = {}
        self._by_ticket: dict[int, Session] = {}
        housing.on_lost = self._lost

    def move_in(self, session: Session, lease: Lease, losses: Sequence[Loss] = ()) -> None:
        """The session is live in that lease; what is not as the state has it that it began with."""
        session.start(lease.context)
        self._settle(session, lease)
        self._publish("session.created", session, _created(session))
        expires = wall_time(self._clock, session.lifetime.expires(self._clock.monotonic()))
        started: dict[str, Any] = {"expires_at": rfc3339(expires)}
        if losses:
            started["lost"] = told_losses(losses)
        self._publish("session.started", session, started)
        self._hearing.begin(session, lease.context)

    def move_back_in(
        self, session: Session, lease: Lease, past: Past, losses: Sequence[Loss]
    ) -> None:
        """The session is live again in that lease; what is not as it was."""
        session.resume(lease.context, past, holds=self._register.holds[session.id])
        self._settle(session, lease)
        expires = wall_time(self._clock, session.lifetime.expires(self._clock.monotonic()))
        told = {"expires_at": rfc3339(expires), "lost": told_losses(losses)}
        self._publish("session.resumed", session, told)
        self._hearing.begin(session, lease.context)

    def move_out(self, session: Session) -> None:
        """It is hibernated, and its lease given back."""
        self._hearing.end(session)

    def known(self, session: Session) -> None:
        """Somebody has its id from now on."""
        session.is_known = True
        self._checkpointing.touched(session)

    def _settle(self, session: Session, lease: Lease) -> None:
        self._leases[session.id] = lease
        self._by_ticket[lease.ticket] = session
        self._register.add(session)
        if session.recording:
            self.filming.began(session)
        session.on_use = partial(self.used, session)
        lease.context.on_change(partial(self._checkpointing.touched, session))
        self.changed(session)

    def set_idle(self, session: Session, seconds: float) -> None:
        """A live session has another idle timeout from now on."""
        life = session.lifetime
        if life.asked.idle != seconds:
            life.change(life.asked.model_copy(update={"idle": seconds}))
            self.watch(session)

    def changed(self, session: Session) -> None:
        """Its timeouts are others now, or what people call it by: remember it, and set its timers
        anew.
        """
        record = record_of(session)
        self._archive.put_record(record)
        if session.is_live:
            self.watch(session)
        elif session.ended.is_set():
            self._retention.watch(record)

    def end(self, session: Session, reason: EndReason, *, in_turn: bool = False) -> None:
        """End it; a second time does nothing. It is evicted before this returns: no call gets in
        any more. `in_turn` lets those that came before be done first.
        """
        if not session.is_live and session.stage is not Stage.HIBERNATING:
            return
        session.begin_end(reason, in_turn=in_turn)
        lease = self._leases.get(session.id)
        if lease is not None:
            self._housing.ledger.waive(lease.ticket)
        self._register.evict(session)
        self._checkpointing.stop(session)
        self._hearing.end(session)
        self._sweep.cancel(("session", session.id))
        self.changed(session)
        patience = TURN_PATIENCE if in_turn else LAST_PATIENCE
        self._spawn(self._finish, session, patience)

    async def end_record(self, record: Record, reason: EndReason) -> Record:
        """End one that is hibernated; it has no lease. StorageFull, DatabaseUnusable."""
        now = self._clock.now()
        ended = as_ended(record, now, reason)
        self._archive.put_record(ended)
        self._register.hibernated.drop(record.id)
        self._retention.watch(ended)
        await self._checkpoints.erase(record.id)
        self._tell_end(record.id, record.owner, reason, now)
        return ended

    def lose(self, session: Session) -> bool:
        """A call was told that the browser is lost, and so is the session, unless it was saved; the
        browser is in doubt. Whether the session goes on.
        """
        self._housing.browsers.notice()
        lease = self._leases.get(session.id)
        if lease is not None:
            self._spawn(self._housing.browsers.doubt, lease.host)
        if session.is_live and not self.mourns(session):
            self.end(session, "browser_lost")
        return session.end_reason is None

    async def end_all(self, reason: EndReason) -> None:
        """End every session, those on their way too, and come back when they have; but for those
        that were saved and are known: they are found again. Bounded.
        """
        ending = [one for one in self._by_ticket.values() if not self._is_kept(one)]
        for session in ending:
            self.end(session, reason)
            session.break_off()
        with anyio.move_on_after(SHUTDOWN_PATIENCE) as scope:
            for session in ending:
                await session.ended.wait()
        if scope.cancelled_caught:
            log.error("sessions did not end in time", sessions=len(self._by_ticket))

    def _is_kept(self, session: Session) -> bool:
        return session.is_known and self._checkpointing.is_saved(session) and not session.ended_at

    def check(self) -> None:
        """Assert what must always hold."""
        for session_id, session in self._register.live.items():
            assert session.stage in (Stage.LIVE, Stage.BUSY), session
            assert session_id in self._leases, "a live session without a lease"
        for session in self._register.parting.values():
            assert session.stage is Stage.HIBERNATING, session
        for session in self._register.ended.values():
            assert session.stage in (Stage.ENDING, Stage.ENDED), session
        tickets = {lease.ticket for lease in self._leases.values()}
        assert tickets == set(self._by_ticket), "a lease that nobody has"

    def _lost(self, ticket: int) -> None:
        session = self._by_ticket.get(ticket)
        if session is None:
            return
        if session.is_live and not self.mourns(session):
            self.end(session, "browser_lost")
        if session.end_reason is not None:
            session.break_off()  # also what an end waits for that was asked for before

    def used(self, session: Session) -> None:
        """It was used, or kept alive: remember it. Its timer finds out by itself."""
        if not session.is_live:
            return
        self._archive.put_changing(session.id, partial(record_of, session))
        self._texts.used(session)
        self._checkpointing.touched(session)
        if self.rests is not None:
            self.rests()
        if session.lifetime.due(self._clock.monotonic()) is not None:
            self.watch(session)  # it was let be done over its end

    def watch(self, session: Session, when: float | None = None) -> None:
        """Look at its timers when they are due, or then."""
        if when is None:
            when = session.lifetime.next_look(self._clock.monotonic())
        self._sweep.at(when, ("session", session.id), partial(self._look, session))

    def _look(self, session: Session) -> None:
        """Its end may have come, or come near."""
        now, life = self._clock.monotonic(), session.lifetime
        reason = life.due(now)
        if reason is not None:
            idle, age = round(now - life.used, 1), round(now - life.began, 1)
            log.info("session lapsed", session=session.id, reason=reason, idle=idle, age=age)
            ends = reason != "idle" or life.timeouts.on_idle == "end" or not session.is_known
            if ends or self.lapses is None:
                self.end(session, reason)
            else:
                self.lapses(session)
            return
        # What holds it has moved its end, which its record does not have yet.
        self._archive.put_record(record_of(session))
        left = life.warning(now)
        if left is not None:
            told = {
                "seconds_left": round(left, 3),
                "expires_at": rfc3339(wall_time(self._clock, now + left)),
                "reason": life.cause(now),
            }
            self._publish("session.expiring", session, told)
        self.watch(session)

    def _publish(self, kind: EventType, session: Session, data: dict[str, Any]) -> None:
        self._publisher.publish(kind, session.id, session.owner, data)

    async def _finish(self, session: Session, patience: float) -> None:
        with anyio.CancelScope(shield=True):
            await session.quiet(patience)
            await self.keep_downloads(session)
            texts = session.end_reason not in ("browser_lost", "shutdown")
            videos = await self.close(session, texts=texts)
            await self._forget(session)
            whole = await self._joined(session) if session.was_asleep else None
            self._ended(session)
            try:
                await session.finish_end(videos, earlier=whole)
            finally:
                self._retention.watch(record_of(session))
                self._register.trim()

    async def close(self, session: Session, *, texts: bool) -> list[Recording]:
        """Close its context and give its room back, once; the videos that were being made. With
        `texts`, those of its page are taken before.
        """
        lease, closing = self._leases.get(session.id), self._closing.get(session.id)
        if closing is not None:
            await closing.wait()
        if lease is None or closing is not None:
            return []
        self._closing[session.id] = over = anyio.Event()
        try:
            if texts:
                await self._texts.last(session)
            closed = await self._housing.close_lease(lease, videos=session.recording)
            videos = await self._adopt(session, closed)
        finally:
            del self._closing[session.id], self._leases[session.id]
            del self._by_ticket[lease.ticket]
            over.set()
        return videos

    async def _joined(self, session: Session) -> list[Recording] | None:
        """All its videos, segments put together; None where that can't be told."""
        try:
            return await joined(self._keeping, session.owner, session.id)
        except Exception:
            log.exception("videos were not put together", session=session.id)
            return None

    async def _forget(self, session: Session) -> None:
        try:
            await self._checkpoints.erase(session.id)
        except AgentBrowserError as exc:
            log.warning("a state was not erased", session=session.id, reason=exc.detail)

    async def keep_downloads(self, session: Session) -> None:
        """Store what it downloaded and nobody asked for so far. Bounded, and never an error."""
        try:
            with anyio.move_on_after(KEEP_PATIENCE):
                await session.keep_downloads()
        except Exception:
            log.exception("downloads were not kept", session=session.id)

    async def _adopt(self, session: Session, closed: Closed) -> list[Recording]:
        recordings = []
        for video in closed.videos:
            try:
                recordings.append(await adopted(self._keeping, video, session.owner, session.id))
            except Exception:
                log.exception("a video was not kept", session=session.id, file=video.path.name)
        return recordings

    def _ended(self, session: Session) -> None:
        # Once more: a call that was broken off was use until its end.
        self._archive.put_record(record_of(session))
        when = session.ended_at or self._clock.now()
        self._tell_end(session.id, session.owner, session.end_reason or "closed", when)

    def _tell_end(self, session_id: str, owner: str, reason: EndReason, at: datetime) -> None:
        self._observer.ended(reason=reason)
        log.info("session ended", session=session_id, reason=reason)
        told = {"reason": reason, "ended_at": rfc3339(at)}
        self._publisher.publish("session.ended", session_id, owner, told)


def _nobody(session: Session) -> bool:
    """It does not."""
    return False


def _created(session: Session) -> dict[str, Any]:
    labels = session.labels
    return {"name": labels.name, "pinned": labels.pinned, "tags": list(labels.tags)}
