"""Sessions as a whole, of both clients: made, found, named, kept alive, followed, ended."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol, TypeVar

import httpx

from agent_browser.client import directory, requests
from agent_browser.client.address import Address
from agent_browser.client.following import AsyncFollowing, Following
from agent_browser.client.requests import Request
from agent_browser.models.actions import ActionList
from agent_browser.models.events import EventType
from agent_browser.models.sessions import Session, SessionList

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

    async def end_session(self, session: str, *, purge: bool = False) -> None:
        """End it; with `purge` its record and files are erased at once."""
        await self.send(requests.end_session(session, purge=purge))
