"""Events as callers see them (contract, section 3)."""

from typing import Any, Literal, get_args

from agent_browser.models.base import Output, Timestamp

EventType = Literal[
    "session.created", "session.started", "session.joined", "session.expiring", "session.renewed",
    "session.hibernated", "session.resumed", "session.resume_failed", "session.renamed",
    "session.pinned", "session.ended", "session.expired", "session.error",
    "navigated", "console", "dialog", "download", "tab_opened", "tab_closed", "crashed",
    "control_taken", "storage", "message", "session.frozen",
    "operation.started", "operation.step", "operation.ended",
]  # fmt: skip
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)


class Event(Output):
    """Something that happened to a session. `id` counts up, over restarts of the server too."""

    id: int
    type: EventType
    session_id: str
    at: Timestamp
    data: dict[str, Any] = {}
