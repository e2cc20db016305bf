"""Operations over a service whose every call a test can see, hold and fail."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent_browser.hub import Hub
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
    SnapshotOutput,
)
from agent_browser.models.reading import ReadInput, ReadOutput
from agent_browser.models.running import RunInput, RunLine
from agent_browser.models.sessions import Kept, Session, SessionCreate, Timeouts
from agent_browser.running.operations import Operations
from agent_browser.service import LOCAL, Caller
from agent_browser.session.control import Control as HeldControl
from agent_browser.settings import Settings
from tests.fakes.clock import ManualClock
from tests.fakes.papers import FakePapers
from tests.fakes.publisher import Published
from tests.fakes.sessions import KnownSessions
from tests.pool.rig import quiesce

SESSION = "ses_0000000000000000000000"
ANN, BOB = Caller(owner="ann"), Caller(owner="bob")


@dataclass
class Sessions(KnownSessions):
    """As much of a SessionService as runs use. `before` runs within each call."""

    clock: ManualClock
    sessions: dict[str, Session] = field(default_factory=dict)
    controls: dict[str, HeldControl] = field(default_factory=dict)
    created: list[SessionCreate] = field(default_factory=list)
    calls: list[tuple[str, Input]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    text: str = ""
    keeps: Kept | None = None
    before: Callable[[str, Input], Awaitable[None]] | None = None
    refuse: Exception | None = None
    """What a new session fails with."""

    def add(self, owner: str, session_id: str) -> Session:
        session = Session(
            id=session_id, state="live", phase="active", owner=owner,
            created_at=self.clock.now(), last_activity_at=self.clock.now(),
            timeouts=Timeouts(idle=1800, max_duration=43_200), keeps=self.keeps,
        )  # fmt: skip
        self.sessions[session_id] = session
        return session

    async def create(self, caller: Caller, request: SessionCreate) -> Session:
        if self.before is not None:
            await self.before("create", request)
        if self.refuse is not None:
            raise self.refuse
        self.created.append(request)
        return self.add(caller.owner, new_session_id())

    async def end(self, caller: Caller, session_id: str, *, purge: bool = False) -> None:
        session = await self.get(caller, session_id)
        session.state, session.ended_at = "ended", self.clock.now()
        self.ended.append(session_id)

    async def call(
        self,
        caller: Caller,
        function: str,
        input: Input,
        *,
        session: str | None,
        session_timeout: float | None = None,
    ) -> FunctionOutput:
        assert session is not None
        found = await self.live(caller, session)
        with self.held(session).during(caller, input):
            self.calls.append((function, input))
            if self.before is not None:
                await self.before(function, input)
            return self._output(found, input)

    def _output(self, session: Session, input: Input) -> FunctionOutput:
        if isinstance(input, OpenInput):
            session.url = input.url
            return OpenOutput(url=input.url, title="A page", status=200)
        if isinstance(input, InteractInput):
            is_done = input.ref != "@e99"
            return InteractOutput(
                success=is_done, action=input.action, code=None if is_done else "unknown_ref"
            )
        if isinstance(input, ExecuteInput):
            thrown = "Error: no" if "throw" in input.code else None
            return ExecuteOutput(value=None if thrown else input.code, error=thrown)
        if isinstance(input, ReadInput):
            return ReadOutput(format=input.format, url=session.url, title="", content=self.text)
        if type(input).__name__ == "CloseInput":
            session.state, session.ended_at = "ended", self.clock.now()
            return CloseOutput()
        return SnapshotOutput(url=session.url, title="")


@dataclass
class Rig:
    """The parts, and the calls that most tests make."""

    operations: Operations
    service: Sessions
    papers: FakePapers
    clock: ManualClock
    heard: Published

    async def lines(
        self, body: dict[str, Any], caller: Caller = ANN, session: str = SESSION
    ) -> list[RunLine]:
        """A run that is followed to its end."""
        brief, _ = await self.operations.start(caller, session, run(body), follow=True)
        async with self.operations.followed(caller, brief.id) as lines:
            return [line async for _, line in lines]

    async def begin(
        self, body: dict[str, Any], caller: Caller = ANN, session: str = SESSION
    ) -> str:
        """A run that nobody follows; its operation's id."""
        brief, _ = await self.operations.start(caller, session, run(body))
        return brief.id

    async def pass_time(self, seconds: float) -> None:
        """So much time goes by, and what is due is done."""
        self.clock.advance(seconds)
        await quiesce()


def run(body: dict[str, Any]) -> RunInput:
    """A run as it comes over the wire; steps may be names alone."""
    steps = [{"function": one} if isinstance(one, str) else one for one in body["steps"]]
    return RunInput.model_validate({**body, "steps": steps})


def opened(url: str = "http://a/") -> dict[str, Any]:
    """A step that goes there."""
    return {"function": "open", "input": {"url": url}}


@asynccontextmanager
async def running(
    folder: Path, papers: FakePapers | None = None, hub: Hub | None = None, **changes: object
) -> AsyncIterator[Rig]:
    """Operations over a session of Ann's and nothing else."""
    clock, heard, kept = ManualClock(), Published(), papers or FakePapers()
    service = Sessions(clock)
    service.add("ann", SESSION)
    settings = Settings.model_validate({"data_dir": folder, **changes})
    held: Any = service
    operations = Operations(held, kept, settings, publisher=heard, hub=hub, clock=clock)
    clock.watch(operations._sweep.nudge)
    async with operations:
        yield Rig(operations, service, kept, clock, heard)


__all__ = ["ANN", "BOB", "LOCAL", "SESSION", "Rig", "opened", "quiesce", "run", "running"]
