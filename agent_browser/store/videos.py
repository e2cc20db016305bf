"""A video that a browser has written, taken over by the store: named, measured, described.

Everything here blocks; the store calls it from worker threads.
"""

import errno
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from agent_browser.errors import ArtifactNotFound
from agent_browser.ids import new_artifact_id
from agent_browser.models.artifacts import Chapter, EarlyEnd, Recording
from agent_browser.store import disk, mp4, sidecar, webm
from agent_browser.store.sidecar import StoredFile

FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_ROOM = 1_048_576
"""Bytes: where fewer are free beside a file that was never finished, that is why."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Told:
    """What its maker knows of a video. `fps`, `chapters` and `ending` are of what `record` made."""

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    chapters: Sequence[Chapter] = ()
    ending: EarlyEnd | None = None


def taken_over(path: Path, told: Told, *, owner: str, at: datetime) -> StoredFile:
    """The video under an id and a name of the store's own, its sidecar beside it if there is room.
    ArtifactNotFound where there is no such file; OSError.
    """
    try:
        sha256, size = disk.digest(path)
    except FileNotFoundError as exc:
        raise ArtifactNotFound(path.name) from exc
    id = new_artifact_id()
    content_type = "video/mp4" if path.suffix == ".mp4" else "video/webm"
    target = path.with_name(sidecar.disk_name(id, content_type))
    facts = mp4.read(path) if content_type == "video/mp4" else webm.read(path)
    ending = told.ending
    if told.fps is None and not facts.is_finished:
        ending = "storage_full" if _is_full(path.parent) else "interrupted"
    recording = Recording(
        id=id,
        url=sidecar.url_of(id),
        content_type=content_type,
        size=size,
        filename=target.name,
        sha256=sha256,
        created_at=at,
        session_id=path.parent.name,
        width=told.width or facts.width,
        height=told.height or facts.height,
        duration=facts.duration,
        fps=told.fps,
        chapters=list(told.chapters),
        partial=ending is not None,
        code=ending,
    )
    stored = StoredFile(target, recording, owner, path.parent.name)
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    path.parent.chmod(stat.S_IRWXU)
    path.rename(target)
    try:
        sidecar.write(stored)
    except OSError as exc:
        # The video is worth more than its sidecar: it is served now, and found at next start.
        log.warning("no sidecar could be written", file=target.name)
        if ending == "interrupted" and exc.errno in FULL:
            recording.code = "storage_full"
    if recording.partial:
        log.warning("a video ends early", file=target.name, reason=recording.code)
    return stored


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _NO_ROOM
    except OSError:
        return False
