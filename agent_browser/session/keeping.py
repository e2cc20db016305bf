"""What sessions need of the store: a place for pictures and videos."""

from pathlib import Path
from typing import Protocol

from agent_browser.models.artifacts import Artifact, Recording


class Keeping(Protocol):
    """Keeps files that sessions make. The artifact store is one."""

    async def put(
        self, data: bytes | Path, *, owner: str, session_id: str, content_type: str, filename: str
    ) -> Artifact:
        """Store bytes, or a file, which is moved away. StorageFull where there is no space."""
        ...

    async def adopt(
        self, path: Path, *, owner: str, session_id: str, width: int, height: int
    ) -> Recording:
        """Take on a final video that lies in the session's recording folder."""
        ...

    def recording_folder(self, session_id: str, *, owner: str | None = None) -> Path:
        """Where the session's videos go. With `owner` the folder is made. StorageFull."""
        ...

    async def purge(self, session_id: str) -> None:
        """Erase all that the session made."""
        ...
