"""A store that keeps files in a folder."""

import hashlib
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from agent_browser.errors import ArtifactNotFound, StorageFull
from agent_browser.ids import new_artifact_id
from agent_browser.models.artifacts import Artifact, Chapter, EarlyEnd, Recording
from agent_browser.models.rights import Right
from agent_browser.store.sidecar import StoredFile

_WHEN = datetime(2026, 11, 1, tzinfo=UTC)


class FakeKeeping:
    """Keeps the `Keeping` protocol. With `full` there is no space."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.full = False
        self.artifacts: dict[str, Artifact] = {}
        self.recordings_of: dict[str, list[Recording]] = {}
        self.retentions: dict[str, float | None] = {}

    async def put(
        self,
        data: bytes | Path,
        *,
        owner: str,
        session_id: str,
        content_type: str,
        filename: str,
        is_owed: bool = False,
        right: Right = "watch",
    ) -> Artifact:
        if isinstance(data, Path):
            path, data = data, _bytes_of(data)
            path.unlink()
        if self.full:
            raise StorageFull("no space is left")
        artifact_id = new_artifact_id()
        place = self._folder / session_id
        place.mkdir(parents=True, exist_ok=True)
        (place / artifact_id).write_bytes(data)
        artifact = Artifact(**self._facts(artifact_id, data, content_type, filename))
        self.artifacts[artifact_id] = artifact
        return artifact

    async def adopt(
        self,
        path: Path,
        *,
        owner: str,
        session_id: str,
        width: int,
        height: int,
        fps: float | None = None,
        chapters: Sequence[Chapter] = (),
        ending: EarlyEnd | None = None,
        part_of: str | None = None,
    ) -> Recording:
        facts = self._facts(new_artifact_id(), _bytes_of(path), "video/webm", path.name)
        recording = Recording(
            **facts,
            session_id=session_id,
            width=width,
            height=height,
            fps=fps,
            chapters=list(chapters),
            partial=ending is not None,
            code=ending,
            part_of=part_of,
        )
        self.recordings_of.setdefault(session_id, []).append(recording)
        return recording

    async def join(
        self, path: Path, *, owner: str, ids: Sequence[str], chapters: Sequence[Chapter] = ()
    ) -> Recording:
        if self.full:
            raise StorageFull("no space is left")
        (session_id,) = {v.session_id for v in await self.recordings(owner) if v.id in ids}
        kept = self.recordings_of[session_id]
        parts = [video for video in kept if video.id in ids]
        if len(parts) != len(ids):
            raise ArtifactNotFound(session_id)
        facts = self._facts(new_artifact_id(), _bytes_of(path), parts[0].content_type, path.name)
        told = {"chapters": list(chapters), "segments": sum(video.segments for video in parts)}
        whole = parts[0].model_copy(update=facts | told)
        place = kept.index(parts[0])
        kept[:] = [video for video in kept if video not in parts]
        kept.insert(place, whole)
        return whole

    def recording_folder(
        self, session_id: str, *, owner: str | None = None, retention: float | None = None
    ) -> Path:
        folder = self._folder / "recordings" / session_id
        if owner is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self.retentions[session_id] = retention
        return folder

    async def retain(self, session_id: str, retention: float | None) -> None:
        self.retentions[session_id] = retention

    async def find(self, owner: str, artifact_id: str) -> StoredFile:
        for place in self._folder.glob(f"*/{artifact_id}"):
            return StoredFile(place, self.artifacts[artifact_id], owner, place.parent.name)
        raise ArtifactNotFound(artifact_id)

    async def load(self, owner: str, artifact_id: str) -> bytes:
        for place in self._folder.glob(f"*/{artifact_id}"):
            return _bytes_of(place)
        raise ArtifactNotFound(artifact_id)

    async def recordings(self, owner: str) -> list[Recording]:
        return [kept for of_session in self.recordings_of.values() for kept in of_session]

    async def purge(self, session_id: str) -> None:
        self.recordings_of.pop(session_id, None)
        for folder in (self._folder / session_id, self.recording_folder(session_id)):
            shutil.rmtree(folder, ignore_errors=True)

    def on_disk(self, session_id: str) -> list[str]:
        """Names of the files that it has of a session."""
        return [path.name for path in (self._folder / session_id).glob("*")]

    def _facts(
        self, artifact_id: str, data: bytes, content_type: str, filename: str
    ) -> dict[str, object]:
        return {
            "id": artifact_id,
            "url": f"/v1/artifacts/{artifact_id}",
            "content_type": content_type,
            "size": len(data),
            "filename": filename,
            "sha256": hashlib.sha256(data).hexdigest(),
            "created_at": _WHEN,
        }


def _bytes_of(path: Path) -> bytes:
    # Not in a thread: a test that lets all tasks go on must find this done.
    return path.read_bytes()
