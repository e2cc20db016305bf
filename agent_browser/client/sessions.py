"""Sessions as a whole, of both clients: made, found, named, kept alive, saved, followed,
ended.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol, TypeVar

import httpx

from agent_browser.client import directory, profiles, requests, secrets, states, usage
from agent_browser.client.address import Address
from agent_browser.client.following import AsyncFollowing, Following
from agent_browser.client.requests import Request
from agent_browser.models.actions import ActionList
from agent_browser.models.audit import AuditList
from agent_browser.models.checkpoints import Checkpoint, CheckpointList
from agent_browser.models.egress import Traffic
from agent_browser.models.events import EventType
from agent_browser.models.links import SignedLink
from agent_browser.models.profiles import Profile, ProfileList
from agent_browser.models.secrets import Secret, SecretList
from agent_browser.models.sessions import Session, SessionList
from agent_browser.models.state import StateDocument, StorageState
from agent_browser.models.usage import OwnerQuotas, Usage

T = TypeVar("T")
Events = TypeVar("Events", covariant=True)


class _Followed(Protocol[Events]):
    """What both clients do alike: neither waits for anything here."""

    address: Address

    def _followed(self, request: Request[None], *, comes_back: bool) -> Events: ...

    def events(
        self,
        session: str | None = None,
        *,
        types: Sequence[EventType] = (),
        after: int | None = None,
        follow: bool = True,
    ) -> Events:
        """What happens to a session, or to all of the caller's, as it happens, until the session
        has ended. Comes back where it was when the connection is lost. `follow` false: what is
        held now, and no more. Errors are raised when it is read.
        """
        request = directory.events(session, types, after, follow=follow)
        return self._followed(request, comes_back=follow)


class Sessions(_Followed[Following], Protocol):
    """What a client does with sessions as a whole; it does it over `send`."""

    def _followed(self, request: Request[None], *, comes_back: bool) -> Following:
        return Following(self.address, request, self._stream, comes_back=comes_back)

    def send(self, request: Request[T]) -> T:
        """Do a request."""
        ...

    def _stream(self, request: Request[Any]) -> AbstractContextManager[httpx.Response]: ...

    def create_session(self, **options: Any) -> Session:
        """Make a session with a blank page. Options: `SessionCreate`'s fields."""
        return self.send(requests.create_session(options))

    def list_sessions(self, **query: Any) -> SessionList:
        """Sessions, pinned ones first, then most recent activity; with `q` the best finds first.
        Query: `SessionQuery`'s fields; `next_cursor` gives the next page.
        """
        return self.send(directory.listed(query))

    def get_session(self, session: str) -> Session:
        """One session, ended ones too while the server remembers them."""
        return self.send(requests.get_session(session))

    def update_session(self, session: str, **changes: Any) -> Session:
        """Name, pin or tag it, change timeouts or privacy; a `name` of None takes it away. Changes:
        `SessionPatch`'s fields.
        """
        return self.send(directory.updated(session, changes))

    def update_timeouts(self, session: str, **timeouts: Any) -> Session:
        """Other timeouts from now on: `TimeoutsInput`'s fields."""
        return self.send(directory.timed(session, timeouts))

    def renew_session(self, session: str) -> Session:
        """Its idle time counts from now. CannotRenew at its longest duration."""
        return self.send(directory.renewed(session))

    def keep_alive(self, session: str) -> Session:
        """Its idle time counts from now, as after a call, but it has not been used."""
        return self.send(directory.kept_alive(session))

    def actions(
        self, session: str, *, limit: int | None = None, cursor: str | None = None
    ) -> ActionList:
        """A page of its log, oldest first; of an ended one too."""
        return self.send(directory.actions(session, limit, cursor))

    def hibernate(self, session: str, *, force: bool = False) -> Session:
        """Save it and give its context back; the next call brings it back. CannotHibernate where a
        page holds what no checkpoint can: `force` loses that.
        """
        return self.send(states.hibernated(session, force=force))

    def resume(self, session: str) -> Session:
        """Bring a hibernated one back now. ResumeFailed keeps its state."""
        return self.send(states.resumed(session))

    def fork(self, session: str, **options: Any) -> Session:
        """A new session from what it is, or was at a `checkpoint`. Options: `ForkInput`'s
        fields.
        """
        return self.send(states.forked(session, options))

    def checkpoint(self, session: str) -> Checkpoint:
        """Save it now; `losses` says what could not be."""
        return self.send(states.saved(session))

    def checkpoints(self, session: str) -> CheckpointList:
        """Those that are kept of it, newest first."""
        return self.send(states.checkpoints(session))

    def traffic(self, session: str) -> Traffic:
        """What it sent and received since it is live, by host."""
        return self.send(states.traffic(session))

    def restore(self, session: str, checkpoint: str) -> Session:
        """Make it what it was at a checkpoint; what it is now is given up."""
        return self.send(states.restored(session, checkpoint))

    def get_state(self, session: str) -> StateDocument:
        """All that it is: cookies, storage, tabs. `put_state` takes it."""
        return self.send(states.state(session))

    def storage_state(self, session: str) -> dict[str, Any]:
        """Its cookies and storage, as Playwright's `storage_state` has them."""
        return self.send(states.storage_state(session))

    def put_state(self, session: str, state: Mapping[str, Any] | StorageState) -> Session:
        """Make it what that says: a document of `get_state`, or Playwright's `storage_state`."""
        return self.send(states.put_state(session, state))

    def list_profiles(self) -> ProfileList:
        """Saved states that sessions start from, by name."""
        return self.send(profiles.listed())

    def get_profile(self, name: str) -> Profile:
        """What is known of a profile; secrets of its options are masked."""
        return self.send(profiles.shown(name))

    def put_profile(self, name: str, **fields: Any) -> Profile:
        """Save a profile, or change what is given of it. Fields: `ProfileInput`'s; its state is a
        session's (`session_id`), a file's (`storage_state`, `cookies`), or stays.
        """
        return self.send(profiles.saved(name, fields))

    def profile_state(self, name: str) -> StateDocument:
        """What a profile holds; `put_profile` takes it as `storage_state`."""
        return self.send(profiles.state(name))

    def profile_storage_state(self, name: str) -> dict[str, Any]:
        """What it holds, as Playwright's `storage_state` has it."""
        return self.send(profiles.storage_state(name))

    def list_secrets(self) -> SecretList:
        """The caller's secrets, by name; never their values."""
        return self.send(secrets.listed())

    def get_secret(self, name: str) -> Secret:
        """What is known of a secret; never its value."""
        return self.send(secrets.shown(name))

    def put_secret(self, name: str, **fields: Any) -> Secret:
        """Keep a secret. Fields: `SecretInput`'s: `value` or `totp`, `origins` or `any_origin`."""
        return self.send(secrets.kept(name, fields))

    def delete_secret(self, name: str) -> None:
        """Erase a secret."""
        self.send(secrets.deleted(name))

    def link(self, artifact: str, *, expires_in: float | str | None = None) -> SignedLink:
        """A link that leads to an artifact without a key, an hour long if not said."""
        return self.send(usage.link(artifact, expires_in))

    def usage(self, *, owner: str | None = None) -> Usage:
        """What is used of each quota; of another owner's for an admin."""
        return self.send(usage.usage(owner))

    def quotas(self, owner: str) -> OwnerQuotas:
        """An owner's limits; for an admin."""
        return self.send(usage.quotas(owner))

    def put_quotas(self, owner: str, **limits: Any) -> OwnerQuotas:
        """Give an owner other limits; for an admin. Limits: `QuotasInput`'s fields."""
        return self.send(usage.given(owner, limits))

    def audit(self, **query: Any) -> AuditList:
        """Who did what, newest first; for an admin. Query: owner, session, action, since, until,
        limit, cursor.
        """
        return self.send(usage.audit(query))

    def delete_profile(self, name: str) -> None:
        """Erase it; sessions that started from it stay as they are."""
        self.send(profiles.deleted(name))

    def end_session(self, session: str, *, purge: bool = False) -> None:
        """End it; with `purge` its record and files are erased at once."""
        self.send(requests.end_session(session, purge=purge))


class AsyncSessions(_Followed[AsyncFollowing], Protocol):
    """What an asynchronous client does with sessions as a whole; it does it over `send`."""

    def _followed(self, request: Request[None], *, comes_back: bool) -> AsyncFollowing:
        return AsyncFollowing(self.address, request, self._stream, comes_back=comes_back)

    async def send(self, request: Request[T]) -> T:
        """Do a request."""
        ...

    def _stream(self, request: Request[Any]) -> AbstractAsyncContextManager[httpx.Response]: ...

    async def create_session(self, **options: Any) -> Session:
        """Make a session with a blank page. Options: `SessionCreate`'s fields."""
        return await self.send(requests.create_session(options))

    async def list_sessions(self, **query: Any) -> SessionList:
        """Sessions, pinned ones first, then most recent activity; with `q` the best finds first.
        Query: `SessionQuery`'s fields; `next_cursor` gives the next page.
        """
        return await self.send(directory.listed(query))

    async def get_session(self, session: str) -> Session:
        """One session, ended ones too while the server remembers them."""
        return await self.send(requests.get_session(session))

    async def update_session(self, session: str, **changes: Any) -> Session:
        """Name, pin or tag it, change timeouts or privacy; a `name` of None takes it away. Changes:
        `SessionPatch`'s fields.
        """
        return await self.send(directory.updated(session, changes))

    async def update_timeouts(self, session: str, **timeouts: Any) -> Session:
        """Other timeouts from now on: `TimeoutsInput`'s fields."""
        return await self.send(directory.timed(session, timeouts))

    async def renew_session(self, session: str) -> Session:
        """Its idle time counts from now. CannotRenew at its longest duration."""
        return await self.send(directory.renewed(session))

    async def keep_alive(self, session: str) -> Session:
        """Its idle time counts from now, as after a call, but it has not been used."""
        return await self.send(directory.kept_alive(session))

    async def actions(
        self, session: str, *, limit: int | None = None, cursor: str | None = None
    ) -> ActionList:
        """A page of its log, oldest first; of an ended one too."""
        return await self.send(directory.actions(session, limit, cursor))

    async def hibernate(self, session: str, *, force: bool = False) -> Session:
        """Save it and give its context back; the next call brings it back. CannotHibernate where a
        page holds what no checkpoint can: `force` loses that.
        """
        return await self.send(states.hibernated(session, force=force))

    async def resume(self, session: str) -> Session:
        """Bring a hibernated one back now. ResumeFailed keeps its state."""
        return await self.send(states.resumed(session))

    async def fork(self, session: str, **options: Any) -> Session:
        """A new session from what it is, or was at a `checkpoint`. Options: `ForkInput`'s
        fields.
        """
        return await self.send(states.forked(session, options))

    async def checkpoint(self, session: str) -> Checkpoint:
        """Save it now; `losses` says what could not be."""
        return await self.send(states.saved(session))

    async def checkpoints(self, session: str) -> CheckpointList:
        """Those that are kept of it, newest first."""
        return await self.send(states.checkpoints(session))

    async def traffic(self, session: str) -> Traffic:
        """What it sent and received since it is live, by host."""
        return await self.send(states.traffic(session))

    async def restore(self, session: str, checkpoint: str) -> Session:
        """Make it what it was at a checkpoint; what it is now is given up."""
        return await self.send(states.restored(session, checkpoint))

    async def get_state(self, session: str) -> StateDocument:
        """All that it is: cookies, storage, tabs. `put_state` takes it."""
        return await self.send(states.state(session))

    async def storage_state(self, session: str) -> dict[str, Any]:
        """Its cookies and storage, as Playwright's `storage_state` has them."""
        return await self.send(states.storage_state(session))

    async def put_state(self, session: str, state: Mapping[str, Any] | StorageState) -> Session:
        """Make it what that says: a document of `get_state`, or Playwright's `storage_state`."""
        return await self.send(states.put_state(session, state))

    async def list_profiles(self) -> ProfileList:
        """Saved states that sessions start from, by name."""
        return await self.send(profiles.listed())

    async def get_profile(self, name: str) -> Profile:
        """What is known of a profile; secrets of its options are masked."""
        return await self.send(profiles.shown(name))

    async def put_profile(self, name: str, **fields: Any) -> Profile:
        """Save a profile, or change what is given of it. Fields: `ProfileInput`'s; its state is a
        session's (`session_id`), a file's (`storage_state`, `cookies`), or stays.
        """
        return await self.send(profiles.saved(name, fields))

    async def profile_state(self, name: str) -> StateDocument:
        """What a profile holds; `put_profile` takes it as `storage_state`."""
        return await self.send(profiles.state(name))

    async def profile_storage_state(self, name: str) -> dict[str, Any]:
        """What it holds, as Playwright's `storage_state` has it."""
        return await self.send(profiles.storage_state(name))

    async def list_secrets(self) -> SecretList:
        """The caller's secrets, by name; never their values."""
        return await self.send(secrets.listed())

    async def get_secret(self, name: str) -> Secret:
        """What is known of a secret; never its value."""
        return await self.send(secrets.shown(name))

    async def put_secret(self, name: str, **fields: Any) -> Secret:
        """Keep a secret. Fields: `SecretInput`'s: `value` or `totp`, `origins` or `any_origin`."""
        return await self.send(secrets.kept(name, fields))

    async def delete_secret(self, name: str) -> None:
        """Erase a secret."""
        await self.send(secrets.deleted(name))

    async def link(self, artifact: str, *, expires_in: float | str | None = None) -> SignedLink:
        """A link that leads to an artifact without a key, an hour long if not said."""
        return await self.send(usage.link(artifact, expires_in))

    async def usage(self, *, owner: str | None = None) -> Usage:
        """What is used of each quota; of another owner's for an admin."""
        return await self.send(usage.usage(owner))

    async def quotas(self, owner: str) -> OwnerQuotas:
        """An owner's limits; for an admin."""
        return await self.send(usage.quotas(owner))

    async def put_quotas(self, owner: str, **limits: Any) -> OwnerQuotas:
        """Give an owner other limits; for an admin. Limits: `QuotasInput`'s fields."""
        return await self.send(usage.given(owner, limits))

    async def audit(self, **query: Any) -> AuditList:
        """Who did what, newest first; for an admin. Query: owner, session, action, since, until,
        limit, cursor.
        """
        return await self.send(usage.audit(query))

    async def delete_profile(self, name: str) -> None:
        """Erase it; sessions that started from it stay as they are."""
        await self.send(profiles.deleted(name))

    async def end_session(self, session: str, *, purge: bool = False) -> None:
        """End it; with `purge` its record and files are erased at once."""
        await self.send(requests.end_session(session, purge=purge))
