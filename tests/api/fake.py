"""A session service in memory: it remembers sessions, and its calls answer what they were given."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent_browser.browser.engine import Blob
from agent_browser.clock import SystemClock
from agent_browser.errors import (
    ActionFailed,
    CannotRenew,
    InvalidRequest,
    NotFound,
    SessionEnded,
)
from agent_browser.ids import new_session_id
from agent_browser.models.actions import Action, ActionList
from agent_browser.models.base import Input
from agent_browser.models.egress import HostTraffic, Traffic
from agent_browser.models.files import DownloadsInput, DownloadsOutput, UploadList
from agent_browser.models.functions import (
    CloseOutput,
    ExecuteInput,
    ExecuteOutput,
    FunctionOutput,
    InteractInput,
    InteractOutput,
    OpenInput,
    OpenOutput,
    ScreenshotInput,
    ScreenshotOutput,
    SnapshotOutput,
)
from agent_browser.models.sessions import (
    Health,
    Session,
    SessionCreate,
    SessionList,
    SessionPatch,
    SessionQuery,
)
from agent_browser.pool.profiles import Profiles
from agent_browser.pool.secrets import Secrets
from agent_browser.service import Caller, FileHead, Image, Readiness
from agent_browser.session.control import Control as HeldControl
from agent_browser.session.labels import Labels
from agent_browser.session.lifecycle import changed, timeouts_in_force
from agent_browser.session.uploads import NotUploaded, Uploads
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from tests.api.profiled import ProfiledSessions
from tests.api.saved import KeptStates
from tests.api.secretive import SecretiveSessions
from tests.fakes import functions
from tests.fakes.archive import FakeArchive
from tests.fakes.pages import SITE
from tests.fakes.papers import FakePapers
from tests.fakes.profiles import Means
from tests.fakes.tab import FakeTab

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
READY = Readiness(True, "1 browser answers", "HeadlessChrome/156", ("no sandbox",))
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A picture of one pixel."""


@dataclass
class Call:
    """What a call was given."""

    caller: Caller
    function: str
    input: Input
    session: str | None
    timeout: float | None


@dataclass
class FakeService(ProfiledSessions, SecretiveSessions):
    """Keeps the promises of SessionService without a browser. `before` runs within each call."""

    store: ArtifactStore
    sessions: dict[str, Session] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    before: Callable[[], Awaitable[None]] | None = None
    ready: Readiness = READY
    files: dict[str, Uploads] = field(default_factory=dict)
    controls: dict[str, HeldControl] = field(default_factory=dict)
    queries: list[SessionQuery] = field(default_factory=list)
    tabs: dict[str, FakeTab] = field(default_factory=dict)
    beats: list[Caller] = field(default_factory=list)
    kept: KeptStates = field(default_factory=KeptStates)
    held_profiles: Profiles = field(default_factory=lambda: Profiles(Means(), FakePapers()))
    held_secrets: Secrets = field(default_factory=lambda: Secrets(Means(), FakePapers()))
    attending: int = 0
    """Who looks on now."""
    archive: FakeArchive = field(default_factory=FakeArchive)
    holds_off: bool = False
    most: int = 20_000
    """Bytes of files that a session may hold."""

    async def create(self, caller: Caller, request: SessionCreate) -> Session:
        session = Session(
            id=new_session_id(),
            name=request.name,
            pinned=request.pinned,
            tags=request.tags,
            state="live",
            phase="active",
            created_at=AT,
            last_activity_at=AT,
            timeouts=timeouts_in_force(Settings(), None, request.timeouts),
            owner=caller.owner,
        )
        self.sessions[session.id] = session
        return session

    def undisturbed(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def list(self, caller: Caller, query: SessionQuery) -> SessionList:
        self.queries.append(query)
        if query.cursor is not None:
            raise InvalidRequest("cursor: not one that this list gave")
        mine = [
            session
            for session in self.sessions.values()
            if session.owner == caller.owner and query.state in (None, session.state)
        ]
        return SessionList(items=mine[: query.limit])

    async def update(self, caller: Caller, session_id: str, patch: SessionPatch) -> Session:
        session = await self.get(caller, session_id)
        if patch.timeouts is not None:
            asked = changed(Settings(), session.timeouts, patch.timeouts)
            if session.state == "ended" and asked.idle != session.timeouts.idle:
                raise SessionEnded(session_id, AT, "closed")
            session.timeouts = asked
        before = Labels(session.name, session.pinned, tuple(session.tags), session.metadata)
        after = before.patched(patch)
        session.name, session.pinned, session.tags = after.name, after.pinned, [*after.tags]
        return session

    async def renew(self, caller: Caller, session_id: str) -> Session:
        session = await self.heartbeat(caller, session_id)
        if session.timeouts.idle >= session.timeouts.max_duration:
            raise CannotRenew(AT)
        session.renewal_count += 1
        return session

    async def heartbeat(self, caller: Caller, session_id: str) -> Session:
        session = await self.live(caller, session_id)
        self.beats.append(caller)
        return session

    @asynccontextmanager
    async def attended(self, caller: Caller, session_id: str) -> AsyncIterator[Session]:
        session = await self.get(caller, session_id)
        self.attending += 1
        try:
            yield session
        finally:
            self.attending -= 1

    async def traffic(self, caller: Caller, session_id: str) -> Traffic:
        await self.get(caller, session_id)
        host = HostTraffic(host="example.com:443", requests=2, denied=0, bytes_up=10, bytes_down=90)
        return Traffic(bytes_up=10, bytes_down=90, items=[host])

    async def actions(
        self, caller: Caller, session_id: str, *, limit: int, cursor: str | None
    ) -> ActionList:
        await self.get(caller, session_id)
        return await self.archive.actions(session_id, limit=limit, cursor=cursor)

    async def all_actions(self, caller: Caller, session_id: str) -> AsyncIterator[Action]:
        await self.get(caller, session_id)
        async for action in self.archive.all_actions(session_id):
            yield action

    async def end(self, caller: Caller, session_id: str, *, purge: bool = False) -> None:
        session = await self.get(caller, session_id)
        session.state = "ended"
        if purge:
            await self.store.purge(session_id)
            del self.sessions[session_id]

    async def call(
        self,
        caller: Caller,
        function: str,
        input: Input,
        *,
        session: str | None,
        session_timeout: float | None = None,
    ) -> FunctionOutput:
        if session in ("new", None):
            session = (await self.create(caller, SessionCreate())).id
        assert session is not None
        await (self.get if function == "close" else self.resume)(caller, session)
        with self.held(session).during(caller, input):
            self.calls.append(Call(caller, function, input, session, session_timeout))
            if self.before is not None:
                await self.before()
            output = await self._output(caller, session, input)
        output.session_id = session
        return output

    async def _output(self, caller: Caller, session: str, input: Input) -> FunctionOutput:
        if isinstance(input, OpenInput):
            return OpenOutput(url=input.url, title="A page", status=200)
        if isinstance(input, InteractInput):
            return InteractOutput(success=True, action=input.action)
        if isinstance(input, DownloadsInput):
            return DownloadsOutput()
        if isinstance(input, ExecuteInput):
            return ExecuteOutput(result="2", value=2)
        if isinstance(input, ScreenshotInput):
            artifact = await self.store.put(
                PIXEL,
                owner=caller.owner,
                session_id=session,
                content_type="image/png",
                filename="screenshot.png",
            )
            return ScreenshotOutput(screenshot=artifact, width=1280, height=720)
        if type(input).__name__ == "CloseInput":
            self.sessions[session].state = "ended"
            return CloseOutput()
        if type(input) in functions.TABLE:
            return await self._other(caller, session, input)
        return SnapshotOutput(url="about:blank", title="")

    async def _other(self, caller: Caller, session: str, input: Input) -> FunctionOutput:
        """A function of the table, on the session's page."""
        tab = self.tabs.get(session)
        if tab is None:
            tab = self.tabs[session] = FakeTab(SITE, 1280, 720)
            tab.recordings = self.store.recording_folder(session, owner=caller.owner)
            await tab.open(OpenInput(url=f"http://site.test{next(iter(SITE))}"))
        try:
            done = functions.TABLE[type(input)](tab, input)
        except ActionFailed as exc:
            raise InvalidRequest(exc.detail) from exc
        for name, made in done.files.items():
            assert isinstance(made, Blob)
            kept = await self.store.put(
                made.data,
                owner=caller.owner,
                session_id=session,
                content_type=made.content_type,
                filename=made.filename,
            )
            setattr(done.output, name, kept)
        return done.output

    async def capture(self, caller: Caller, session_id: str, input: ScreenshotInput) -> Image:
        await self.get(caller, session_id)
        return Image(PIXEL, f"image/{input.type}", 1280, 720)

    async def upload(
        self, caller: Caller, session_id: str, pieces: AsyncIterator[FileHead | bytes]
    ) -> UploadList:
        held = await self._held(caller, session_id)
        return UploadList(items=await held.receive(pieces))

    async def uploads(self, caller: Caller, session_id: str) -> UploadList:
        return UploadList(items=(await self._held(caller, session_id)).listed())

    async def delete_upload(self, caller: Caller, session_id: str, name: str) -> None:
        try:
            await (await self._held(caller, session_id)).delete(name)
        except NotUploaded as exc:
            raise NotFound(f"no file {name!r}") from exc

    async def _held(self, caller: Caller, session_id: str) -> Uploads:
        if (await self.get(caller, session_id)).state == "ended":
            raise SessionEnded(session_id, AT, "closed")
        return self.files.setdefault(session_id, Uploads(SystemClock(), self.most))

    def hold_off(self) -> None:
        self.holds_off = True

    def take_again(self) -> None:
        self.holds_off = False

    async def health(self, caller: Caller) -> Health:
        live = sum(session.state == "live" for session in self.sessions.values())
        return Health(
            status="draining" if self.holds_off else "ok",
            live=live,
            opening=0,
            waiting=0,
            hibernated=sum(one.state == "hibernated" for one in self.sessions.values()),
            ended=sum(one.state == "ended" for one in self.sessions.values()),
            capacity=10,
            warm=2,
            browsers=1,
            pressure="none",
        )

    async def readiness(self) -> Readiness:
        return self.ready
