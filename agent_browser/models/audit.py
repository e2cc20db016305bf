"""The audit log: who did what, when, and what came of it."""

from agent_browser.models.base import Output, Timestamp


class AuditEntry(Output):
    """One request. Never a body, never a secret."""

    id: int = 0
    at: Timestamp
    owner: str | None = None
    """Who called; None for who was not let in."""
    key: str | None = None
    """The id of the key, or the subject of the token."""
    name: str | None = None
    """What the key is called."""
    client: str | None = None
    """Which program, as it names itself."""
    address: str | None = None
    """Where it called from; behind a proxy that is the proxy's."""
    method: str
    route: str
    """As in the API's description: `/v1/sessions/{session_id}`; empty where there is none."""
    action: str
    """The function, or the operation's id: `open`, `delete_recording`."""
    session_id: str | None = None
    subject: str | None = None
    """What else the address names: an artifact, a profile, a key, an owner."""
    status: int
    code: str | None = None
    """The error's, of what failed."""
    request_id: str


class AuditList(Output):
    """Newest first."""

    items: list[AuditEntry]
    next_cursor: str | None = None
