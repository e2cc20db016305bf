"""The pool: `SessionService` on this machine. It owns the task group in which browsers are
launched, contexts are made and sessions are ended.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread
import structlog
from anyio.abc import TaskGroup

from agent_browser import scratch
from agent_browser.browser.engine import Engine
from agent_browser.clock import Clock, SystemClock
from agent_browser.errors import InvalidRequest
from agent_browser.events import Audience, Observer, Publisher, Unheard, Unobserved
from agent_browser.models import sessions as wire
from agent_browser.models.actions import Action, ActionList
from agent_browser.models.base import Input
from agent_browser.models.catalogue import INPUTS
from agent_browser.models.checkpoints import Checkpoint, CheckpointList
from agent_browser.models.control import Control, ControlGranted, ControlInput
from agent_browser.models.egress import Traffic
from agent_browser.models.files import UploadList
from agent_browser.models.functions import FunctionOutput, InteractInput, ScreenshotInput
from agent_browser.models.needs import right_of
from agent_browser.models.profiles import Profile, ProfileInput, ProfileList
from agent_browser.models.secrets import Secret, SecretInput, SecretList
from agent_browser.models.state import StateDocument
from agent_browser.papers import Papers
from agent_browser.pool import policy
from agent_browser.pool.accounts import Accounts
from agent_browser.pool.calls import Calls
from agent_browser.pool.checkpointing import Checkpointing
from agent_browser.pool.diary import Diary
from agent_browser.pool.directory import Directory
from agent_browser.pool.hibernation import Hibernation
from agent_browser.pool.housing import Housing
from agent_browser.pool.machine import Machine, read_machine
from agent_browser.pool.means import Means
from agent_browser.pool.profiles import Profiles
from agent_browser.pool.readiness import readiness
from agent_browser.pool.register import Register
from agent_browser.pool.residents import SHUTDOWN_PATIENCE, Residents
from agent_browser.pool.retention import Retention
from agent_browser.pool.secrets import Secrets
from agent_browser.pool.shedding import Shedding
from agent_browser.pool.stages import POOL_MOVES, PoolStage
from agent_browser.pool.states import States
from agent_browser.pool.stats import PoolStatistics, health, take_stock
from agent_browser.pool.sweep import Sweep
from agent_browser.pool.waking import Waking
from agent_browser.pool.weighed import Weighed
from agent_browser.quotas.quotas import Quotas
from agent_browser.service import Caller, FileHead, Image, Readiness
from agent_browser.session import moves
from agent_browser.session.archive import Archive
from agent_browser.session.checkpoints import Checkpoints
from agent_browser.session.description import describe, refusal
from agent_browser.session.keeping import Keeping
from agent_browser.session.lifecycle import in_range
from agent_browser.session.options import options_of
from agent_browser.session.session import Session
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
        archive: Archive,
        checkpoints: Checkpoints,
        papers: Papers,
        *,
        publisher: Publisher | None = None,
        audience: Audience | None = None,
        clock: Clock | None = None,
        observer: Observer | None = None,
        quotas: Quotas | None = None,
        machine: Callable[[], Machine] = read_machine,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._keeping = artifacts
        self._clock = clock or SystemClock()
        self._observer = observer or Unobserved()
        self._publisher = publisher or Unheard()
        self._stage = moves.Machine("the pool", PoolStage.NEW, POOL_MOVES)
        self._tasks: TaskGroup | None = None
        self._accounts = Accounts(self._observer)
        self._hurried = False
        self._drained = anyio.Event()
        self._capacity = policy.capacity(machine(), settings)
        self._quotas = quotas or Quotas(settings, clock=self._clock)
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
            next_expiry=lambda: self._register.next_expiry(self._clock.monotonic()),
            quotas=self._quotas,
        )
        states = Weighed(checkpoints, self._register, self._quotas)
        means = Means(
            settings=settings,
            clock=self._clock,
            keeping=artifacts,
            archive=archive,
            checkpoints=states,
            observer=self._observer,
            publisher=self._publisher,
            audience=audience or Unheard(),
            sweep=self._sweep,
            spawn=self._spawn,
            quotas=self._quotas,
        )
        self._quotas.counts("hibernated", self._register.asleep)
        self._quotas.stores("uploads", self._register.uploaded)
        self._states_held = states
        self._secrets = Secrets(means, papers)
        self._shedding = Shedding(means)
        self._retention = Retention(self._register, self._shedding, means)
        checkpointing = Checkpointing(means)
        self._residents = Residents(
            self._register, self._housing, self._retention, checkpointing, means
        )
        self._hibernation = Hibernation(
            self._register, self._residents, self._retention, checkpointing, means
        )
        self._waking = Waking(
            self._register,
            self._housing,
            self._residents,
            self._retention,
            checkpointing,
            self._secrets,
            means,
        )
        checkpointing.is_opening = self._housing.is_opening
        self._housing.on_calm = checkpointing.calmed
        self._join()
        self._diary = Diary(means)
        self._directory = Directory(
            self._register, self._residents, self._retention, self._diary, self._waking, means
        )
        self._profiles = Profiles(means, papers)
        self._calls = Calls(
            self._housing,
            self._residents,
            self._directory,
            self._diary,
            self._waking,
            self._profiles,
            self._secrets,
            means,
        )
        self._states = States(
            self._directory,
            self._calls,
            self._hibernation,
            self._waking,
            checkpointing,
            self._secrets,
            means,
        )

    def _join(self) -> None:
        """Sessions fall asleep when they lapse, when their browser is lost, and for others."""
        hibernation, residents, housing = self._hibernation, self._residents, self._housing
        residents.lapses = hibernation.lapse
        residents.mourns = self._mourns
        residents.rests = hibernation.rested
        hibernation.arrived = self._waking.arrived
        hibernation.wanted = lambda: housing.ledger.waiting
        housing.make_room, housing.ease = hibernation.make_room, hibernation.ease

    def _mourns(self, session: Session) -> bool:
        lives_on = self._hibernation.lose(session)
        if lives_on:
            self._waking.lost(session)
        return lives_on

    async def __aenter__(self) -> Self:
        await anyio.to_thread.run_sync(scratch.sweep)
        await self._retention.take_over()
        await self._profiles.sweep()
        await self._secrets.sweep()
        await self._engine.__aenter__()
        self._tasks = await anyio.create_task_group().__aenter__()
        self._stage.move(PoolStage.OPEN)
        self._spawn(self._sweep.run)
        self._spawn(self._retention.look)
        self._spawn(self._retention.erase_strays)
        self._spawn(self._states_held.weigh)
        self._spawn(self._shedding.shed)
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
            session = await self._calls.create(caller, request, options_of(request))
            self._housing.refill()
            return describe(session)

    def undisturbed(self) -> AbstractContextManager[None]:
        """While this lasts, warm contexts are made only where few are left."""
        return self._housing.undisturbed()

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

    async def list(self, caller: Caller, query: wire.SessionQuery) -> wire.SessionList:
        """The caller's sessions, pinned first, then most recent activity; with `q` by rank."""
        return await self._directory.list(caller, query)

    async def get(self, caller: Caller, session_id: str) -> wire.Session:
        """One session, ended ones too while remembered. SessionNotFound, SessionExpired."""
        return await self._directory.get(caller, session_id)

    async def update(
        self, caller: Caller, session_id: str, patch: wire.SessionPatch
    ) -> wire.Session:
        """Change name, pin, tags, metadata, timeouts."""
        return await self._directory.update(caller, session_id, patch)

    async def renew(self, caller: Caller, session_id: str) -> wire.Session:
        """Slide its expiration, and count it. CannotRenew at the maximum duration."""
        return await self._directory.renew(caller, session_id)

    async def heartbeat(self, caller: Caller, session_id: str) -> wire.Session:
        """Keep it alive without counting as use."""
        return await self._directory.heartbeat(caller, session_id)

    async def actions(
        self, caller: Caller, session_id: str, *, limit: int, cursor: str | None
    ) -> ActionList:
        """A page of its log, oldest first."""
        return await self._directory.actions(caller, session_id, limit=limit, cursor=cursor)

    def all_actions(self, caller: Caller, session_id: str) -> AsyncIterator[Action]:
        """Its whole log, oldest first."""
        return self._directory.all_actions(caller, session_id)

    def attended(
        self, caller: Caller, session_id: str
    ) -> AbstractAsyncContextManager[wire.Session]:
        """Somebody looks on while this lasts, which keeps it alive."""
        return self._directory.attended(caller, session_id)

    async def hibernate(
        self, caller: Caller, session_id: str, *, force: bool = False
    ) -> wire.Session:
        """Save it, and give back what it takes; the next call brings it back."""
        with self._accounts.counted():
            return await self._states.hibernate(caller, session_id, force=force)

    async def resume(self, caller: Caller, session_id: str) -> wire.Session:
        """Bring a hibernated one back now."""
        with self._accounts.counted():
            return await self._states.resume(caller, session_id)

    async def fork(self, caller: Caller, session_id: str, request: wire.ForkInput) -> wire.Session:
        """A new session from what this one is, or was at one of its checkpoints."""
        with self._accounts.counted():
            return await self._states.fork(caller, session_id, request)

    async def checkpoint(self, caller: Caller, session_id: str) -> Checkpoint:
        """Save it now."""
        with self._accounts.counted():
            return await self._states.checkpoint(caller, session_id)

    async def traffic(self, caller: Caller, session_id: str) -> Traffic:
        """What it sent and received since it is live, by host."""
        return await self._directory.traffic(caller, session_id)

    async def checkpoints(self, caller: Caller, session_id: str) -> CheckpointList:
        """Those that are kept of it."""
        return await self._states.checkpoints(caller, session_id)

    async def rewind(self, caller: Caller, session_id: str, checkpoint_id: str) -> wire.Session:
        """Make it what it was at that checkpoint."""
        with self._accounts.counted():
            return await self._states.rewind(caller, session_id, checkpoint_id)

    async def state(self, caller: Caller, session_id: str) -> StateDocument:
        """All that a checkpoint of it would hold now."""
        with self._accounts.counted():
            return await self._states.state(caller, session_id)

    async def put_state(
        self, caller: Caller, session_id: str, state: StateDocument
    ) -> wire.Session:
        """Make it what that says."""
        with self._accounts.counted():
            return await self._states.put_state(caller, session_id, state)

    async def profiles(self, caller: Caller) -> ProfileList:
        """The caller's, by name."""
        return await self._profiles.profiles(caller)

    async def profile(self, caller: Caller, name: str) -> Profile:
        """One of them."""
        return await self._profiles.profile(caller, name)

    async def put_profile(self, caller: Caller, name: str, request: ProfileInput) -> Profile:
        """Make it, or change what is given of it."""
        with self._accounts.counted():
            return await self._profiles.put_profile(
                caller, name, request, capture=self._states.captured
            )

    async def profile_state(self, caller: Caller, name: str) -> StateDocument:
        """What it holds."""
        return await self._profiles.profile_state(caller, name)

    async def delete_profile(self, caller: Caller, name: str) -> None:
        """Erase it."""
        await self._profiles.delete_profile(caller, name)

    async def secrets(self, caller: Caller) -> SecretList:
        """The caller's, by name; never their values."""
        return await self._secrets.secrets(caller)

    async def secret(self, caller: Caller, name: str) -> Secret:
        """One of them."""
        return await self._secrets.secret(caller, name)

    async def put_secret(self, caller: Caller, name: str, request: SecretInput) -> Secret:
        """Keep it, in the place of what was there under that name."""
        with self._accounts.counted():
            return await self._secrets.put_secret(caller, name, request)

    async def delete_secret(self, caller: Caller, name: str) -> None:
        """Erase it."""
        await self._secrets.delete_secret(caller, name)

    async def end(self, caller: Caller, session_id: str, *, purge: bool = False) -> None:
        """End it at once (a second time too); with purge, forget it and erase its files."""
        await self._waking.arrived(session_id, caller.scope)
        session = self._directory.held(caller, session_id)
        if session is None:
            record = await self._directory.end_record(caller, session_id)
            if record.state == "expired" and not purge:
                raise refusal(record)
        else:
            self._residents.end(session, "closed")
            if purge or session.recording:
                await session.ended.wait()
        if purge:
            with self._accounts.counted():
                await self._diary.settled(session_id)  # the log's pictures are files, too
                await self._keeping.purge(session_id)
                await self._retention.erase(session_id)

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
        caller.require(right_of(input))
        action = input.action if isinstance(input, InteractInput) else ""
        idle = session_timeout
        if idle is not None:
            idle = in_range(self._settings, "session_timeout", idle)

        async def work() -> FunctionOutput:
            if session is None or session == "new":
                return await self._calls.first(caller, input, idle, once=session is None)
            return await self._calls.later(caller, session, input, idle)

        return await self._accounts.call(name, action, work)

    async def capture(self, caller: Caller, session_id: str, input: ScreenshotInput) -> Image:
        """The picture itself, for a caller that wants no artifact."""
        images: list[Image] = []

        async def work() -> FunctionOutput:
            images.append(await self._calls.capture(caller, session_id, input))
            return FunctionOutput()

        await self._accounts.call("screenshot", "", work)
        return images[0]

    async def upload(
        self, caller: Caller, session_id: str, pieces: AsyncIterator[FileHead | bytes]
    ) -> UploadList:
        """Put files into a session as they arrive; those that are new."""
        return UploadList(items=await self._calls.upload(caller, session_id, pieces))

    async def uploads(self, caller: Caller, session_id: str) -> UploadList:
        """The files that were put into a session."""
        return UploadList(items=(await self._directory.find(caller, session_id)).uploaded())

    async def delete_upload(self, caller: Caller, session_id: str, name: str) -> None:
        """Erase one of them. NotFound."""
        await self._calls.delete_upload(caller, session_id, name)

    async def control(self, caller: Caller, session_id: str) -> Control:
        """Who has control of it."""
        return (await self._held(caller, session_id)).control.describe(caller)

    async def take_control(
        self, caller: Caller, session_id: str, request: ControlInput
    ) -> ControlGranted:
        """Give it to the caller, and tell who follows the session."""
        session = await self._held(caller, session_id)
        granted = session.control.take(caller, request)
        if granted.token != caller.control:  # else it was the caller's already
            told = {"holder": granted.holder, "previous": granted.previous}
            self._publisher.publish("control_taken", session_id, session.owner, told)
        return granted

    async def give_up_control(self, caller: Caller, session_id: str) -> None:
        """Nobody has it any more. ControlTaken where it is another's."""
        (await self._held(caller, session_id)).control.give_up(caller)

    async def health(self, caller: Caller) -> wire.Health:
        """Counts by state, capacity, pressure; of the whole pool."""
        return health(self._stage.state, self._housing, self.statistics())

    async def readiness(self) -> Readiness:
        """Ask every browser a real thing, within a bound of a few seconds."""
        if self._stage.state is not PoolStage.OPEN or self._housing.holds_off:
            return Readiness(
                ready=False, detail="draining", browser="", warnings=self._engine.warnings
            )
        return await readiness(
            self._housing.browsers,
            self._engine.warnings,
            starting=self._housing.ledger.has_hope,
        )

    def hold_off(self) -> None:
        """Take no new sessions, and bring none back; those that live go on."""
        log.info("pool takes no new sessions", live=len(self._register.live))
        self._housing.holds_off = True

    def take_again(self) -> None:
        """Take new sessions, unless it drains for good."""
        log.info("pool takes sessions again")
        self._housing.holds_off = False

    def is_private(self, session_id: str) -> bool:
        """Whether what the pages of that session say is to be written nowhere."""
        session = self._register.get(session_id)
        return session is not None and session.keeps.is_private

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

    async def _held(self, caller: Caller, session_id: str) -> Session:
        """A session that takes calls. SessionNotFound, SessionEnded."""
        return await self._directory.live(caller, session_id)

    async def _drain(self) -> None:
        with anyio.CancelScope(shield=True):
            try:
                log.info("pool drains", live=len(self._register.live))
                self._housing.stop_taking()
                left = await self._accounts.calm(
                    0 if self._hurried else self._settings.shutdown_timeout
                )
                log.info("sessions are being saved", live=len(self._register.live), calls=left)
                await self._hibernation.all(SHUTDOWN_PATIENCE)
                await self._residents.end_all("shutdown")
                await self._housing.close()
            finally:
                self._stage.move(PoolStage.CLOSED)
                self._drained.set()
                log.info("pool closed")

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
