"""Hibernation: sessions are saved, and give back what they take: when they were idle for long, when
others need their room, when the pool closes, when they are asked to; or when their browser is lost,
as they were last saved.
"""

from collections.abc import Callable
from typing import Literal
from weakref import WeakKeyDictionary

import anyio
import structlog

from agent_browser.browser.engine import Context
from agent_browser.errors import (
    AgentBrowserError,
    BrowserLost,
    CannotHibernate,
    DeadlineExceeded,
    InternalError,
)
from agent_browser.models.base import rfc3339
from agent_browser.models.checkpoints import Cause, State
from agent_browser.pool.checkpointing import PATIENCE, Checkpointing
from agent_browser.pool.means import Means
from agent_browser.pool.register import Register
from agent_browser.pool.residents import Residents, told_losses
from agent_browser.pool.retention import Retention
from agent_browser.session.description import record_of
from agent_browser.session.session import Moved, Session
from agent_browser.session.stage import Stage

log = structlog.get_logger("agent_browser.pool")

Reason = Literal["idle", "asked", "pressure", "shutdown", "browser_lost", "replaced"]

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
        self._making_room: set[str] = set()
        self._stubborn: WeakKeyDictionary[Session, float] = WeakKeyDictionary()
        """Until when sessions that could not be hibernated are left alone."""
        self.wanted: Callable[[], int] = _none
        """How many wait for room."""

    async def hibernate(self, session: Session, *, force: bool) -> None:
        """Have it hibernated, and come back when it is. CannotHibernate, StorageFull, BrowserLost,
        SessionEnded. A caller that goes away changes nothing.
        """
        wish = _Wish()
        self._spawn(self._fulfil, session, wish, force)
        await wish.over.wait()
        if wish.error is not None:
            raise wish.error

    async def replace(self, session: Session, state: Callable[[State], State]) -> None:
        """Have it hibernated as what `state` makes of what it is, which is then lost."""
        wish = _Wish()
        self._spawn(self._fulfil, session, wish, True, state)
        await wish.over.wait()
        if wish.error is not None:
            raise wish.error

    def lapse(self, session: Session) -> None:
        """Its idle time is over."""
        self._spawn(self._lapse, session)

    def lose(self, session: Session) -> bool:
        """Its browser is gone. Whether it sleeps from now on, as it was last saved."""
        if session.stage is Stage.HIBERNATING:
            return True  # who saves it finds out
        if not session.is_known or not self._checkpointing.is_saved(session):
            return False
        session.lose()
        self._begin(session)
        told = {"code": "browser_lost", "message": BrowserLost().detail, "recoverable": True}
        self._publisher.publish("session.error", session.id, session.owner, told)
        self._spawn(self._lost, session)
        return True

    def make_room(self) -> None:
        """Somebody waits for room: those that rest longest make it."""
        missing = self.wanted() - len(self._making_room)
        if missing <= 0:
            return
        now = self._clock.monotonic()
        resting = sorted(
            (one for one in self._register.live.values() if self._may_go(one, now)),
            key=lambda one: one.lifetime.used,
        )
        for session in resting[:missing]:
            if now - session.lifetime.used < REST:
                when = session.lifetime.used + REST
                self._sweep.at(when, "room", self.make_room)
                return
            self._making_room.add(session.id)
            self._spawn(self._give_room, session)

    async def ease(self, most: int) -> bool:
        """Memory is short: hibernate so many of those that rest longest; whether one was."""
        now = self._clock.monotonic()
        resting = [one for one in self._register.live.values() if self._may_go(one, now)]
        resting = [one for one in resting if now - one.lifetime.used >= REST]
        resting.sort(key=lambda one: one.lifetime.used)
        gone = [await self._went(session, "pressure") for session in resting[:most]]
        return any(gone)

    async def all(self, patience: float) -> None:
        """The pool closes: save all that somebody knows, the rest is left. Bounded."""
        room = anyio.Semaphore(AT_SHUTDOWN)

        async def one(session: Session) -> None:
            async with room:
                await self._went(session, "shutdown", force=True)

        with anyio.move_on_after(patience):
            async with anyio.create_task_group() as tasks:
                for session in list(self._register.live.values()):
                    if session.is_known:
                        session.break_off_draining()
                        tasks.start_soon(one, session)
            for session in list(self._register.parting.values()):
                await session.gone.wait()

    async def _fulfil(
        self,
        session: Session,
        wish: _Wish,
        force: bool,
        change: Callable[[State], State] | None = None,
    ) -> None:
        reason: Reason = "asked" if change is None else "replaced"
        try:
            await self._sleep(session, reason, force=force, change=change)
        except Moved:
            return  # somebody was first
        except AgentBrowserError as exc:
            wish.error = exc
        except Exception:
            wish.error = InternalError()
            raise
        finally:
            wish.over.set()

    async def _lapse(self, session: Session) -> None:
        rule = session.lifetime.timeouts.on_idle
        if rule != "freeze" and await self._went(session, "idle", force=rule == "hibernate"):
            return
        if not session.is_idle:
            return
        if rule == "freeze" or session in self._stubborn:
            await self._freeze(session)
        else:
            when = self._clock.monotonic() + RETRY
            self._residents.watch(session, when)

    async def _freeze(self, session: Session) -> None:
        try:
            await session.freeze()
        except (Moved, AgentBrowserError) as exc:
            log.info("session not frozen", session=session.id, reason=str(exc))
            return
        self._residents.watch(session)
        self._publisher.publish("session.frozen", session.id, session.owner, {})

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
            self._stubborn[session] = self._clock.monotonic() + RETRY
            log.info("session is not hibernated", session=session.id, unsaved=exc.fields["unsaved"])
            return False
        except AgentBrowserError as exc:
            log.warning("session not hibernated", session=session.id, reason=exc.detail)
            return False
        return True

    def _may_go(self, session: Session, now: float) -> bool:
        if not session.is_idle or not session.is_known or session.id in self._making_room:
            return False
        if session.lifetime.timeouts.on_idle == "end":
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
            self._residents.watch(session)
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
            with anyio.CancelScope(shield=True):
                if not force:
                    await _ask(context)
                await self._residents.keep_downloads(session)
                state = await self._read(session, reason)
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

    async def _read(self, session: Session, reason: Reason) -> State:
        try:
            return await self._checkpointing.read(session)
        except TimeoutError:
            raise DeadlineExceeded("checkpoint", PATIENCE) from None

    async def _lost(self, session: Session) -> None:
        began = self._clock.monotonic()
        with anyio.CancelScope(shield=True):
            await session.still()
            await self._leave(session, "browser_lost", State(), began)

    async def _leave(self, session: Session, reason: Reason, state: State, began: float) -> None:
        """It is saved: give back its context, and remember it as hibernated."""
        if session.stage is Stage.HIBERNATING:
            await self._residents.close(session, texts=reason not in ("browser_lost", "shutdown"))
        if session.stage is not Stage.HIBERNATING:  # it is ended meanwhile, by another task
            session.stay()
            return
        self._residents.move_out(session)
        del self._register.parting[session.id]
        session.sleep()
        record = record_of(session)
        self._archive.put_record(record)
        self._retention.watch(record)
        self._register.hibernated.add(session.id)
        seconds = self._clock.monotonic() - began
        self._observer.hibernated(reason=reason, seconds=seconds)
        log.info("session hibernated", session=session.id, reason=reason, bytes=state.size)
        told = {
            "reason": reason,
            "expires_at": rfc3339(record.forgets_at) if record.forgets_at else None,
            "lost": told_losses(state.losses),
        }
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


def _none() -> int:
    """Nobody waits."""
    return 0
