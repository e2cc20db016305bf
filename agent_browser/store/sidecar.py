"""What is known of a stored file, and the sidecar beside it that says so after a restart."""

import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from agent_browser.ids import is_artifact_id, is_session_id
from agent_browser.models.artifacts import Artifact, Recording
from agent_browser.models.base import Input
from agent_browser.models.rights import Right
from agent_browser.store import disk

SUFFIX = ".meta"
_SUFFIXES = {"image/jpeg": ".jpg", "image/webp": ".webp", "video/webm": ".webm"}


@dataclass(frozen=True)
class StoredFile:
    """A file on disk, what callers are told of it, and whose it is."""

    path: Path
    artifact: Artifact | Recording
    owner: str
    session_id: str
    right: Right = "watch"
    """What callers need to read it."""
    replaces: tuple[str, ...] = ()
    """Ids of the recordings that it was put together from: none of them is to be there any more."""


class _Sidecar(Input):
    version: Literal[1] = 1
    owner: str
    session_id: str
    file: str
    artifact: Artifact | None = None
    recording: Recording | None = None
    right: Right | None = None
    replaces: list[str] | None = None


def url_of(artifact_id: str) -> str:
    """Where this server serves it."""
    return f"/v1/artifacts/{artifact_id}"


def disk_name(artifact_id: str, content_type: str) -> str:
    """The file's name on disk: the id, and a suffix for people who look into the folder."""
    kind = content_type.partition(";")[0].strip().lower()
    return artifact_id + (_SUFFIXES.get(kind) or mimetypes.guess_extension(kind) or ".bin")


def path_of(data: Path) -> Path:
    """The sidecar of that file."""
    return data.with_suffix(SUFFIX)


def write(stored: StoredFile) -> None:
    """Write the sidecar of a stored file. OSError."""
    artifact = stored.artifact
    is_recording = isinstance(artifact, Recording)
    sidecar = _Sidecar(
        owner=stored.owner,
        session_id=stored.session_id,
        file=stored.path.name,
        artifact=None if is_recording else artifact,
        recording=artifact if is_recording else None,
        right=stored.right,
        replaces=list(stored.replaces) or None,
    )
    disk.write(path_of(stored.path), sidecar.model_dump_json(exclude_none=True).encode())


def read(path: Path) -> StoredFile:
    """The file that this sidecar is of. ValueError where it is damaged, or not of this folder."""
    try:
        with open(disk.open_regular(path), "rb") as file:
            sidecar = _Sidecar.model_validate_json(file.read(1_000_000))
    except (ValidationError, OSError) as exc:
        raise ValueError("it can't be read") from exc
    artifact = sidecar.recording or sidecar.artifact
    if artifact is None or not is_artifact_id(artifact.id) or path.stem != artifact.id:
        raise ValueError("it names another artifact")
    if not is_session_id(sidecar.session_id) or path.parent.name != sidecar.session_id:
        raise ValueError("it names another session")
    if sidecar.file != disk_name(artifact.id, artifact.content_type):
        raise ValueError("it names another file")
    artifact.url = url_of(artifact.id)
    replaced = tuple(sidecar.replaces or ())
    place = path.parent / sidecar.file
    right = sidecar.right or _right_of(artifact)
    return StoredFile(place, artifact, sidecar.owner, sidecar.session_id, right, replaced)


def _right_of(artifact: Artifact) -> Right:
    """What it needs to read one that was kept before sidecars said so."""
    if isinstance(artifact, Recording):
        return "recordings"
    return "state" if artifact.filename == "trace.zip" else "watch"
