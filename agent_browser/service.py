"""The hinge: every door (HTTP, command line, tests) talks to this protocol, and to nothing behind
it.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, Self

from agent_browser.errors import Forbidden
from agent_browser.models.actions import Action, ActionList
from agent_browser.models.base import Input
from agent_browser.models.checkpoints import Checkpoint, CheckpointList
from agent_browser.models.control import Control, ControlGranted, ControlInput
from agent_browser.models.egress import Traffic
from agent_browser.models.files import UploadList
from agent_browser.models.functions import Box, FunctionOutput, Mark, ScreenshotInput
from agent_browser.models.profiles import Profile, ProfileInput, ProfileList
from agent_browser.models.rights import ALL, ROLES, Right
from agent_browser.models.secrets import Secret, SecretInput, SecretList
from agent_browser.models.sessions import (
    ForkInput,
    Health,
    Session,
    SessionCreate,
    SessionList,
    SessionPatch,
    SessionQuery,
)
from agent_browser.models.state import StateDocument


@dataclass(frozen=True)
class Caller:
    """Who is calling. What one owner makes, another does not see."""

    owner: str
    rights: frozenset[Right] = ROLES["operator"]
    key: str | None = None
    """The id of the key, or the subject of the token, that it came with; for the audit log."""
    name: str | None = None
    """What people call it."""
    client: str | None = None
    """Which of the owner's programs, as it names itself (`X-Client-Name`); for log and control."""
    control: str | None = field(default=None, repr=False)
    """The token that it sent to show that it has control of a session (`X-Control-Token`)."""
    is_unlogged: bool = False
    """What is called is no client's call, and goes into no log."""
    expires_at: datetime | None = None
    """When its key or token ends."""
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)
    """What the resolver said of it beside."""
    reached: set[str] | None = field(default=None, repr=False, compare=False)
    """Of an admin: where the other owners are noted whose things it reaches; for the audit log."""

    @property
    def scope(self) -> str | None:
        """Whose things it reaches by their ids: its owner's; None: everybody's."""
        return None if "admin" in self.rights else self.owner

    def reaches(self, owner: str) -> bool:
        """Whether it may reach what is that owner's by its id; as another, that is noted."""
        may = self.scope in (None, owner)
        if may and owner != self.owner and self.reached is not None:
            self.reached.add(owner)
        return may

    def acting_for(self, owner: str) -> Self:
        """The same for what is made on that owner's behalf, and is to be that owner's."""
        return self if owner == self.owner else replace(self, owner=owner)

    def with_right(self, right: Right) -> Self:
        """The same for what the server itself does for it with that right, such as code of the
        server's own in a page.
        """
        return self if right in self.rights else replace(self, rights=self.rights | {right})

    def require(self, right: Right) -> None:
        """Forbidden where it has not that right."""
        if right not in self.rights:
            raise Forbidden.lacking(right)


LOCAL = Caller(owner="local", rights=ALL)
"""The one owner there is where no key is configured."""


@dataclass(frozen=True)
class Image:
    """An encoded picture and its own size in pixels."""

    data: bytes = field(repr=False)
    content_type: str
    width: int
    height: int
    legend: tuple[Mark, ...] = ()
    note: str | None = None
    """What is not as asked."""
    masked: tuple[Box, ...] = ()
    """What was painted over, in CSS pixels from the picture's upper left corner."""


@dataclass(frozen=True)
class Readiness:
    """Whether a real command to a real browser was answered, and what an operator should know."""

    ready: bool
    detail: str
    browser: str
    """Product and version, such as `HeadlessChrome/156.0.8078.79`; empty where there is none."""
    warnings: tuple[str, ...] = ()
    """Such as a sandbox that is off."""


@dataclass(frozen=True)
class FileHead:
    """The head of a file that arrives; its bytes come after it."""

    name: str
    content_type: str | None = None


class SessionService(Protocol):
    """Sessions and the functions on them. Every method raises of `agent_browser.errors` and nothing
    else.
    """

    async def create(self, caller: Caller, request: SessionCreate) -> Session:
        """Make a session; its page is blank until `open`. PoolFull where there is no room."""
        ...

    def undisturbed(self) -> AbstractContextManager[None]:
        """While this lasts, what is made ready for sessions to come can wait, unless little is."""
        ...

    async def list(self, caller: Caller, query: SessionQuery) -> SessionList:
        """The caller's sessions, pinned first, then most recent activity; with `q` by rank.
        InvalidRequest for a cursor it didn't give.
        """
        ...

    async def get(self, caller: Caller, session_id: str) -> Session:
        """One session, ended ones too while remembered. SessionNotFound, SessionExpired."""
        ...

    async def update(self, caller: Caller, session_id: str, patch: SessionPatch) -> Session:
        """Change name, pin, tags, metadata, timeouts. SessionNotFound, SessionExpired,
        InvalidTimeout; SessionEnded for timeouts other than retention of an ended one.
        """
        ...

    async def renew(self, caller: Caller, session_id: str) -> Session:
        """Slide its expiration as a call does, and count it. CannotRenew at the maximum duration,
        SessionEnded.
        """
        ...

    async def heartbeat(self, caller: Caller, session_id: str) -> Session:
        """Keep it alive without counting as use. SessionEnded."""
        ...

    def attended(self, caller: Caller, session_id: str) -> AbstractAsyncContextManager[Session]:
        """Somebody looks on, or is attached, while this lasts: it lives on without counting as
        used. One that has ended can be looked at, too. SessionNotFound, SessionExpired.
        """
        ...

    async def control(self, caller: Caller, session_id: str) -> Control:
        """Who has control of it. SessionEnded."""
        ...

    async def take_control(
        self, caller: Caller, session_id: str, request: ControlInput
    ) -> ControlGranted:
        """Give it to the caller, whoever had it before. Until the lease lapses, actions of others
        raise ControlTaken; those that wait for their turn too. SessionEnded.
        """
        ...

    async def give_up_control(self, caller: Caller, session_id: str) -> None:
        """Nobody has it any more. ControlTaken where it is another's; SessionEnded."""
        ...

    async def actions(
        self, caller: Caller, session_id: str, *, limit: int, cursor: str | None
    ) -> ActionList:
        """A page of its log, oldest first. InvalidRequest for a cursor it didn't give."""
        ...

    def all_actions(self, caller: Caller, session_id: str) -> AsyncIterator[Action]:
        """Its whole log, oldest first."""
        ...

    async def hibernate(self, caller: Caller, session_id: str, *, force: bool = False) -> Session:
        """Save it, and give back what it takes, once the calls that came before are done; the next
        call brings it back. A hibernated one stays so. CannotHibernate where a page holds what no
        checkpoint can, unless forced; StorageFull, SessionEnded.
        """
        ...

    async def resume(self, caller: Caller, session_id: str) -> Session:
        """Bring a hibernated one back now. ResumeFailed, PoolFull, StateLocked, SessionEnded."""
        ...

    async def fork(self, caller: Caller, session_id: str, request: ForkInput) -> Session:
        """A new session from what this one is now, or was at one of its checkpoints; they share
        nothing. CheckpointNotFound, PoolFull, SessionEnded.
        """
        ...

    async def traffic(self, caller: Caller, session_id: str) -> Traffic:
        """What it sent and received since it is live, by host. SessionNotFound, SessionExpired."""
        ...

    async def checkpoint(self, caller: Caller, session_id: str) -> Checkpoint:
        """Save it now. StorageFull, SessionEnded."""
        ...

    async def checkpoints(self, caller: Caller, session_id: str) -> CheckpointList:
        """Those that are kept of it."""
        ...

    async def rewind(self, caller: Caller, session_id: str, checkpoint_id: str) -> Session:
        """Make it what it was at that checkpoint. CheckpointNotFound, SessionEnded."""
        ...

    async def state(self, caller: Caller, session_id: str) -> StateDocument:
        """All that a checkpoint of it would hold now; of a hibernated one what it holds, without
        bringing it back. SessionEnded.
        """
        ...

    async def put_state(self, caller: Caller, session_id: str, state: StateDocument) -> Session:
        """Make it what that says, in the place of what it was. SessionEnded."""
        ...

    async def profiles(self, caller: Caller) -> ProfileList:
        """The caller's, by name."""
        ...

    async def profile(self, caller: Caller, name: str) -> Profile:
        """One of them. ProfileNotFound."""
        ...

    async def put_profile(self, caller: Caller, name: str, request: ProfileInput) -> Profile:
        """Make it, or change what is given of it. SessionNotFound, InvalidRequest, StorageFull."""
        ...

    async def profile_state(self, caller: Caller, name: str) -> StateDocument:
        """What it holds. ProfileNotFound, StateLocked."""
        ...

    async def delete_profile(self, caller: Caller, name: str) -> None:
        """Erase it. Sessions that started from it are what they are. ProfileNotFound."""
        ...

    async def secrets(self, caller: Caller) -> SecretList:
        """The caller's, by name; never their values."""
        ...

    async def secret(self, caller: Caller, name: str) -> Secret:
        """One of them. SecretNotFound."""
        ...

    async def put_secret(self, caller: Caller, name: str, request: SecretInput) -> Secret:
        """Keep it, in the place of what was there under that name. Forbidden without the right
        `secrets`; InvalidRequest, Conflict, StorageFull.
        """
        ...

    async def delete_secret(self, caller: Caller, name: str) -> None:
        """Erase it. What was typed of it stays where it is. SecretNotFound, Forbidden."""
        ...

    async def end(self, caller: Caller, session_id: str, *, purge: bool = False) -> None:
        """End it (a second time too); with purge, forget it and erase its files at once."""
        ...

    async def call(
        self,
        caller: Caller,
        function: str,
        input: Input,
        *,
        session: str | None,
        session_timeout: float | None = None,
    ) -> FunctionOutput:
        """Do one function. `session` is an id, "new", or None for a session of this call alone.

        The output is the function's own (`models.catalogue.OUTPUTS`) with `session_id` filled in.
        """
        ...

    async def capture(self, caller: Caller, session_id: str, input: ScreenshotInput) -> Image:
        """The picture itself, for a caller that wants no artifact."""
        ...

    async def upload(
        self, caller: Caller, session_id: str, pieces: AsyncIterator[FileHead | bytes]
    ) -> UploadList:
        """Put files into a session as they arrive, all of them or none; those that are new.

        PayloadTooLarge, StorageFull, and whatever the pieces raise.
        """
        ...

    async def uploads(self, caller: Caller, session_id: str) -> UploadList:
        """The files that were put into a session."""
        ...

    async def delete_upload(self, caller: Caller, session_id: str, name: str) -> None:
        """Erase one of them. NotFound."""
        ...

    def hold_off(self) -> None:
        """Take no new sessions, and bring none back, until `take_again`; those that live go on."""
        ...

    def take_again(self) -> None:
        """Take new sessions, unless the server ends."""
        ...

    async def health(self, caller: Caller) -> Health:
        """Counts by state, capacity, pressure."""
        ...

    async def readiness(self) -> Readiness:
        """Ask a real browser a real thing, within a bound of a few seconds."""
        ...
