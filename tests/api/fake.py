"""A session service in memory: it remembers sessions, and its calls answer what they were given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent_browser.errors import InvalidRequest, SessionEnded, SessionNotFound
from agent_browser.ids import new_session_id
from agent_browser.models.base import Input
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
    SessionState,
    Timeouts,
)
from agent_browser.service import Caller, Image, Readiness
from agent_browser.store.artifacts import ArtifactStore

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
READY = Readiness(True, "1 browser answers", "HeadlessChrome/156", ("no sandbox",))
PIXEL = b"\x89PNG\r\n\x1a\n not really"


@dataclass
class Call:
    """What a call was given."""

    caller: Caller
    function: str
    input: Input
    session: str | None
    timeout: float | None


@dataclass
class FakeService:
    """Keeps the promises of SessionService without a browser. `before` runs within each call."""

    store: ArtifactStore
    sessions: dict[str, Session] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    before: Callable[[], Awaitable[None]] | None = None
    ready: Readiness = READY

    async def create(self, caller: Caller, request: SessionCreate) -> Session:
        session = Session(
            id=new_session_id(),
            name=request.name,
            state="live",
            phase="active",
            created_at=AT,
            last_activity_at=AT,
            timeouts=Timeouts(idle=1800, max_duration=43_200),
            owner=caller.owner,
        )
        self.sessions[session.id] = session
        return session

    async def list(
        self, caller: Caller, *, state: SessionState | None, limit: int, cursor: str | None
    ) -> SessionList:
        if cursor is not None:
            raise InvalidRequest("cursor: not one that this list gave")
        mine = [
            session
            for session in self.sessions.values()
            if session.owner == caller.owner and state in (None, session.state)
        ]
        return SessionList(items=mine[:limit])

    async def get(self, caller: Caller, session_id: str) -> Session:
        session = self.sessions.get(session_id)
        if session is None or session.owner != caller.owner:
            raise SessionNotFound(session_id)
        return session

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
        found = await self.get(caller, session)
        if found.state == "ended" and function != "close":
            raise SessionEnded(session, AT, "closed")
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
        return SnapshotOutput(url="about:blank", title="")

    async def capture(self, caller: Caller, session_id: str, input: ScreenshotInput) -> Image:
        await self.get(caller, session_id)
        return Image(PIXEL, f"image/{input.type}", 1280, 720)

    async def health(self, caller: Caller) -> Health:
        live = sum(session.state == "live" for session in self.sessions.values())
        return Health(
            status="ok",
            live=live,
            opening=0,
            waiting=0,
            ended=len(self.sessions) - live,
            capacity=10,
            warm=2,
            browsers=1,
            pressure="none",
        )

    async def readiness(self) -> Readiness:
        return self.ready
