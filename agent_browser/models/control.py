"""Control of a session: which of several clients may act on it, and which calls act."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from agent_browser.models.base import Duration, Input, Output, Timestamp
from agent_browser.models.catalogue import NAMES
from agent_browser.models.cookies import CookiesInput
from agent_browser.models.emulation import EmulateInput
from agent_browser.models.functions import InteractInput
from agent_browser.models.messages import MessagesInput
from agent_browser.models.recording import RecordInput, TraceInput
from agent_browser.models.routing import RouteInput
from agent_browser.models.storage import StorageInput

SHORTEST_LEASE = 1.0
LONGEST_LEASE = 3_600.0
CLIENT = r"^[^\x00-\x1f\x7f]+$"

LOOKS = frozenset(
    {"snapshot", "read", "screenshot", "pdf", "requests", "request", "console", "downloads"}
)
"""Functions that change neither the page nor the session; the others act."""
_ASKS: dict[type[Input], Callable[[Any], bool]] = {
    InteractInput: lambda input: input.action in ("wait", "tab_list") and input.function is None,
    EmulateInput: lambda input: not input.model_fields_set - {"timeout"},
    RouteInput: lambda input: input.wanted == "list",
    RecordInput: lambda input: input.action == "status",
    TraceInput: lambda input: input.action == "status",
    StorageInput: lambda input: input.action in ("get", "list"),
    CookiesInput: lambda input: input.wanted == "list",
    MessagesInput: lambda input: input.action == "list",
}
"""Inputs of acting functions that only ask."""


def acts(input: Input) -> bool:
    """Whether a call with this input changes the page or the session, so that it needs control
    where somebody has it. Clearing a list of requests or of console lines is forgetting, not acting
    on the page; it acts all the same: others read that list.
    """
    kind = type(input)
    if NAMES.get(kind) in LOOKS:
        return bool(getattr(input, "clear", False))
    asks = _ASKS.get(kind)
    return asks is None or not asks(input)


class ControlInput(Input):
    """The body of `POST /v1/sessions/{id}/control`."""

    client: Annotated[str, Field(min_length=1, max_length=100, pattern=CLIENT)] | None = Field(
        default=None,
        description="Who takes control, as others are told; else X-Client-Name, else the owner.",
    )
    lease: Annotated[Duration, Field(ge=SHORTEST_LEASE, le=LONGEST_LEASE)] | None = Field(
        default=None,
        description="How long it lasts without an action of its holder; CONTROL_LEASE if absent.",
    )


class Control(Output):
    """Who has control of a session now; all null where nobody has, and any caller may act."""

    session_id: str
    holder: str | None = None
    since: Timestamp | None = None
    expires_at: Timestamp | None = None
    """When it lapses if its holder does nothing before."""
    lease: float | None = None
    """Seconds."""
    mine: bool = False
    """Whether the caller sent the token of the holder."""


class ControlGranted(Control):
    """Control that was just taken."""

    token: str = Field(repr=False)
    """To be sent as `X-Control-Token`; shown this once."""
    previous: str | None = None
    """Who had it before, if it was not the caller."""
