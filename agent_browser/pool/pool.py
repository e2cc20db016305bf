"""The pool: `SessionService` on this machine. It owns the task group in which browsers are
launched, contexts are made and sessions are ended.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import anyio
import anyio.to_thread
import structlog
from anyio.abc import TaskGroup

from agent_browser import ids, scratch
from agent_browser.browser.engine import Engine
from agent_browser.clock import Clock, SystemClock
from agent_browser.errors import BrowserLost, InvalidRequest, SessionExpired
from agent_browser.events import Observer, Unobserved
from agent_browser.models import sessions as wire
from agent_browser.models.base import Input
from agent_browser.models.catalogue import INPUTS
from agent_browser.models.files import DownloadsInput, UploadList
from agent_browser.models.functions import (
    CloseInput,
    CloseOutput,
    ContextOptions,
    FunctionOutput,
    InteractInput,
    OpenInput,
    ScreenshotInput,
)
from agent_browser.pool import policy
from agent_browser.pool.accounts import Accounts
from agent_browser.pool.housing import Housing
from agent_browser.pool.machine import Machine, read_machine
from agent_browser.pool.readiness import readiness
from agent_browser.pool.register import Register
from agent_browser.pool.residents import Residents
from agent_browser.pool.stages import POOL_MOVES, PoolStage
from agent_browser.pool.stats import PoolStatistics, take_stock
from agent_browser.pool.sweep import Sweep
from agent_browser.service import Caller, FileHead, Image, Readiness
from agent_browser.session import moves
from agent_browser.session.keeping import Keeping
from agent_browser.session.lifecycle import in_range, timeouts_in_force
from agent_browser.session.options import options_of
from agent_browser.session.session import Session
from agent_browser.session.stage import Stage
from agent_browser.settings import Settings

log = structlog.get_logger("agent_browser.pool")

ENGINE_DEADLINE = 10.0
"""Seconds that the engine has to stop."""


class Pool:
    """Browsers, and the sessions in them. An async context manager, entered once."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        artifacts: Keeping,
        *,
        clock: Clock | None = None,
        observer: Observer | None = None,
        machine: Callable[[], Machine] = read_machine,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._keeping = artifacts
        self._clock = clock or SystemClock()
        self._observer = observer or Unobserved()
        self._stage = moves.Machine("the pool", PoolStage.NEW, POOL_MOVES)
        self._tasks: TaskGroup | None = None
        self._accounts = Accounts(self._observer)
        self._hurried = False
        self._drained = anyio.Event()
        self._capacity = policy.capacity(machine(), settings)
        self._sweep = Sweep(self._clock)
        self._register = Register()
        self._housing = Housing(
            engine,
            settings,
            self._capacity,
            clock=self._clock,
            observer=self._observer,
            sweep=self._sweep,
            spawn=self._spawn,
            read_machine=machine,
            next_expiry=self._next_expiry,
        )
        self._residents = Residents(
            self._register,
            self._housing,
            artifacts,
            retention=settings.retention,
            clock=self._clock,
            observer=self._observer,
            sweep=self._sweep,
            spawn=self._spawn,
        )

    async def __aenter__(self) -> Self:
        await anyio.to_thread.run_sync(scratch.sweep)
        await self._engine.__aenter__()
        self._tasks = await anyio.create_task_group().__aenter__()
        self._stage.move(PoolStage.OPEN)
        self._spawn(self._sweep.run)
        self._housing.start()
        capacity = self._capacity
        log.info("pool open", sessions=capacity.sessions, because=capacity.explanation)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            with anyio.CancelScope(shield=True):
                await self.drain()
            if self._tasks is not None:
                self._tasks.cancel_scope.cancel()
                await self._tasks.__aexit__(None, None, None)
        finally:
            with anyio.move_on_after(ENGINE_DEADLINE, shield=True):
                await self._engine.__aexit__(None, None, None)

    async def create(self, caller: Caller, request: wire.SessionCreate) -> wire.Session:
        """Make a session; its page is blank until `open`. PoolFull, BrowserMissing, BrowserLost."""
        with self._accounts.counted():
            session = await self._make(caller, request, options_of(request))
            self._housing.refill()
            return session.describe()

    async def drain(self, *, immediately: bool = False) -> None:
        """Take no new sessions, let calls under way finish, end every session, then the browsers.

        Bounded. A second time it waits for the first; with `immediately` no call is waited for.
        """
        if self._stage.state is PoolStage.NEW:
            return
        if immediately:
            self._hurried = True
            self._accounts.hurry()
        if self._stage.state is PoolStage.OPEN:
            self._stage.move(PoolStage.DRAINING)
            self._spawn(self._drain)
        await self._drained.wait()

    async def list(
        self, caller: Caller, *, state: wire.SessionState | None, limit: int, cursor: str | None
    ) -> wire.SessionList:
        """The caller's sessions, most recent activity first."""
        page, following = self._register.page(
            caller.owner, state=state, limit=max(1, limit), cursor=cursor
        )
        return wire.SessionList(
            items=[session.describe() for session in page], next_cursor=following
        )

    async def get(self, caller: Caller, session_id: str) -> wire.Session:
        """One session, ended ones too while remembered. SessionNotFound, SessionExpired."""
        return self._register.find(caller.owner, session_id).describe()

    async def end(self, caller: Caller, session_id: str, *, purge: bool = False) -> None:
        """End it at once (a second time too); with purge, forget it and erase its files."""
        try:
            session = self._register.find(caller.owner, session_id)
        except SessionExpired:
            if not purge:
                raise
        else:
            self._residents.end(session, "closed")
            if purge or session.recording:
                await session.ended.wait()
        if purge:
            with self._accounts.counted():
                await self._keeping.purge(session_id)
            self._register.forget(session_id)

    async def call(
        self,
        caller: Caller,
        function: str,
        input: Input,
        *,
        session: str | None,
        session_timeout: float | None = None,
    ) -> FunctionOutput:
        """Do one function. `session` is an id, "new", or None for a session of this call alone."""
        name = "open" if function == "run" else function
        if not isinstance(input, INPUTS.get(name, ())):
            raise InvalidRequest(f"{function[:64]!r} is no function, or its input is another's")
        action = input.action if isinstance(input, InteractInput) else ""
        idle = session_timeout
        if idle is not None:
            idle = in_range(self._settings, "session_timeout", idle)

        async def work() -> FunctionOutput:
            if session is None or session == "new":
                return await self._first_call(caller, input, idle, once=session is None)
            return await self._call(self._register.find(caller.owner, session), input, idle)

        return await self._accounts.call(name, action, work)

    async def capture(self, caller: Caller, session_id: str, input: ScreenshotInput) -> Image:
        """The picture itself, for a caller that wants no artifact."""
        images: list[Image] = []

        async def work() -> FunctionOutput:
            session = self._register.find(caller.owner, session_id)
            try:
                images.append(await session.capture(input))
            except BrowserLost:
                self._residents.lose(session)
                raise
            return FunctionOutput()

        await self._accounts.call("screenshot", "", work)
        return images[0]

    async def upload(
        self, caller: Caller, session_id: str, pieces: AsyncIterator[FileHead | bytes]
    ) -> UploadList:
        """Put files into a session as they arrive; those that are new."""
        session = self._register.find(caller.owner, session_id)
        return UploadList(items=await session.upload(pieces))

    async def uploads(self, caller: Caller, session_id: str) -> UploadList:
        """The files that were put into a session."""
        return UploadList(items=self._register.find(caller.owner, session_id).uploaded())

    async def delete_upload(self, caller: Caller, session_id: str, name: str) -> None:
        """Erase one of them. NotFound."""
        await self._register.find(caller.owner, session_id).delete_upload(name)

    async def health(self, caller: Caller) -> wire.Health:
        """Counts by state, capacity, pressure; of the whole pool."""
        now = self.statistics()
        return wire.Health(
            status=self._status(),
            live=now.live,
            opening=now.opening,
            waiting=now.waiting,
            ended=now.ended,
            capacity=now.capacity,
            warm=now.warm,
            browsers=len(now.browsers),
            pressure=self._pressure(),
        )

    async def readiness(self) -> Readiness:
        """Ask every browser a real thing, within a bound of a few seconds."""
        if self._stage.state is not PoolStage.OPEN:
            return Readiness(
                ready=False, detail="draining", browser="", warnings=self._engine.warnings
            )
        return await readiness(
            self._housing.browsers,
            self._engine.warnings,
            starting=self._housing.ledger.has_hope,
        )

    def statistics(self) -> PoolStatistics:
        """The pool in numbers, as of now; memory as of half a minute ago at most."""
        return take_stock(self._housing, self._register)

    def __repr__(self) -> str:
        now = self.statistics()
        return (
            f"<Pool {self._stage.state.value}, {now.live} live, {now.opening} opening, "
            f"{now.waiting} waiting, room for {now.capacity}, {now.warm} warm, "
            f"{len(now.browsers)} browsers>"
        )

    async def _first_call(
        self, caller: Caller, input: Input, idle: float | None, *, once: bool
    ) -> FunctionOutput:
        """A new session's first call. If it fails the session is ended: nobody knows its id."""
        if isinstance(input, CloseInput):
            return CloseOutput()
        options = options_of(input) if isinstance(input, OpenInput) else ContextOptions()
        request = wire.SessionCreate(timeouts=wire.TimeoutsInput(idle=idle))
        self._housing.first_calls += 1
        try:
            session = await self._make(caller, request, options)
            try:
                output = await session.call(input, fresh=True, whole=False)
            except BrowserLost:
                self._residents.lose(session)
                raise
            except BaseException:
                self._residents.end(session, "one_call" if once else "failed_to_open")
                raise
        finally:
            self._housing.first_calls -= 1
            self._housing.refill()
        if once:
            self._residents.end(session, "one_call")
        return output

    async def _make(
        self, caller: Caller, request: wire.SessionCreate, options: ContextOptions
    ) -> Session:
        timeouts = timeouts_in_force(self._settings, request.timeouts)
        session = Session(
            ids.new_session_id(),
            caller.owner,
            request,
            options,
            timeouts,
            settings=self._settings,
            keeping=self._keeping,
            clock=self._clock,
        )
        try:
            lease = await self._housing.obtain(options, self._folder(session))
        except BaseException:
            if session.recording:
                self._spawn(self._keeping.purge, session.id)
            raise
        # No await between here and its moving in: a lease that nobody has would never be closed.
        self._residents.move_in(session, lease)
        return session

    def _folder(self, session: Session) -> Path | None:
        if not session.recording:
            return None
        return self._keeping.recording_folder(session.id, owner=session.owner)

    async def _call(self, session: Session, input: Input, idle: float | None) -> FunctionOutput:
        if isinstance(input, CloseInput):
            return await self._close(session)
        if isinstance(input, DownloadsInput) and session.stage not in (Stage.LIVE, Stage.BUSY):
            await session.ended.wait()
            return await session.downloads.answer(input)
        session.refuse()
        if idle is not None:
            self._residents.set_idle(session, idle)
        try:
            return await session.call(input)
        except BrowserLost:
            self._residents.lose(session)
            raise

    async def _close(self, session: Session) -> CloseOutput:
        others = session.in_use
        self._residents.end(session, "closed", in_turn=True)
        if others or session.recording:
            await session.ended.wait()
        videos = list(session.videos)
        return CloseOutput(
            session_id=session.id, video=videos[0] if videos else None, videos=[*videos]
        )

    async def _drain(self) -> None:
        with anyio.CancelScope(shield=True):
            try:
                log.info("pool drains", live=len(self._register.live))
                self._housing.stop_taking()
                left = await self._accounts.calm(
                    0 if self._hurried else self._settings.shutdown_timeout
                )
                log.info("sessions are being ended", live=len(self._register.live), calls=left)
                await self._residents.end_all("shutdown")
                await self._housing.close()
            finally:
                self._stage.move(PoolStage.CLOSED)
                self._drained.set()
                log.info("pool closed")

    def _status(self) -> Literal["ok", "draining", "unavailable"]:
        if self._stage.state is not PoolStage.OPEN:
            return "draining"
        return "ok" if self._housing.ledger.has_browser else "unavailable"

    def _pressure(self) -> Literal["none", "sessions", "memory", "draining"]:
        if self._stage.state is not PoolStage.OPEN:
            return "draining"
        if self._housing.pressure.is_short():
            return "memory"
        return "sessions" if self._housing.ledger.room == 0 else "none"

    def _next_expiry(self) -> float | None:
        now = self._clock.monotonic()
        live = self._register.live.values()
        return min((session.lifetime.expires(now) for session in live), default=None)

    def _spawn(self, work: Callable[..., Awaitable[object]], *args: object) -> None:
        if self._tasks is None:
            raise RuntimeError("the pool is not open")
        self._tasks.start_soon(_guarded, work, *args)

    def _check(self) -> None:
        """Assert what must always hold; tests call it after every step."""
        self._housing.check()
        self._residents.check()
        assert self._housing.ledger.live >= len(self._register.live) or (
            self._stage.state is PoolStage.CLOSED
        )


async def _guarded(work: Callable[..., Awaitable[object]], *args: object) -> None:
    """One task's fault must not take the pool and every session with it."""
    try:
        await work(*args)
    except Exception:
        log.exception("a task of the pool failed")
