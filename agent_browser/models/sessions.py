"""Sessions as callers see them (contract, section 3)."""

from typing import Annotated, Literal

from pydantic import Field

from agent_browser.models.base import Duration, Input, OnIdle, Output, Timestamp
from agent_browser.models.dialogs import WaitingDialog
from agent_browser.models.egress import EgressOption
from agent_browser.models.functions import ContextOptions, Tab

SessionState = Literal["live", "hibernated", "ended", "expired"]
SessionPhase = Literal["active", "near_expiration", "expired", "ended"]
EndReason = Literal[
    "closed", "idle", "max_duration", "browser_lost", "shutdown", "one_call", "failed_to_open",
    "server_lost",
]  # fmt: skip


class TimeoutsInput(Input):
    """Timeouts asked for; absent ones are the server's."""

    idle: Duration | None = None
    max_duration: Duration | None = None
    warning: Duration | None = None
    """Before its end in which a session is near expiration; half of idle at most."""
    auto_renew: bool | None = None
    """Whether every call slides `expires_at`."""
    retention: Duration | None = None
    """How long it is remembered once it is hibernated or has ended."""
    on_idle: OnIdle | None = None
    """What becomes of it when its idle time is over."""


class Timeouts(Output):
    """Timeouts in force, in seconds."""

    idle: float
    max_duration: float
    warning: float = 300.0
    auto_renew: bool = True
    retention: float = 86_400.0
    on_idle: OnIdle = "auto"


Name = Annotated[str, Field(min_length=1, max_length=200)]
Tags = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=32)]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=2_000)]],
    Field(max_length=64),
]


class Privacy(Input):
    """What is kept of what a session does; absent ones are the server's. What the server keeps of
    none it keeps of no session.
    """

    log_bodies: bool | None = None
    """What calls were sent, secrets masked."""
    log_thumbnails: bool | None = None
    """A small picture of the page after each open and action."""
    page_text: bool | None = None
    """The text of visited pages, for the search."""
    log_retention: Duration | None = None
    """How long entries of its log are kept."""
    page_text_retention: Duration | None = None
    """How long the text of visited pages is kept."""
    recording_retention: Duration | None = None
    """How long its videos are kept."""


class SessionCreate(ContextOptions):
    """The body of `POST /v1/sessions`."""

    name: Name | None = None
    pinned: bool = False
    tags: Tags = []
    metadata: Metadata = {}
    timeouts: TimeoutsInput = TimeoutsInput()
    privacy: Privacy = Privacy()


class HibernateInput(Input):
    """The body of `POST /v1/sessions/{id}/hibernate`."""

    force: bool = False
    """Also where a page holds what no checkpoint can: that is lost."""


class ForkInput(Input):
    """The body of `POST /v1/sessions/{id}/fork`; what is absent is as the first session has it."""

    checkpoint: Annotated[str, Field(max_length=64)] | None = None
    """One of the session's; what it is now if absent."""
    name: Name | None = None
    pinned: bool = False
    tags: Tags | None = None
    metadata: Metadata | None = None
    timeouts: TimeoutsInput = TimeoutsInput()
    egress: EgressOption | None = None
    """What it may reach, within what the first session may."""


class SessionPatch(Input):
    """The body of `PATCH /v1/sessions/{id}`: what is given is changed, null takes a name away."""

    name: Name | None = None
    pinned: bool | None = None
    tags: Tags | None = None
    metadata: Metadata | None = None
    timeouts: TimeoutsInput | None = None
    privacy: Privacy | None = None
    """From now on; what was kept before stays for its time. null for one is the server's again."""


class SessionQuery(Input):
    """Which sessions a list is to hold."""

    q: Annotated[str, Field(max_length=500)] | None = Field(
        default=None,
        description="Words to find in names, tags, addresses, titles, the log and the text of "
        "visited pages.",
    )
    state: SessionState | None = Field(
        default=None, description="Only those in this state; expired ones are listed only so."
    )
    phase: SessionPhase | None = Field(default=None, description="Only those in this phase.")
    tag: Annotated[list[str], Field(max_length=32)] = Field(
        default=[], description="Only those with this tag; with all of them if given repeatedly."
    )
    pinned: bool | None = Field(default=None, description="Only those that are, or are not.")
    name: Name | None = Field(default=None, description="Only those with just this name.")
    id_prefix: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="Only those whose id begins so."
    )
    owner: Annotated[str, Field(min_length=1, max_length=401)] | None = Field(
        default=None,
        description="Only those of this owner; * for everybody's. The caller's own if absent; "
        "others' with the right `admin`.",
    )
    limit: int = Field(default=50, ge=1, le=200, description="Most sessions in a page.")
    cursor: Annotated[str, Field(max_length=512)] | None = Field(
        default=None, description="The `next_cursor` of the page before."
    )


class Kept(Output):
    """What is kept of what a session does, as the server and its request have it, and for how many
    seconds.
    """

    log_bodies: bool
    log_thumbnails: bool
    page_text: bool
    log_retention: float = 2_592_000.0
    """0: no bound but the record's; also of page texts."""
    page_text_retention: float = 604_800.0
    recording_retention: float = 604_800.0


class Session(Output):
    """One isolated browser context and all that belongs to it."""

    id: str
    name: str | None = None
    pinned: bool = False
    tags: list[str] = []
    metadata: dict[str, str] = {}
    state: SessionState
    phase: SessionPhase
    created_at: Timestamp
    last_activity_at: Timestamp
    expires_at: Timestamp | None = None
    """When its idle time is over if nothing uses it before; of a hibernated one, when it expires;
    null once it has ended, and of a pinned one that is hibernated.
    """
    hibernated_at: Timestamp | None = None
    frozen: bool = False
    """Its pages' scripts stand still until the next call."""
    ended_at: Timestamp | None = None
    end_reason: EndReason | None = None
    renewal_count: int = 0
    timeouts: Timeouts
    profile: str | None = None
    url: str = ""
    title: str = ""
    tabs: list[Tab] = []
    recording: bool = False
    dialog: WaitingDialog | None = None
    """The dialog that waits for the action `dialog`."""
    keeps: Kept | None = None
    """null of an expired one."""
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
    hibernated: int = 0
    ended: int
    capacity: int
    warm: int
    browsers: int
    pressure: Literal["none", "sessions", "memory", "draining"]
    """Why a new session would have to wait or be refused now."""
