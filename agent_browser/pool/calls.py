"""Function calls: on a session that is there, or on one that is made for them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from agent_browser import ids
from agent_browser.errors import AgentBrowserError, BrowserLost
from agent_browser.models import sessions as wire
from agent_browser.models.artifacts import Recording
from agent_browser.models.base import Input
from agent_browser.models.checkpoints import Loss, State
from agent_browser.models.files import (
    DownloadsInput,
    FileErased,
    FilePut,
    FilesPut,
    UploadedFile,
)
from agent_browser.models.functions import (
    CloseInput,
    CloseOutput,
    ContextOptions,
    FunctionOutput,
    InteractInput,
    OpenInput,
    ScreenshotInput,
)
from agent_browser.models.recording import RecordInput
from agent_browser.pool.accounts import REFUSALS
from agent_browser.pool.diary import Diary
from agent_browser.pool.directory import Directory
from agent_browser.pool.housing import Housing
from agent_browser.pool.means import Means
from agent_browser.pool.profiles import Profiles
from agent_browser.pool.residents import Residents
from agent_browser.pool.restoring import closing_if_failed, restored
from agent_browser.pool.secrets import Secrets
from agent_browser.pool.waking import Waking
from agent_browser.service import Caller, FileHead, Image
from agent_browser.session.description import refusal
from agent_browser.session.keeping import joined
from agent_browser.session.lifecycle import timeouts_in_force
from agent_browser.session.options import options_of
from agent_browser.session.session import Moved, Session

T = TypeVar("T")

LONGEST_MESSAGE = 500


class Calls:
    """Makes sessions, and does functions on them."""

    def __init__(
        self,
        housing: Housing,
        residents: Residents,
        directory: Directory,
        diary: Diary,
        waking: Waking,
        profiles: Profiles,
        secrets: Secrets,
        means: Means,
    ) -> None:
        self._waking = waking
        self._profiles = profiles
        self._secrets = secrets
        self._quotas = means.quotas
        self._filming = residents.filming
        self._housing = housing
        self._residents = residents
        self._directory = directory
        self._diary = diary
        self._keeping = means.keeping
        self._publisher = means.publisher
        self._settings = means.settings
        self._clock = means.clock
        self._spawn = means.spawn

    async def make(
        self,
        caller: Caller,
        request: wire.SessionCreate,
        options: ContextOptions,
        state: State | None = None,
    ) -> Session:
        """A new session in a context of its own, as that state has it. PoolFull, BrowserMissing,
        BrowserLost, ProfileNotFound.
        """
        named: wire.TimeoutsInput | None = None
        losses: tuple[Loss, ...] = () if state is None else state.losses
        profile = options.profile if state is None else None
        if profile is not None:
            start = await self._profiles.state(caller.owner, profile)
            named = start.timeouts
            state, options = start.under(options)
        session = Session(
            ids.new_session_id(),
            caller.owner,
            request,
            options,
            timeouts_in_force(self._settings, named, request.timeouts),
            settings=self._settings,
            keeping=self._keeping,
            clock=self._clock,
        )
        session.greet(caller.client)
        self._residents.spending.check(session.owner)
        if options.record_video:
            self._filming.check(caller.owner)
        try:
            lease = await self._housing.obtain(options, session.folder, owner=caller.owner)
        except BaseException:
            if session.recording:
                self._spawn(self._keeping.purge, session.id)
            raise
        if state is not None:
            async with closing_if_failed(self._housing, lease, videos=session.recording):
                await self._secrets.veil(lease.context.veil, state)
                losses = (*losses, *await restored(lease, state))
        # No await between here and its moving in: a lease that nobody has would never be closed.
        self._residents.move_in(session, lease, losses)
        return session

    async def create(
        self,
        caller: Caller,
        request: wire.SessionCreate,
        options: ContextOptions,
        state: State | None = None,
    ) -> Session:
        """The same for a caller who is told its id: from now on it is worth saving. QuotaExceeded
        where its owner has as many hibernated ones as it may: this one could not become one.
        """
        self._quotas.check("hibernated", caller.owner)
        session = await self.make(caller, request, options, state)
        self._residents.known(session)
        return session

    async def first(
        self, caller: Caller, input: Input, idle: float | None, *, once: bool
    ) -> FunctionOutput:
        """A new session's first call. If it fails the session is ended: nobody knows its id."""
        if isinstance(input, CloseInput):
            return CloseOutput()
        if not once:
            self._quotas.check("hibernated", caller.owner)
        options = options_of(input) if isinstance(input, OpenInput) else ContextOptions()
        request = wire.SessionCreate(timeouts=wire.TimeoutsInput(idle=idle))
        with self._housing.undisturbed():
            session = await self.make(caller, request, options)
            try:
                async with self._diary.written(session, caller, input) as came:
                    output = await session.call(
                        caller, input, fresh=True, whole=False, keep_turn=came.is_pictured
                    )
                    came.output = output
            except BaseException as exc:
                self._failed(session, exc)
                self._residents.end(session, "one_call" if once else "failed_to_open")
                raise
        if once:
            self._residents.end(session, "one_call")
        else:
            self._residents.known(session)
        return output

    async def later(
        self, caller: Caller, session_id: str, input: Input, idle: float | None
    ) -> FunctionOutput:
        """A call on a session that was made before."""
        if isinstance(input, CloseInput):
            return await self._close(caller, session_id)
        return await _again(lambda: self._later(caller, session_id, input, idle))

    async def _later(
        self, caller: Caller, session_id: str, input: Input, idle: float | None
    ) -> FunctionOutput:
        session = await self._directory.find(caller, session_id)
        async with self._diary.written(session, caller, input) as came:
            self._check_quotas(session.owner, input)
            if isinstance(input, DownloadsInput) and session.end_reason is not None:
                await session.ended.wait()
                came.output = await session.belongings.downloads.answer(input)
            else:
                keep_turn = came.is_pictured
                came.output = await self._done(caller, session, input, idle, keep_turn=keep_turn)
        if _begins_recording(input):
            self._filming.began(session)
        return came.output

    def _check_quotas(self, owner: str, input: Input) -> None:
        """QuotaExceeded where the input begins what the session's owner has no quota for."""
        self._residents.spending.check(owner, input)
        if _begins_recording(input):
            self._filming.check(owner)
        if isinstance(input, InteractInput) and input.files:
            sent = sum(len(file.base64) for file in input.files) * 3 // 4
            self._quotas.check("bytes", owner, sent)

    async def _within_quota(
        self, owner: str, pieces: AsyncIterator[FileHead | bytes]
    ) -> AsyncIterator[FileHead | bytes]:
        """The pieces, until they are more than their owner may have stored."""
        left = self._quotas.left("bytes", owner)
        async for piece in pieces:
            if not isinstance(piece, FileHead):
                left -= len(piece)
                if left < 0:
                    raise self._quotas.refusal("bytes", owner)
            yield piece

    async def _done(
        self, caller: Caller, session: Session, input: Input, idle: float | None, *, keep_turn: bool
    ) -> FunctionOutput:
        session.refuse()
        self._directory.greet(caller, session)
        if idle is not None:
            self._residents.set_idle(session, idle)
        try:
            secret = await self._secrets.named(caller, input)
            return await session.call(caller, input, keep_turn=keep_turn, secret=secret)
        except BaseException as exc:
            self._failed(session, exc)
            if isinstance(exc, BrowserLost) and session.end_reason is None:
                raise BrowserLost.survived() from exc
            raise

    async def upload(
        self, caller: Caller, session_id: str, pieces: AsyncIterator[FileHead | bytes]
    ) -> list[UploadedFile]:
        """Put files into a session; those that are new."""

        async def work() -> list[UploadedFile]:
            session, put = await self._directory.live(caller, session_id), FilesPut()
            async with self._diary.written(session, caller, put):
                session.control.check(caller)
                within = self._within_quota(session.owner, pieces)
                files = await session.upload(within)  # Moved comes before the first piece
                put.files = [FilePut(name=file.name, size=file.size) for file in files]
            return files

        return await _again(work)

    async def delete_upload(self, caller: Caller, session_id: str, name: str) -> None:
        """Erase one of them. NotFound."""

        async def work() -> None:
            session = await self._directory.live(caller, session_id)
            async with self._diary.written(session, caller, FileErased(name=name)):
                session.control.check(caller)
                await session.delete_upload(name)

        await _again(work)

    async def capture(self, caller: Caller, session_id: str, input: ScreenshotInput) -> Image:
        """The picture itself, kept nowhere."""
        return await _again(lambda: self._capture(caller, session_id, input))

    async def _capture(self, caller: Caller, session_id: str, input: ScreenshotInput) -> Image:
        session = await self._directory.find(caller, session_id)
        try:
            async with self._diary.written(session, caller, input):
                with session.control.during(caller, input):
                    return await session.capture(input)
        except BaseException as exc:
            self._failed(session, exc)
            raise

    async def _close(self, caller: Caller, session_id: str) -> CloseOutput:
        await self._waking.arrived(session_id, caller.scope)
        session = self._directory.held(caller, session_id)
        if session is None:
            return _closed(session_id, await self._end_record(caller, session_id))
        if session.is_live:
            session.control.check(caller)
        others = session.in_use
        async with self._diary.written(session, caller, CloseInput()):
            self._residents.end(session, "closed", in_turn=True)
            # Of one that was asleep there may be videos that are put together.
            if others or session.recording or session.was_asleep:
                await session.ended.wait()
        return _closed(session_id, session.videos)

    async def _end_record(self, caller: Caller, session_id: str) -> list[Recording]:
        """End a session that is only on record, if it is hibernated; its videos."""
        record = await self._directory.end_record(caller, session_id)
        if record.state == "expired":
            raise refusal(record)
        return await joined(self._keeping, record.owner, session_id)

    def _failed(self, session: Session, exc: BaseException) -> None:
        """A call failed: what that means for the session, and for who follows it."""
        if isinstance(exc, BrowserLost):
            self._residents.lose(session)
        if isinstance(exc, AgentBrowserError) and not isinstance(exc, REFUSALS):
            told = {
                "code": exc.code,
                "message": exc.detail[:LONGEST_MESSAGE],
                "recoverable": session.end_reason is None,
            }
            self._publisher.publish("session.error", session.id, session.owner, told)


def _begins_recording(input: Input) -> bool:
    return isinstance(input, RecordInput) and input.action in ("start", "restart")


async def _again(work: Callable[[], Awaitable[T]]) -> T:
    """Do it, once more each time that the session was hibernated meanwhile: it is brought back."""
    while True:
        try:
            return await work()
        except Moved:
            continue


def _closed(session_id: str, videos: list[Recording]) -> CloseOutput:
    return CloseOutput(session_id=session_id, video=videos[0] if videos else None, videos=[*videos])
