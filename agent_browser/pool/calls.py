"""Function calls: on a session that is there, or on one that is made for them."""

from collections.abc import AsyncIterator
from pathlib import Path

from agent_browser import ids
from agent_browser.errors import AgentBrowserError, BrowserLost
from agent_browser.models import sessions as wire
from agent_browser.models.artifacts import Recording
from agent_browser.models.base import Input
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
    OpenInput,
    ScreenshotInput,
)
from agent_browser.pool.accounts import REFUSALS
from agent_browser.pool.diary import Diary
from agent_browser.pool.directory import Directory
from agent_browser.pool.housing import Housing
from agent_browser.pool.means import Means
from agent_browser.pool.residents import Residents
from agent_browser.service import Caller, FileHead, Image
from agent_browser.session.description import refusal
from agent_browser.session.lifecycle import timeouts_in_force
from agent_browser.session.options import options_of
from agent_browser.session.session import Session

LONGEST_MESSAGE = 500


class Calls:
    """Makes sessions, and does functions on them."""

    def __init__(
        self,
        housing: Housing,
        residents: Residents,
        directory: Directory,
        diary: Diary,
        means: Means,
    ) -> None:
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
        self, caller: Caller, request: wire.SessionCreate, options: ContextOptions
    ) -> Session:
        """A new session in a context of its own. PoolFull, BrowserMissing, BrowserLost."""
        # A profile's timeouts come between the server's and the request's where there is one.
        session = Session(
            ids.new_session_id(),
            caller.owner,
            request,
            options,
            timeouts_in_force(self._settings, None, request.timeouts),
            settings=self._settings,
            keeping=self._keeping,
            clock=self._clock,
        )
        session.greet(caller.client)
        try:
            lease = await self._housing.obtain(options, self._folder(session))
        except BaseException:
            if session.recording:
                self._spawn(self._keeping.purge, session.id)
            raise
        # No await between here and its moving in: a lease that nobody has would never be closed.
        self._residents.move_in(session, lease)
        return session

    async def first(
        self, caller: Caller, input: Input, idle: float | None, *, once: bool
    ) -> FunctionOutput:
        """A new session's first call. If it fails the session is ended: nobody knows its id."""
        if isinstance(input, CloseInput):
            return CloseOutput()
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
        return output

    async def later(
        self, caller: Caller, session_id: str, input: Input, idle: float | None
    ) -> FunctionOutput:
        """A call on a session that was made before."""
        if isinstance(input, CloseInput):
            return await self._close(caller, session_id)
        session = await self._directory.find(caller, session_id)
        async with self._diary.written(session, caller, input) as came:
            if isinstance(input, DownloadsInput) and not session.is_live:
                await session.ended.wait()
                came.output = await session.downloads.answer(input)
            else:
                keep_turn = came.is_pictured
                came.output = await self._done(caller, session, input, idle, keep_turn=keep_turn)
        return came.output

    async def _done(
        self, caller: Caller, session: Session, input: Input, idle: float | None, *, keep_turn: bool
    ) -> FunctionOutput:
        session.refuse()
        self._directory.greet(caller, session)
        if idle is not None:
            self._residents.set_idle(session, idle)
        try:
            return await session.call(caller, input, keep_turn=keep_turn)
        except BaseException as exc:
            self._failed(session, exc)
            raise

    async def upload(
        self, caller: Caller, session_id: str, pieces: AsyncIterator[FileHead | bytes]
    ) -> list[UploadedFile]:
        """Put files into a session; those that are new."""
        session, put = await self._directory.live(caller, session_id), FilesPut()
        async with self._diary.written(session, caller, put):
            session.control.check(caller)
            files = await session.upload(pieces)
            put.files = [FilePut(name=file.name, size=file.size) for file in files]
        return files

    async def delete_upload(self, caller: Caller, session_id: str, name: str) -> None:
        """Erase one of them. NotFound."""
        session = await self._directory.live(caller, session_id)
        async with self._diary.written(session, caller, FileErased(name=name)):
            session.control.check(caller)
            await session.delete_upload(name)

    async def capture(self, caller: Caller, session_id: str, input: ScreenshotInput) -> Image:
        """The picture itself, kept nowhere."""
        session = await self._directory.find(caller, session_id)
        try:
            async with self._diary.written(session, caller, input):
                with session.control.during(caller, input):
                    return await session.capture(input)
        except BaseException as exc:
            self._failed(session, exc)
            raise

    async def _close(self, caller: Caller, session_id: str) -> CloseOutput:
        session = self._directory.held(caller, session_id)
        if session is None:
            return _closed(session_id, await self._kept_videos(caller, session_id))
        if session.is_live:
            session.control.check(caller)
        others = session.in_use
        async with self._diary.written(session, caller, CloseInput()):
            self._residents.end(session, "closed", in_turn=True)
            if others or session.recording:
                await session.ended.wait()
        return _closed(session_id, session.videos)

    async def _kept_videos(self, caller: Caller, session_id: str) -> list[Recording]:
        """Those of a session that is only on record."""
        record = await self._directory.record(caller, session_id)
        if record.state == "expired":
            raise refusal(record)
        videos = await self._keeping.recordings(caller.owner)
        return [video for video in videos if video.session_id == session_id]

    def _failed(self, session: Session, exc: BaseException) -> None:
        """A call failed: what that means for the session, and for who follows it."""
        if isinstance(exc, BrowserLost):
            self._residents.lose(session)
        if isinstance(exc, AgentBrowserError) and not isinstance(exc, REFUSALS):
            told = {
                "code": exc.code,
                "message": exc.detail[:LONGEST_MESSAGE],
                "recoverable": session.is_live,
            }
            self._publisher.publish("session.error", session.id, session.owner, told)

    def _folder(self, session: Session) -> Path | None:
        if not session.recording:
            return None
        return session.recording_folder()


def _closed(session_id: str, videos: list[Recording]) -> CloseOutput:
    return CloseOutput(session_id=session_id, video=videos[0] if videos else None, videos=[*videos])
