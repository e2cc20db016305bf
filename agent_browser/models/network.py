"""Inputs and outputs of `requests`, `request`, `har` and `console`."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from agent_browser.models.artifacts import Artifact
from agent_browser.models.base import Duration, Input, Output, Timeout, Timestamp, Unfit
from agent_browser.models.functions import FunctionOutput
from agent_browser.models.globs import Finder

ResourceType = Literal[
    "document", "stylesheet", "image", "media", "font", "script", "texttrack", "xhr", "fetch",
    "eventsource", "websocket", "manifest", "ping", "other",
]  # fmt: skip
Level = Literal["log", "info", "warning", "error", "debug", "pageerror"]

MAX_INLINE = 1_000_000
_STATUS = re.compile(r"^([1-5])(?:xx|(\d\d))(?:-([1-5]\d\d))?$", re.IGNORECASE)
METHOD = re.compile(r"^[A-Za-z]{1,32}$")
_ID = re.compile(r"^r\d{1,9}$", re.ASCII)
_TIME = "a time has its zone, as in 2026-11-21T10:00:00Z"

TabName = Annotated[str, Field(pattern=r"^(?:active|t\d{1,9})$")]
Find = Annotated[str, Field(min_length=1, max_length=2_048)]


def status_range(text: str) -> tuple[int, int]:
    """First and last status of `200`, `4xx` or `400-499`; ValueError for anything else."""
    found = _STATUS.match(text.strip())
    if found is None or (found[2] is None and found[3] is not None):
        raise ValueError("a status is 200, 4xx or a range such as 400-499")
    if found[2] is None:
        return int(found[1]) * 100, int(found[1]) * 100 + 99
    first = int(found[1] + found[2])
    last = int(found[3]) if found[3] is not None else first
    if last < first:
        raise ValueError("a range of statuses begins with the smaller one")
    return first, last


def moment(text: str) -> datetime:
    """The time that an RFC 3339 text names; ValueError for anything else."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise ValueError(_TIME) from exc
    return _zoned(found)


def _zoned(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError(_TIME)
    return time


def as_list(value: Any) -> Any:
    """One of a kind may stand for a list of it."""
    return [value] if isinstance(value, str) else value


def _findable(text: str | None) -> str | None:
    if text is not None:
        Finder(text)
    return text


class RequestsInput(Input):
    """What the session's pages asked of the network, oldest first."""

    type: Annotated[list[ResourceType], Field(min_length=1, max_length=16)] | None = Field(
        default=None, description="Only these resource types; one or a list."
    )
    status: Annotated[str, Field(max_length=16)] | None = Field(
        default=None, description="Only these: 200, 4xx, 400-499."
    )
    method: Annotated[str, Field(pattern=METHOD.pattern)] | None = None
    url: Find | None = Field(
        default=None, description="A glob (with * or {a,b}), else a part of the address."
    )
    failed: bool | None = Field(
        default=None,
        description="true: only those that came to no answer, or to one of 400 or more; false: "
        "only the others.",
    )
    since: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="Only those after this id (r12) or time (RFC 3339)."
    )
    tab: TabName | None = Field(default=None, description="t2 or active; all tabs if absent.")
    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)
    clear: bool = Field(default=False, description="Forget all that are kept, after answering.")

    _type = field_validator("type", mode="before")(as_list)
    _url = field_validator("url")(_findable)

    @field_validator("since")
    @classmethod
    def _is_since(cls, text: str | None) -> str | None:
        if text is not None and not _ID.match(text):
            try:
                moment(text)
            except ValueError as exc:
                raise ValueError(
                    f"it is the id of a request, such as r12, or a time; {exc}"
                ) from exc
        return text

    @field_validator("status", mode="before")
    @classmethod
    def _is_range(cls, value: Any) -> Any:
        if value is None or isinstance(value, bool) or not isinstance(value, int | str):
            return value
        status_range(str(value))
        return str(value).strip()


class RequestInput(Input):
    """One request with its headers and bodies, secrets masked."""

    id: Annotated[str, Field(pattern=r"^r\d{1,9}$")]
    body: bool = Field(default=True, description="Also the body of the answer.")
    max_bytes: int = Field(
        default=100_000,
        ge=0,
        le=MAX_INLINE,
        description="Bytes of a body in the answer at most; a larger one is an artifact as well.",
    )
    save: bool = Field(default=False, description="The body as an artifact in any case.")
    body_timeout: Annotated[Duration, Field(le=25)] = Field(
        default=10.0, description="Seconds for a body that is still on its way, 25 at most."
    )


class HarInput(Input):
    """Record the session's traffic as an HTTP archive (HAR 1.2), secrets masked."""

    action: Literal["start", "stop"]
    content: Literal["embed", "omit"] = Field(
        default="embed", description="start: whether bodies are in the file."
    )
    url: Find | None = Field(
        default=None, description="start: a glob (with * or {a,b}), else a part of the address."
    )
    timeout: Timeout = 60.0

    _url = field_validator("url")(_findable)

    @model_validator(mode="after")
    def _goes_together(self) -> "HarInput":
        if self.action == "stop" and {"content", "url"} & self.model_fields_set:
            raise Unfit(
                "'content' and 'url' are for action start",
                *sorted({"content", "url"} & self.model_fields_set),
            )
        return self


class ConsoleInput(Input):
    """What the pages wrote to their console, and their uncaught errors; the newest `limit`."""

    level: Annotated[list[Level], Field(min_length=1, max_length=6)] | None = Field(
        default=None, description="Only these; one or a list."
    )
    query: Find | None = Field(default=None, description="Only with this text; case ignored.")
    since: Timestamp | None = Field(default=None, description="Only after this time.")
    tab: TabName | None = Field(default=None, description="t2 or active; all tabs if absent.")
    limit: int = Field(default=100, ge=1, le=1_000)
    clear: bool = Field(default=False, description="Forget all that are kept, after answering.")

    _level = field_validator("level", mode="before")(as_list)

    @field_validator("since")
    @classmethod
    def _is_zoned(cls, time: datetime | None) -> datetime | None:
        return None if time is None else _zoned(time)


class Traffic(Output):
    """One request in short. Absent is what is not known (yet)."""

    id: str
    tab: str | None = None
    """Null where the tab is gone, or it is a service worker's."""
    method: str
    url: str
    type: str
    state: Literal["pending", "done", "failed"]
    status: int | None = None
    status_text: str | None = None
    mime: str | None = None
    transferred: int | None = None
    """Bytes that came over the network, headers and body; 0 from a cache."""
    size: int | None = None
    """Bytes of the body as it came, packed or not."""
    started_at: Timestamp | None = None
    first_byte_ms: float | None = None
    total_ms: float | None = None
    from_cache: bool | None = None
    from_service_worker: bool = False
    failure: str | None = None
    redirected_from: str | None = None
    redirected_to: str | None = None
    """Ids."""


class Socket(Output):
    """A WebSocket that a page opened, with its frames counted."""

    id: str
    tab: str | None = None
    url: str
    state: Literal["open", "closed", "failed"]
    opened_at: Timestamp
    closed_at: Timestamp | None = None
    sent: int = 0
    received: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    failure: str | None = None


class RequestsOutput(FunctionOutput):
    """Requests that fit, and all sockets."""

    requests: list[Traffic]
    total: int
    """How many fit, before `limit` and `offset`."""
    kept: int
    dropped: int
    """Older ones that were kept and are not any more."""
    note: str | None = None
    """What may be missing, of the time before requests were first asked for."""
    sockets: list[Socket] = []


class Header(Output):
    """One header; a name may come several times."""

    name: str
    value: str


class Hop(Output):
    """One step of a chain of redirects."""

    id: str | None = None
    method: str
    url: str
    status: int | None = None


class RequestOutput(FunctionOutput):
    """One request. Headers, addresses and bodies are masked."""

    request: Traffic
    request_headers: list[Header] = []
    response_headers: list[Header] = []
    redirects: list[Hop] = []
    """The whole chain that it is part of, in order; empty where there was no redirect."""
    protocol: str | None = None
    address: str | None = None
    """Of the server, as IP:port."""
    post_data: str | None = None
    post_data_base64: str | None = None
    """Where it is no text."""
    post_data_truncated: bool = False
    body: str | None = None
    body_base64: str | None = None
    """Where it is no text."""
    body_size: int | None = None
    """Bytes, unpacked."""
    truncated: bool = False
    """Whether the body here is cut, or left out for its size."""
    file: Artifact | None = None
    body_error: str | None = None
    """Why there is no body."""


class HarOutput(FunctionOutput):
    """Whether traffic is being recorded; the file, where it was stopped."""

    recording: bool
    started_at: Timestamp | None = None
    har: Artifact | None = None
    entries: int = 0
    omitted: int = 0
    """Bodies left out for their size."""
    complete: bool = True
    """False where recording ended before `stop`, at its bound."""


class Message(Output):
    """One console message, or an uncaught error of a page."""

    level: Level
    text: str
    at: Timestamp
    tab: str | None = None
    url: str | None = None
    line: int | None = None
    column: int | None = None
    """From 1."""
    stack: str | None = None


class ConsoleOutput(FunctionOutput):
    """The newest messages that fit, in the order in which they came."""

    messages: list[Message]
    total: int
    """How many fit, before `limit`."""
    counts: dict[str, int] = {}
    """How many there are of each level, before all filters but `tab`."""
