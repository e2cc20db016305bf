"""The register: sessions by id, live and ended; of expired ones, who had them, when and why."""

import base64
import binascii
import math
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from agent_browser.errors import InvalidRequest, SessionExpired, SessionNotFound
from agent_browser.models.sessions import SessionState
from agent_browser.session.session import Session
from agent_browser.session.stage import WIRE

MAX_ENDED = 10_000
MAX_EXPIRED = 50_000


class Expired(NamedTuple):
    """What is left of a session whose retention ran out."""

    owner: str
    at: datetime
    ended_at: datetime
    end_reason: str


class Register:
    """Who has which session. Another owner's is not found."""

    def __init__(self) -> None:
        self.live: dict[str, Session] = {}
        self.ended: OrderedDict[str, Session] = OrderedDict()
        self._expired: OrderedDict[str, Expired] = OrderedDict()

    def add(self, session: Session) -> None:
        """A session that is live now."""
        self.live[session.id] = session

    def find(self, owner: str, session_id: str) -> Session:
        """A session that is live or ended. SessionNotFound, SessionExpired."""
        session = self.live.get(session_id) or self.ended.get(session_id)
        if session is not None and session.owner == owner:
            return session
        gone = self._expired.get(session_id)
        if gone is not None and gone.owner == owner:
            raise SessionExpired(session_id, gone.at, gone.ended_at, gone.end_reason)
        raise SessionNotFound(session_id)

    def evict(self, session: Session) -> None:
        """It is ending: no longer live, still known."""
        del self.live[session.id]
        self.ended[session.id] = session

    def surplus(self) -> Session | None:
        """The session that ended first, where more are remembered than there may be."""
        if len(self.ended) <= MAX_ENDED:
            return None
        return next((session for session in self.ended.values() if session.ended.is_set()), None)

    def expire(self, session: Session, at: datetime) -> None:
        """Forget all but its id, its owner, when and why. A second time it does nothing."""
        if self.ended.pop(session.id, None) is None:
            return
        session.expire()
        self._expired[session.id] = Expired(
            session.owner, at, session.ended_at or at, session.end_reason or "closed"
        )
        while len(self._expired) > MAX_EXPIRED:
            self._expired.popitem(last=False)

    def forget(self, session_id: str) -> None:
        """It was never there."""
        self.ended.pop(session_id, None)
        self._expired.pop(session_id, None)

    def page(
        self, owner: str, *, state: SessionState | None, limit: int, cursor: str | None
    ) -> tuple[list[Session], str | None]:
        """The owner's sessions, most recent activity first, and where to go on."""
        after = _read_cursor(cursor) if cursor is not None else (-math.inf, "")
        found = sorted(
            (key, session)
            for session in self._all()
            if session.owner == owner
            and (state is None or WIRE[session.stage] == state)
            and (key := (-session.lifetime.used, session.id)) > after
        )
        items = found[:limit]
        more = len(found) > limit and items
        return [session for _, session in items], _write_cursor(items[-1][0]) if more else None

    def _all(self) -> Iterator[Session]:
        yield from self.live.values()
        yield from self.ended.values()


def _write_cursor(key: tuple[float, str]) -> str:
    return base64.urlsafe_b64encode(f"{key[0]!r} {key[1]}".encode()).decode()


def _read_cursor(text: str) -> tuple[float, str]:
    try:
        number, _, session_id = base64.urlsafe_b64decode(text.encode()).decode().partition(" ")
        return float(number), session_id
    except (binascii.Error, ValueError) as exc:
        message = "not a cursor of this list"
        raise InvalidRequest(
            f"cursor: {message}", [{"field": "cursor", "message": message}]
        ) from exc
