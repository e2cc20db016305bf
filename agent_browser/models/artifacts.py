"""Artifacts: files that a session made and this server serves."""

from agent_browser.models.base import Output, Timestamp


class Artifact(Output):
    """A file made by a session. `url` is a path on this server (absolute where it knows its own
    address).
    """

    id: str
    url: str
    content_type: str
    size: int
    """Bytes."""
    filename: str
    sha256: str
    created_at: Timestamp


class Recording(Artifact):
    """A video of one tab of a session, with what is known of it."""

    session_id: str
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    """Seconds, where it could be read from the file."""


class RecordingList(Output):
    """Newest first."""

    items: list[Recording]
    next_cursor: str | None = None
