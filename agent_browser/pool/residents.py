"""The sessions that live in the pool: how they move in, when they lapse, and how they end, which is
the same way for every cause.
"""

from functools import partial

import anyio
import structlog

from agent_browser.browser.engine import Closed
from agent_browser.clock import Clock
from agent_browser.events import Observer
from agent_browser.models.artifacts import Recording
from agent_browser.models.sessions import EndReason
from agent_browser.pool.browsers import Spawn
from agent_browser.pool.claims import Lease
from agent_browser.pool.housing import Housing
from agent_browser.pool.register import Register
from agent_browser.pool.sweep import Sweep
from agent_browser.session.keeping import Keeping, adopted
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
        keeping: Keeping,
        *,
        retention: float,
        clock: Clock,
        observer: Observer,
        sweep: Sweep,
        spawn: Spawn,
    ) -> None:
        self._register = register
        self._housing = housing
        self._keeping = keeping
        self._retention = retention
        self._clock = clock
        self._observer = observer
        self._sweep = sweep
        self._spawn = spawn
        self._leases: dict[str, Lease] = {}
        self._by_ticket: dict[int, Session] = {}
        housing.on_lost = self._lost

    def move_in(self, session: Session, lease: Lease) -> None:
        """The session is live in that lease."""
        session.start(lease.context)
        self._leases[session.id] = lease
        self._by_ticket[lease.ticket] = session
        self._register.add(session)
        self._watch(session)

    def set_idle(self, session: Session, seconds: float) -> None:
        """A live session has another idle timeout from now on."""
        session.lifetime.idle = seconds
        self._watch(session)

    def end(self, session: Session, reason: EndReason, *, in_turn: bool = False) -> None:
        """End it; a second time does nothing. It is evicted before this returns: no call gets in
        any more. `in_turn` lets those that came before be done first.
        """
        if session.stage not in (Stage.LIVE, Stage.BUSY):
            return
        session.begin_end(reason, in_turn=in_turn)
        self._register.evict(session)
        self._sweep.cancel(("session", session.id))
        patience = TURN_PATIENCE if in_turn else LAST_PATIENCE
        self._spawn(self._finish, session, self._clock.monotonic(), patience)

    def lose(self, session: Session) -> None:
        """A call was told that the browser is lost: so is the session, and the browser in doubt."""
        self._housing.browsers.notice()
        lease = self._leases.get(session.id)
        if lease is not None:
            self._spawn(self._housing.browsers.doubt, lease.host)
        self.end(session, "browser_lost")

    async def end_all(self, reason: EndReason) -> None:
        """End every session, those on their way too, and come back when they have. Bounded."""
        for session in list(self._by_ticket.values()):
            self.end(session, reason)
            session.break_off()
        with anyio.move_on_after(SHUTDOWN_PATIENCE) as scope:
            for session in list(self._by_ticket.values()):
                await session.ended.wait()
        if scope.cancelled_caught:
            log.error("sessions did not end in time", sessions=len(self._by_ticket))

    def check(self) -> None:
        """Assert what must always hold."""
        for session_id, session in self._register.live.items():
            assert session.stage in (Stage.LIVE, Stage.BUSY), session
            assert session_id in self._leases, "a live session without a lease"
        for session in self._register.ended.values():
            assert session.stage in (Stage.ENDING, Stage.ENDED), session
        tickets = {lease.ticket for lease in self._leases.values()}
        assert tickets == set(self._by_ticket), "a lease that nobody has"

    def _lost(self, ticket: int) -> None:
        session = self._by_ticket.get(ticket)
        if session is not None:
            self.end(session, "browser_lost")
            session.break_off()

    def _watch(self, session: Session) -> None:
        when = session.lifetime.expires(self._clock.monotonic())
        self._sweep.at(when, ("session", session.id), partial(self._lapse, session))

    def _lapse(self, session: Session) -> None:
        now = self._clock.monotonic()
        reason = session.lifetime.due(now)
        if reason is None:
            self._watch(session)
            return
        log.info(
            "session lapsed",
            session=session.id,
            reason=reason,
            idle=round(now - session.lifetime.used, 1),
            age=round(now - session.lifetime.began, 1),
        )
        self.end(session, reason)

    async def _finish(self, session: Session, evicted: float, patience: float) -> None:
        lease = self._leases[session.id]
        with anyio.CancelScope(shield=True):
            await session.quiet(patience)
            await self._keep_downloads(session)
            closed = await self._housing.close_lease(lease, videos=session.recording)
            videos = await self._adopt(session, closed)
            del self._leases[session.id], self._by_ticket[lease.ticket]
            self._remember(session, evicted)
            await session.finish_end(videos)

    async def _keep_downloads(self, session: Session) -> None:
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

    def _remember(self, session: Session, evicted: float) -> None:
        if session.end_reason is not None:
            self._observer.ended(reason=session.end_reason)
        log.info("session ended", session=session.id, reason=session.end_reason)
        self._sweep.at(
            evicted + self._retention, ("retention", session.id), partial(self._expire, session)
        )
        surplus = self._register.surplus()
        if surplus is not None:
            self._expire(surplus)

    def _expire(self, session: Session) -> None:
        self._sweep.cancel(("retention", session.id))
        self._register.expire(session, self._clock.now())
