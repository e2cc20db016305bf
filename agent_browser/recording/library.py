"""A caller's recordings: listed in pages, looked up, deleted."""

import base64
import re
from datetime import UTC, datetime

from agent_browser.errors import ArtifactNotFound, InvalidRequest
from agent_browser.ids import is_artifact_id
from agent_browser.models.artifacts import Recording, RecordingList
from agent_browser.service import Caller
from agent_browser.store.artifacts import ArtifactStore

_CURSOR = re.compile(r"^(\d{1,14})\.(art_[A-Za-z0-9_-]{22})$")


class Library:
    """The recordings in a store, newest first."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    async def list(self, caller: Caller, *, limit: int, cursor: str | None = None) -> RecordingList:
        """A page of the caller's recordings. InvalidRequest for a cursor that was not given out.

        A page goes on where the last one ended, though recordings came or went in between.
        """
        newest_first = list(reversed(await self._store.recordings(caller.owner)))
        if cursor is not None:
            position = _read(cursor)
            newest_first = [video for video in newest_first if _position(video) < position]
        page = newest_first[:limit]
        is_more = len(newest_first) > limit
        return RecordingList(items=page, next_cursor=_write(page[-1]) if is_more else None)

    async def get(self, caller: Caller, recording_id: str) -> Recording:
        """One recording. ArtifactNotFound for another owner's and for other artifacts, too."""
        stored = await self._store.find(caller.scope, recording_id)
        caller.reaches(stored.owner)
        artifact = stored.artifact
        if not isinstance(artifact, Recording):
            raise ArtifactNotFound(recording_id)
        return artifact

    async def delete(self, caller: Caller, recording_id: str) -> None:
        """Erase one recording. ArtifactNotFound as of `get`."""
        recording = await self.get(caller, recording_id)
        await self._store.delete(caller.scope, recording.id)


def _position(video: Recording) -> tuple[datetime, str]:
    return video.created_at, video.id


def _write(video: Recording) -> str:
    text = f"{round(video.created_at.timestamp() * 1000)}.{video.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, str]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        match = _CURSOR.match(text.decode("ascii"))
        if match is None or not is_artifact_id(match[2]):
            raise ValueError
        return datetime.fromtimestamp(int(match[1]) / 1000, UTC), match[2]
    except (ValueError, OverflowError, OSError) as exc:
        raise InvalidRequest(
            "cursor: not one that this list gave",
            errors=[{"field": "cursor", "message": "not one that this list gave"}],
        ) from exc
