"""A video that a browser has written, taken over by the store: named, measured, described.

Everything here blocks; the store calls it from worker threads.
"""

import errno
import re
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
_OF_RECORD = re.compile(r"(rec_[0-9a-f]{16})-[0-9a-f]+\.")
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Told:
    """What its maker knows of a video. `fps`, `chapters` and `ending` are of what `record` made."""

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    chapters: Sequence[Chapter] = ()
    ending: EarlyEnd | None = None
    part_of: str | None = None


def taken_over(path: Path, told: Told, *, owner: str, at: datetime) -> StoredFile:
    """The video under an id and a name of the store's own, its sidecar beside it if there is room.
    ArtifactNotFound where there is no such file; OSError.
    """
    sha256, size = _digest(path)
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
        part_of=told.part_of or _named(path),
    )
    stored = StoredFile(target, recording, owner, path.parent.name, "recordings")
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


def joined(
    path: Path, parts: Sequence[StoredFile], chapters: Sequence[Chapter], *, at: datetime
) -> StoredFile:
    """The video that was put together from these, oldest first, in their place; they are still to
    be erased. ArtifactNotFound where there is no such file; OSError, and it is not taken over.
    """
    videos = [part.artifact for part in parts if isinstance(part.artifact, Recording)]
    first = videos[0]
    id = new_artifact_id()
    target = path.with_name(sidecar.disk_name(id, first.content_type))
    facts = mp4.read(path) if first.content_type == "video/mp4" else webm.read(path)
    sha256, size = _digest(path)
    ending = next((video.code for video in videos if video.code is not None), None)
    recording = first.model_copy(
        update={
            "id": id,
            "url": sidecar.url_of(id),
            "size": size,
            "filename": target.name,
            "sha256": sha256,
            "created_at": at,
            "width": facts.width or first.width,
            "height": facts.height or first.height,
            "duration": facts.duration,
            "fps": next((video.fps for video in videos if video.fps is not None), None),
            "chapters": list(chapters),
            "partial": any(video.partial for video in videos),
            "code": ending,
            "segments": sum(video.segments for video in videos),
        }
    )
    replaced = tuple(video.id for video in videos)
    stored = StoredFile(
        target, recording, parts[0].owner, parts[0].session_id, "recordings", replaced
    )
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    # First the sidecar: a video without one would be found at the next start as one more.
    sidecar.write(stored)
    try:
        path.rename(target)
    except OSError:
        disk.remove(sidecar.path_of(target))
        raise
    return stored


def _digest(path: Path) -> tuple[str, int]:
    try:
        return disk.digest(path)
    except FileNotFoundError as exc:
        raise ArtifactNotFound(path.name) from exc


def _named(path: Path) -> str | None:
    """What `record` began, from the name of a file that a killed server left."""
    found = _OF_RECORD.match(path.name)
    return found[1] if found else None


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _NO_ROOM
    except OSError:
        return False
