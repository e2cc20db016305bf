"""What is kept of a session outside the process: its record, its log, the text of its pages. Not on
the wire as such: `models.sessions.Session` and `models.actions.Action` are what callers see.
"""

from dataclasses import dataclass, field
from datetime import datetime

from agent_browser.models.sessions import (
    EndReason,
    Privacy,
    SessionPhase,
    SessionState,
    Timeouts,
)


@dataclass(frozen=True)
class Record:
    """A session as it is remembered. Wall times in UTC."""

    id: str
    owner: str
    state: SessionState
    created_at: datetime
    last_activity_at: datetime
    timeouts: Timeouts
    name: str | None = None
    pinned: bool = False
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    warns_at: datetime | None = None
    """When a live one is near its expiration, if nothing uses it before."""
    expires_at: datetime | None = None
    """When a live one lapses, if nothing uses it before."""
    hibernated_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    forgets_at: datetime | None = None
    """When a hibernated or ended one expires, None for a pinned one, which is kept; when nothing is
    left of an expired one.
    """
    expired_at: datetime | None = None
    renewal_count: int = 0
    url: str = ""
    title: str = ""
    profile: str | None = None
    privacy: Privacy = field(default_factory=Privacy)
    """As it was asked for; what comes of it depends on the server's settings."""


@dataclass(frozen=True)
class PageText:
    """A page that a session showed, for the search. `text` is bounded by who makes it."""

    session_id: str
    url: str
    title: str
    text: str
    at: datetime


@dataclass(frozen=True)
class Wanted:
    """Which sessions a list is to hold. `now` is what phases are reckoned from."""

    owner: str | None
    """None: everybody's."""
    now: datetime
    q: str | None = None
    state: SessionState | None = None
    """None: all but expired ones."""
    phase: SessionPhase | None = None
    tags: tuple[str, ...] = ()
    """All of them."""
    pinned: bool | None = None
    name: str | None = None
    """Just this one."""
    id_prefix: str | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True)
class Page:
    """A page of a list: records in its order, and where to go on."""

    records: list[Record]
    next_cursor: str | None
