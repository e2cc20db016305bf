"""The log of a session as callers see it (contract, section 3)."""

from typing import Any, Literal

from agent_browser.models.base import Output, Timestamp

ActionOutcome = Literal["ok", "failed", "refused", "error"]


class Action(Output):
    """One call. `input` is as it was sent, secrets masked and long values cut."""

    id: int
    """Counts up over the whole database; a cursor, too."""
    session_id: str
    at: Timestamp
    function: str
    action: str | None = None
    """interact's."""
    input: dict[str, Any] | None = None
    """null where the server keeps no bodies."""
    outcome: ActionOutcome
    code: str | None = None
    """The error's, or the failed action's."""
    message: str | None = None
    milliseconds: float
    url_before: str = ""
    url: str = ""
    """After it."""
    client: str | None = None
    """Who called, as it named itself."""
    thumbnail: str | None = None
    """The id of an artifact, where thumbnails are on."""


class ActionList(Output):
    """Oldest first."""

    items: list[Action]
    next_cursor: str | None = None
    dropped: int = 0
    """Older ones that are not kept any more: a session's log is bounded."""
