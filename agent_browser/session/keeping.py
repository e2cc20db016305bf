"""What sessions need of the store: a place for pictures and videos."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from agent_browser.browser.engine import Video
from agent_browser.models.artifacts import Artifact, Chapter, EarlyEnd, Recording
from agent_browser.store.sidecar import StoredFile


class Keeping(Protocol):
    """Keeps files that sessions make. The artifact store is one."""

    async def put(
        self, data: bytes | Path, *, owner: str, session_id: str, content_type: str, filename: str
    ) -> Artifact:
        """Store bytes, or a file, which is moved away. StorageFull where there is no space."""
        ...

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
    ) -> Recording:
        """Take on a final video that lies in the session's recording folder; `fps` and `ending` are
        of one that `record` made.
        """
        ...

    def recording_folder(
        self, session_id: str, *, owner: str | None = None, retention: float | None = None
    ) -> Path:
        """Where the session's videos go. With `owner` the folder is made; its videos are kept for
        `retention` seconds where that is less than all are. StorageFull.
        """
        ...

    async def retain(self, session_id: str, retention: float | None) -> None:
        """Its videos, those that are there and those that come, are kept for so long from now on,
        None: as all are. StorageFull.
        """
        ...

    async def find(self, owner: str, artifact_id: str) -> StoredFile:
        """Where an artifact of the owner's lies. ArtifactNotFound."""
        ...

    async def load(self, owner: str, artifact_id: str) -> bytes:
        """The bytes of an artifact of the owner's. ArtifactNotFound."""
        ...

    async def recordings(self, owner: str) -> list[Recording]:
        """All videos of the owner's."""
        ...

    async def purge(self, session_id: str) -> None:
        """Erase all that the session made."""
        ...


async def adopted(keeping: Keeping, video: Video, owner: str, session_id: str) -> Recording:
    """Have a video kept that the browser's side has finished."""
    return await keeping.adopt(
        video.path,
        owner=owner,
        session_id=session_id,
        width=video.width,
        height=video.height,
        fps=video.fps,
        chapters=video.chapters,
        ending=video.ending,
    )
