"""Artifacts: files that a session made and this server serves."""

from typing import Literal

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


DownloadState = Literal["running", "done", "failed", "cancelled"]


class Download(Output):
    """Something that a session's pages downloaded, or began to."""

    name: str
    url: str
    """Where it came from."""
    state: DownloadState
    received: int = 0
    """Bytes so far."""
    size: int | None = None
    """Bytes of the whole, where they are known."""
    sha256: str | None = None
    content_type: str | None = None
    error: str | None = None
    """Why there is no file."""
    artifact: Artifact | None = None
    started_at: Timestamp
    ended_at: Timestamp | None = None


class Chapter(Output):
    """A part of a video. `at` is in seconds from its start."""

    title: str
    at: float


EarlyEnd = Literal["storage_full", "size_limit", "encoder_failed", "interrupted"]
"""Why a video ends before what it shows did; `interrupted`: its file was never finished."""


class Recording(Artifact):
    """A video of one tab of a session, with what is known of it."""

    session_id: str
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    """Seconds, where it could be read from the file."""
    fps: float | None = None
    """Frames a second, of what `record` made."""
    chapters: list[Chapter] = []
    partial: bool = False
    """Whether it ends before what it shows did; `code` says why."""
    code: EarlyEnd | None = None
    part_of: str | None = None
    """Which of the session's videos it is of: those that go on after a hibernation are of the same,
    a file for each time, until they are put together into one.
    """
    segments: int = 1
    """How many files it was put together from."""


class RecordingList(Output):
    """Newest first."""

    items: list[Recording]
    next_cursor: str | None = None
