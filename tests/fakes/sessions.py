"""What fakes of a session service have in common: whose sessions there are, who controls them."""

from agent_browser.clock import Clock, SystemClock
from agent_browser.errors import SessionEnded, SessionNotFound
from agent_browser.models.control import Control, ControlGranted, ControlInput
from agent_browser.models.sessions import Session
from agent_browser.service import Caller
from agent_browser.session.control import Control as HeldControl


class KnownSessions:
    """Sessions in memory. A fake that is one has these two, and perhaps a clock of its own."""

    sessions: dict[str, Session]
    controls: dict[str, HeldControl]
    clock: Clock = SystemClock()

    async def get(self, caller: Caller, session_id: str) -> Session:
        session = self.sessions.get(session_id)
        if session is None or not caller.reaches(session.owner):
            raise SessionNotFound(session_id)
        return session

    async def live(self, caller: Caller, session_id: str) -> Session:
        """The caller's session, if it has not ended."""
        session = await self.get(caller, session_id)
        if session.state == "ended":
            ended_at = session.ended_at or session.last_activity_at
            raise SessionEnded(session_id, ended_at, session.end_reason or "closed")
        return session

    def held(self, session_id: str) -> HeldControl:
        """Who controls it."""
        made = HeldControl(session_id, self.clock, lease=60)
        return self.controls.setdefault(session_id, made)

    async def control(self, caller: Caller, session_id: str) -> Control:
        return self.held((await self.live(caller, session_id)).id).describe(caller)

    async def take_control(
        self, caller: Caller, session_id: str, request: ControlInput
    ) -> ControlGranted:
        return self.held((await self.live(caller, session_id)).id).take(caller, request)

    async def give_up_control(self, caller: Caller, session_id: str) -> None:
        self.held((await self.live(caller, session_id)).id).give_up(caller)
