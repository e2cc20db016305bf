"""Hibernation: sessions are saved, and give back what they take: when they were idle for long, when
others need their room, when the pool closes, when they are asked to; or when their browser is lost,
as they were last saved.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal
from weakref import WeakKeyDictionary, WeakSet

import anyio
import structlog

from agent_browser.browser.engine import Context
from agent_browser.browser.together import both
from agent_browser.errors import (
    AgentBrowserError,
    BrowserLost,
    CannotHibernate,
    InternalError,
    QuotaExceeded,
)
from agent_browser.models.checkpoints import Cause, State
from agent_browser.pool.checkpointing import Checkpointing
from agent_browser.pool.means import Means
from agent_browser.pool.register import Register
from agent_browser.pool.residents import Residents
from agent_browser.pool.retention import Retention
from agent_browser.session.description import record_of, told_asleep
from agent_browser.session.session import Moved, Session
from agent_browser.session.stage import Stage

log = structlog.get_logger("agent_browser.pool")

Reason = Literal["idle", "asked", "pressure", "shutdown", "browser_lost", "replaced"]

OF_QUOTA: tuple[Reason, ...] = ("idle", "asked", "pressure")
"""Of the others a session is hibernated, or it is lost: whatever its owner's quota."""
ASKING = 2.0
"""Seconds that pages have to say whether they hold what no checkpoint can."""
RETRY = 60.0
"""Seconds after which an idle session is hibernated, where it could not be."""
REST = 1.0
"""Seconds that a session has to rest before it makes room for another."""
AT_SHUTDOWN = 4
"""Sessions that are saved at a time when the pool closes."""


class _Wish:
    """What somebody waits for, whom the pool's own task serves."""

    def __init__(self) -> None:
        self.over = anyio.Event()
        self.error: AgentBrowserError | None = None
        self.is_late = False
        """Somebody else had it hibernated."""


class Hibernation:
    """How sessions fall asleep."""

    def __init__(
        self,
        register: Register,
        residents: Residents,
        retention: Retention,
        checkpointing: Checkpointing,
        means: Means,
    ) -> None:
        self._register = register
        self._residents = residents
        self._retention = retention
        self._checkpointing = checkpointing
        self._archive = means.archive
        self._publisher = means.publisher
        self._observer = means.observer
        self._clock = means.clock
        self._sweep = means.sweep
        self._spawn = means.spawn
        self._quotas = means.quotas
        self._making_room: set[str] = set()
        self._stubborn: WeakKeyDictionary[Session, float] = WeakKeyDictionary()
        """Until when sessions that could not be hibernated are left alone."""
        self._unsaved: WeakSet[Session] = WeakSet()
        """Those of them whose pages hold what no checkpoint can."""
        self.arrived: Callable[[str], Awaitable[None]] = _arrived
        """Comes back when a session is not on its way back any more."""
        self.wanted: Callable[[], int] = _none
        """How many wait for room."""

    async def hibernate(self, session: Session, *, force: bool) -> None:
        """Have it hibernated, and come back when it is. CannotHibernate, StorageFull, BrowserLost,
        SessionEnded. A caller that goes away changes nothing.
        """
        await self._wished(session, force=force)

    async def replace(self, session: Session, state: Callable[[State], State]) -> None:
        """Have it hibernated as what `state` makes of what it is, which is then lost. Moved where
        somebody was first: nothing was replaced.
        """
        if not await self._wished(session, force=True, change=state):
            raise Moved

    async def _wished(
        self,
        session: Session,
        *,
        force: bool,
        change: Callable[[State], State] | None = None,
    ) -> bool:
        """Have it done by a task of the pool's own; False where somebody was first."""
        wish = _Wish()
        self._spawn(self._fulfil, session, wish, force, change)
        await wish.over.wait()
        if wish.error is not None:
            raise wish.error
        return not wish.is_late

    def lapse(self, session: Session) -> None:
        """Its idle time is over."""
        self._spawn(self._lapse, session)

    def lose(self, session: Session) -> bool:
        """Its browser is gone. Whether it sleeps from now on, as it was last saved."""
        if session.stage is Stage.HIBERNATING:
            return True  # who saves it finds out
        if not self._give_up(session, "browser_lost"):
            return False
        told = {"code": "browser_lost", "message": BrowserLost().detail, "recoverable": True}
        self._publisher.publish("session.error", session.id, session.owner, told)
        return True

    def rested(self) -> None:
        """A session's call has ended: who waits for room may have its room soon."""
        if self.wanted() > len(self._making_room):
            self._sweep.at(self._clock.monotonic() + REST, "room", self.make_room)

    def make_room(self) -> None:
        """Somebody waits for room: those that rest longest make it."""
        missing = self.wanted() - len(self._making_room)
        if missing <= 0:
            return
        now = self._clock.monotonic()
        for session in self._resting(now)[:missing]:
            if now - session.lifetime.used < REST:
                when = session.lifetime.used + REST
                self._sweep.at(when, "room", self.make_room)
                return
            self._making_room.add(session.id)
            self._spawn(self._give_room, session)

    async def ease(self, most: int) -> bool:
        """Memory is short: hibernate so many of those that rest longest; whether one was."""
        now = self._clock.monotonic()
        resting = [one for one in self._resting(now) if now - one.lifetime.used >= REST]
        gone = 0
        for session in resting[:most]:
            if self._may_go(session, now):  # still: others took their time
                gone += await self._went(session, "pressure")
        return gone > 0

    def _resting(self, now: float) -> list[Session]:
        """Those that may go, who rests longest first."""
        going = [one for one in self._register.live.values() if self._may_go(one, now)]
        return sorted(going, key=lambda one: one.lifetime.used)

    async def all(self, patience: float) -> None:
        """The pool closes: save all that somebody knows, those on their way too. What can't be
        saved now sleeps as it was saved last; the rest is left. Bounded.
        """
        room, tried = anyio.Semaphore(AT_SHUTDOWN), set[Session]()

        async def one(session: Session) -> None:
            async with room:
                if session.is_live and not await self._went(session, "shutdown", force=True):
                    self._give_up(session, "shutdown")

        with anyio.move_on_after(patience):
            while True:
                known = [one for one in self._register.live.values() if one.is_known]
                async with anyio.create_task_group() as tasks:
                    for session in set(known) - tried:
                        session.break_off_draining()
                        tasks.start_soon(one, session)
                tried.update(known)
                for session in list(self._register.parting.values()):
                    await session.gone.wait()
                for session_id in list(self._register.waking):
                    await self.arrived(session_id)
                if not (self._register.parting or self._register.waking) and tried.issuperset(
                    one for one in self._register.live.values() if one.is_known
                ):
                    return

    def _give_up(self, session: Session, reason: Reason) -> bool:
        """Let it sleep as it was saved last; whether it was."""
        if not session.is_live or not session.is_known:
            return False
        if not self._checkpointing.is_saved(session):
            return False
        session.lose()
        self._begin(session)
        self._spawn(self._lost, session, reason)
        return True

    async def _fulfil(
        self,
        session: Session,
        wish: _Wish,
        force: bool,
        change: Callable[[State], State] | None,
    ) -> None:
        reason: Reason = "asked" if change is None else "replaced"
        try:
            await self._sleep(session, reason, force=force, change=change)
        except Moved:
            wish.is_late = True
        except AgentBrowserError as exc:
            wish.error = exc
        except Exception:
            wish.error = InternalError()
            raise
        finally:
            wish.over.set()

    async def _lapse(self, session: Session) -> None:
        rule = session.lifetime.timeouts.on_idle
        self._unsaved.discard(session)
        try:
            if rule != "freeze" and await self._went(session, "idle", force=rule == "hibernate"):
                return
            if session.is_idle and (rule == "freeze" or session in self._unsaved):
                await self._freeze(session)
        finally:
            if session.is_live:
                self._watch(session)

    async def _freeze(self, session: Session) -> None:
        try:
            await session.freeze()
        except Moved:
            return
        except Exception as exc:
            log.warning("session not frozen", session=session.id, reason=str(exc))
            return
        self._publisher.publish("session.frozen", session.id, session.owner, {})

    def _watch(self, session: Session) -> None:
        """Look at its timers again: what is due and could not be done, in a while."""
        now = self._clock.monotonic()
        when = session.lifetime.next_look(now)
        self._residents.watch(session, when if when > now else now + RETRY)

    async def _give_room(self, session: Session) -> None:
        try:
            await self._went(session, "pressure")
        finally:
            self._making_room.discard(session.id)
            self.make_room()

    async def _went(self, session: Session, reason: Reason, *, force: bool = False) -> bool:
        """Hibernate it, if it can be; whether it is gone."""
        try:
            await self._sleep(session, reason, force=force)
        except Moved:
            return True
        except CannotHibernate as exc:
            self._unsaved.add(session)
            log.info("session is not hibernated", session=session.id, unsaved=exc.fields["unsaved"])
        except QuotaExceeded as exc:
            log.info("session is not hibernated", session=session.id, reason=exc.detail)
            if reason == "idle":  # as with ON_IDLE=end: it must not be live for ever instead
                self._residents.end(session, "idle")
                return True
        except AgentBrowserError as exc:
            log.warning("session not hibernated", session=session.id, reason=exc.detail)
        except Exception:  # one session's fault must not keep the others from being saved
            log.exception("session not hibernated", session=session.id)
        else:
            return True
        self._stubborn[session] = self._clock.monotonic() + RETRY
        return False

    def _may_go(self, session: Session, now: float) -> bool:
        if not session.is_idle or not session.is_known or session.id in self._making_room:
            return False
        if session.lifetime.timeouts.on_idle == "end" or session.control.is_held:
            return False
        return self._stubborn.get(session, now) <= now

    def _begin(self, session: Session) -> None:
        self._register.part(session)
        self._sweep.cancel(("session", session.id))
        self._checkpointing.stop(session)

    def _stay(self, session: Session) -> None:
        """It could not be saved, or is ended meanwhile."""
        if session.stage is Stage.HIBERNATING:
            self._register.stay(session)
            session.stay()
            self._checkpointing.go_on(session)
            self._watch(session)
        else:
            session.stay()

    async def _sleep(
        self,
        session: Session,
        reason: Reason,
        *,
        force: bool,
        change: Callable[[State], State] | None = None,
    ) -> None:
        """In a task of the pool's own. What it raises has changed nothing."""
        began = self._clock.monotonic()
        context = await session.begin_sleep()
        self._begin(session)
        try:
            if reason in OF_QUOTA:
                self._quotas.check("hibernated", session.owner, 0)  # it is counted already
            with anyio.CancelScope(shield=True):
                if not force and reason == "idle":
                    await _ask(context)  # nobody waits: what is not kept need not be read
                asking = None if force or reason == "idle" else _ask(context)
                state = await self._read(session, asking)
                if change is not None:
                    state = change(state)
                if session.stage is Stage.HIBERNATING:
                    await self._checkpointing.save(session, state, _cause(reason))
        except BrowserLost:
            if session.stage is not Stage.HIBERNATING or not self._checkpointing.is_saved(session):
                self._stay(session)
                self._residents.end(session, "browser_lost")
                raise
            reason, state = "browser_lost", State()
        except BaseException:
            self._stay(session)
            raise
        with anyio.CancelScope(shield=True):
            await self._leave(session, reason, state, began)
        if session.end_reason is not None:
            session.refuse()

    async def _read(self, session: Session, asking: Coroutine[Any, Any, None] | None) -> State:
        """What it is, unless what is asked meanwhile fails."""

        async def read() -> State:
            await self._residents.keep_downloads(session)
            return await self._checkpointing.read(session)

        return await read() if asking is None else (await both(read(), asking))[0]

    async def _lost(self, session: Session, reason: Reason) -> None:
        began = self._clock.monotonic()
        with anyio.CancelScope(shield=True):
            await session.still()
            await self._leave(session, reason, State(), began)

    async def _leave(self, session: Session, reason: Reason, state: State, began: float) -> None:
        """It is saved: give back its context, and remember it as hibernated."""
        if session.stage is Stage.HIBERNATING:
            await self._residents.close(session, texts=reason not in ("browser_lost", "shutdown"))
        if session.stage is not Stage.HIBERNATING:  # it is ended meanwhile, by another task
            session.was_asleep = True  # which has to look for the videos of this closing
            session.stay()
            return
        self._residents.move_out(session)
        del self._register.parting[session.id]
        self._register.leave_control(session)
        session.sleep()
        record = record_of(session)
        self._archive.put_record(record)
        self._retention.watch(record)
        self._register.hibernated.put(session.id, session.owner, 1)
        seconds = self._clock.monotonic() - began
        self._observer.hibernated(reason=reason, seconds=seconds)
        log.info("session hibernated", session=session.id, reason=reason, bytes=state.size)
        told = told_asleep(record, reason, state.losses)
        self._publisher.publish("session.hibernated", session.id, session.owner, told)
        await session.let_go()


async def _ask(context: Context) -> None:
    """CannotHibernate where a page holds what no checkpoint can."""
    unsaved: tuple[str, ...] = ()
    with anyio.move_on_after(ASKING):
        unsaved = await context.unsaved()
    if unsaved:
        raise CannotHibernate(list(unsaved))


def _cause(reason: Reason) -> Cause:
    if reason == "shutdown":
        return "shutdown"
    return "import" if reason == "replaced" else "hibernation"


async def _arrived(session_id: str) -> None:
    """None is on its way."""


def _none() -> int:
    """Nobody waits."""
    return 0
