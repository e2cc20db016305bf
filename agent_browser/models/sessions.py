"""Sessions as callers see them (contract, section 3)."""

from typing import Annotated, Literal

from pydantic import Field

from agent_browser.models.base import Duration, Input, Output, Timestamp
from agent_browser.models.functions import ContextOptions, Tab

SessionState = Literal["live", "hibernated", "ended", "expired"]
SessionPhase = Literal["active", "near_expiration", "expired", "ended"]
EndReason = Literal[
    "closed", "idle", "max_duration", "browser_lost", "shutdown", "one_call", "failed_to_open"
]


class TimeoutsInput(Input):
    """Timeouts asked for; absent ones are the server's."""

    idle: Duration | None = None
    max_duration: Duration | None = None


class Timeouts(Output):
    """Timeouts in force, in seconds."""

    idle: float
    max_duration: float


class SessionCreate(ContextOptions):
    """The body of `POST /v1/sessions`."""

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    tags: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        default=[], max_length=32
    )
    metadata: dict[Annotated[str, Field(max_length=64)], str] = Field(default={}, max_length=64)
    timeouts: TimeoutsInput = TimeoutsInput()


class Session(Output):
    """One isolated browser context and all that belongs to it."""

    id: str
    name: str | None = None
    tags: list[str] = []
    metadata: dict[str, str] = {}
    state: SessionState
    phase: SessionPhase
    created_at: Timestamp
    last_activity_at: Timestamp
    expires_at: Timestamp | None = None
    """When it ends if nothing uses it before; null once it has ended."""
    ended_at: Timestamp | None = None
    end_reason: EndReason | None = None
    timeouts: Timeouts
    url: str = ""
    title: str = ""
    tabs: list[Tab] = []
    recording: bool = False
    owner: str


class SessionList(Output):
    """Most recent activity first."""

    items: list[Session]
    next_cursor: str | None = None


class Health(Output):
    """Counts by state, and the room there is."""

    status: Literal["ok", "draining", "unavailable"]
    live: int
    opening: int
    waiting: int
    ended: int
    capacity: int
    warm: int
    browsers: int
    pressure: Literal["none", "sessions", "memory", "draining"]
    """Why a new session would have to wait or be refused now."""
