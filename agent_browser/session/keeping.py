"""What sessions need of the store: a place for pictures and videos. Videos that went on in another
file are put together.
"""

import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread
import structlog

from agent_browser.browser import joining
from agent_browser.browser.engine import Video
from agent_browser.errors import AgentBrowserError
from agent_browser.models.artifacts import Artifact, Chapter, EarlyEnd, Recording
from agent_browser.models.rights import Right
from agent_browser.store.sidecar import StoredFile

_FIRST_TAB = "t1"
_OF_TAB = re.compile(r"t\d+")
_log = structlog.get_logger(__name__)


class Keeping(Protocol):
    """Keeps files that sessions make. The artifact store is one."""

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
        """Store bytes, or a file, which is moved away. StorageFull where there is no space,
        QuotaExceeded where its owner has enough; what `is_owed` is taken all the same. Who reads it
        needs that `right`.
        """
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
        part_of: str | None = None,
    ) -> Recording:
        """Take on a final video that lies in the session's recording folder; `fps` and `ending` are
        of one that `record` made, `part_of` of one that may go on in another.
        """
        ...

    async def join(
        self, path: Path, *, owner: str, ids: Sequence[str], chapters: Sequence[Chapter] = ()
    ) -> Recording:
        """Take on a video that was put together from these of the owner's, which lie in the same
        folder: it has their place, and they are gone. ArtifactNotFound, StorageFull: nothing is
        changed.
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
        part_of=video.part_of,
    )


async def joined(
    keeping: Keeping, owner: str, session_id: str, *, part_of: str | None = None
) -> list[Recording]:
    """The session's videos, those of whole tabs first, each kind oldest first; segments of one are
    put together into one, and what can't be stays in segments. With `part_of` of that one only.
    Nobody may write a video of it meanwhile. Bounded by what the videos last.
    """
    mine = [video for video in await keeping.recordings(owner) if video.session_id == session_id]
    groups: dict[tuple[bool, str, str], list[Recording]] = {}
    for video in sorted(mine, key=lambda video: video.created_at):
        groups.setdefault(_group(video), []).append(video)
    whole: list[Recording] = []
    for (_, name, _), segments in sorted(groups.items(), key=lambda item: item[0][0]):
        if part_of in (None, name):
            whole += await _joined(keeping, owner, session_id, segments)
    return whole


def _group(video: Recording) -> tuple[bool, str, str]:
    """What it is a segment of: whether something that `record` began; its name; its kind of file.

    Of what a killed server left of a tab's video nobody knows the tab.
    """
    is_of_tab = _OF_TAB.fullmatch(video.part_of) if video.part_of else video.fps is None
    name = video.part_of or (_FIRST_TAB if is_of_tab else video.id)
    return not is_of_tab, name, video.content_type


async def _joined(
    keeping: Keeping, owner: str, session_id: str, segments: list[Recording]
) -> list[Recording]:
    """One video of them, and those that have nothing in them; or all as they are."""
    if len(segments) < 2:
        return segments
    target = keeping.recording_folder(session_id) / f"join-{secrets.token_hex(8)}.part"
    with anyio.CancelScope(shield=True):
        try:
            places = {(await keeping.find(owner, video.id)).path: video for video in segments}
            whole = await joining.join(
                [joining.Segment(path, video.chapters) for path, video in places.items()],
                target,
                format="mp4" if segments[0].content_type == "video/mp4" else "webm",
                began=segments[0].created_at,
            )
            parts = [places[part.path] for part in whole.parts]
            if len(parts) < 2:
                await anyio.to_thread.run_sync(_removed, target)
                return [*parts, *(video for video in segments if video not in parts)]
            ids = [part.id for part in parts]
            one = await keeping.join(target, owner=owner, ids=ids, chapters=whole.chapters)
        except (joining.NotJoined, AgentBrowserError, OSError) as exc:
            _log.warning("a video stays in segments", session=session_id, reason=str(exc))
            await anyio.to_thread.run_sync(_removed, target)
            return segments
    return [one, *(video for video in segments if video not in parts)]


def _removed(path: Path) -> None:
    path.unlink(missing_ok=True)
