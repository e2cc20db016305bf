"""The store of artifacts and recordings: files with sidecars, and an index of them in memory."""

import errno
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Self, TypeVar

import anyio.to_thread
import structlog

from agent_browser.clock import Clock, Steady, SystemClock
from agent_browser.errors import ArtifactNotFound, QuotaExceeded, StorageFull
from agent_browser.ids import is_artifact_id, new_artifact_id
from agent_browser.models.artifacts import Artifact, Chapter, EarlyEnd, Recording
from agent_browser.models.names import file_name
from agent_browser.models.rights import Right
from agent_browser.quotas.quotas import Quotas
from agent_browser.service import LOCAL
from agent_browser.settings import Settings
from agent_browser.store import disk, shelf, sidecar
from agent_browser.store.retention import Kept, due
from agent_browser.store.shelf import Shelf
from agent_browser.store.sidecar import StoredFile
from agent_browser.store.videos import FULL, Told, joined, taken_over

__all__ = ["ArtifactStore", "StoredFile"]

T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Limits:
    """How long, in seconds, and how many bytes of a kind are kept; 0 bytes: no bound."""

    retention: float
    bound: int


class ArtifactStore:
    """An async context manager. What it kept is there again after a restart.

    Errors are ArtifactNotFound and StorageFull; a session id must be one (ValueError).
    """

    swept: ClassVar[str] = "files"

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, quotas: Quotas | None = None
    ) -> None:
        self._owned: Counter[str] = Counter()
        """Bytes of artifacts by owner; the next, of videos."""
        self._filmed: Counter[str] = Counter()
        self._quotas = quotas or Quotas(settings)
        self._quotas.stores("artifacts", self._owned.__getitem__)
        self._quotas.stores("recordings", self._filmed.__getitem__)
        self._clock = clock or SystemClock()
        self._steady = Steady(self._clock)
        self._artifacts = Shelf(settings.data_dir / "artifacts")
        self._recordings = Shelf(settings.recordings_folder)
        self._artifact_limits = _Limits(settings.artifact_retention, settings.artifact_bytes)
        self._recording_limits = _Limits(settings.recording_retention, settings.recording_bytes)
        self._files: dict[str, StoredFile] = {}
        self._by_session: dict[str, set[str]] = {}
        self._artifact_bytes = 0
        self._retentions: dict[str, float] = {}
        """Of sessions whose videos are kept for less than all are, in seconds."""

    def __repr__(self) -> str:
        return f"<ArtifactStore {len(self._files)} files of {len(self._by_session)} sessions>"

    async def __aenter__(self) -> Self:
        """Make the folders and load what is there. OSError where they can't be made."""
        kept, leftovers = await anyio.to_thread.run_sync(self._load)
        for stored in kept:
            self._add(stored)
        for stored in leftovers:
            self._add(stored)
            self._count_video(stored, at=stored.artifact.created_at)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._artifacts.close()
        self._recordings.close()

    def recording_folder(
        self, session_id: str, *, owner: str | None = None, retention: float | None = None
    ) -> Path:
        """Where the session's videos are to be written. With `owner`, the folder is made, and keeps
        whose it is in case the server is killed before the video is adopted. `retention`: see
        `retain`.
        """
        folder = self._recordings.folder(session_id)
        if owner is not None:
            try:
                shelf.note_owner(folder, owner)
                if retention is not None or session_id in self._retentions:
                    shelf.note_retention(folder, retention)
            except OSError as exc:
                raise _full(exc) from exc
            self._note_retention(session_id, retention)
        return folder

    async def retain(self, session_id: str, retention: float | None) -> None:
        """Keep the session's videos for so many seconds, where that is less than all are kept; None
        for as long as all. It is noted in their folder, if there is one.
        """
        folder = self._recordings.folder(session_id)
        if retention != self._retentions.get(session_id):
            await _in_thread(lambda: shelf.renote_retention(folder, retention))
            self._note_retention(session_id, retention)

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
        """Keep the bytes, or the file, which is moved. The name on disk is the store's own;
        `filename` is what callers see, and `right` what they need to read it. QuotaExceeded where
        its owner has enough, but for what `is_owed`: it would be lost.
        """
        if not is_owed:
            await self._check_quota(data, owner)
        folder = self._artifacts.folder(session_id)
        stored = await _in_thread(
            lambda: self._write(
                data,
                folder,
                owner=owner,
                content_type=content_type,
                filename=file_name(filename),
                right=right,
            )
        )
        self._add(stored)
        if self._is_over_bound():
            await self._make_room(but=stored.artifact.id)
        return stored.artifact

    async def adopt(
        self,
        path: Path,
        *,
        owner: str,
        session_id: str,
        width: int | None = None,
        height: int | None = None,
        fps: float | None = None,
        chapters: Sequence[Chapter] = (),
        ending: EarlyEnd | None = None,
        part_of: str | None = None,
    ) -> Recording:
        """Take over a video that is final and lies in the session's recording folder. It gets an id
        and a name of the store's own. Size and duration are read from the file where it has them,
        and, but for what `record` made (it has `fps`), whether it ends early. `part_of`: what goes
        on in another one, which `join` then puts together with it.
        """
        if path.parent.resolve() != self._recordings.folder(session_id).resolve():
            raise ValueError("not in the session's recording folder")
        told = Told(width, height, fps, chapters, ending, part_of)
        stored = await _in_thread(lambda: taken_over(path, told, owner=owner, at=self._now()))
        self._add(stored)
        self._count_video(stored)
        assert isinstance(stored.artifact, Recording)
        return stored.artifact

    async def join(
        self, path: Path, *, owner: str, ids: Sequence[str], chapters: Sequence[Chapter] = ()
    ) -> Recording:
        """Take over a video, final and in the session's recording folder, that was put together
        from these recordings of one session, oldest first. It has their place: they are erased.
        What holds for the session's videos holds for it. ArtifactNotFound, StorageFull: nothing is
        changed.
        """
        parts = [await self.find(owner, id) for id in ids]
        folders = {part.path.parent.resolve() for part in parts}
        if not all(isinstance(part.artifact, Recording) for part in parts):
            raise ValueError("not recordings")
        if folders != {path.parent.resolve()}:
            raise ValueError("not in the session's recording folder")
        stored = await _in_thread(lambda: joined(path, parts, chapters, at=self._now()))
        assert isinstance(stored.artifact, Recording)
        if any(self._files.get(id) is not part for id, part in zip(ids, parts, strict=True)):
            await anyio.to_thread.run_sync(_erase_files, [stored])  # one was deleted meanwhile
            raise ArtifactNotFound(stored.artifact.id)
        self._add(stored)
        await self._discard(ids)
        return stored.artifact

    async def find(self, owner: str | None, artifact_id: str) -> StoredFile:
        """The owner's artifact or recording, or None: whoever's. ArtifactNotFound for another's."""
        stored = self._files.get(artifact_id) if is_artifact_id(artifact_id) else None
        if stored is None or owner not in (None, stored.owner):
            raise ArtifactNotFound(artifact_id)
        return stored

    async def load(self, owner: str, artifact_id: str) -> bytes:
        """The bytes of the caller's artifact. ArtifactNotFound, also where its file is gone."""
        stored = await self.find(owner, artifact_id)
        try:
            return await anyio.to_thread.run_sync(disk.read, stored.path)
        except OSError as exc:
            raise ArtifactNotFound(artifact_id) from exc

    async def recordings(self, owner: str) -> list[Recording]:
        """All videos of an owner, oldest first."""
        return _recordings(stored for stored in self._files.values() if stored.owner == owner)

    async def delete(self, owner: str | None, artifact_id: str) -> None:
        """Erase the owner's artifact or recording; None: whoever's."""
        stored = await self.find(owner, artifact_id)
        await self._discard([stored.artifact.id])

    async def purge(self, session_id: str) -> None:
        """Erase all that the session made, also videos that were never adopted."""
        self._retentions.pop(session_id, None)
        folders = [self._artifacts.folder(session_id), self._recordings.folder(session_id)]
        await self._discard(list(self._by_session.get(session_id, ())))
        await anyio.to_thread.run_sync(_erase_folders, folders)

    async def sweep(self, now: datetime | None = None) -> int:
        """Delete what retention, by age and by bytes, does not keep; how many files that were."""
        at = now or self._steady.now()
        going = self._due(recordings=False, now=at) + self._due(recordings=True, now=at)
        await self._discard(going)
        if self._retentions:
            await anyio.to_thread.run_sync(self._forget_retentions, list(self._retentions))
        return len(going)

    def _now(self) -> datetime:
        # Sidecars have milliseconds; what is told before and after a restart must be the same.
        now = self._clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def _forget_retentions(self, session_ids: list[str]) -> None:
        """Of sessions without a folder; one that records again is told anew."""
        for session_id in session_ids:
            if not self._recordings.folder(session_id).is_dir():
                self._retentions.pop(session_id, None)

    def _note_retention(self, session_id: str, retention: float | None) -> None:
        self._retentions.pop(session_id, None)
        if retention is not None:
            self._retentions[session_id] = retention

    def _due(self, *, recordings: bool, now: datetime, but: str = "") -> list[str]:
        limits = self._recording_limits if recordings else self._artifact_limits
        own = self._retentions if recordings else {}
        return due(
            (
                Kept(
                    id,
                    stored.artifact.created_at,
                    stored.artifact.size,
                    own.get(stored.session_id, math.inf),
                )
                for id, stored in self._files.items()
                if isinstance(stored.artifact, Recording) is recordings and id != but
            ),
            now=now,
            retention=limits.retention,
            bound=limits.bound,
        )

    def _is_over_bound(self) -> bool:
        bound = self._artifact_limits.bound
        # A tenth over before anything is sorted: at the bound, not every put pays for a sweep.
        return bound > 0 and self._artifact_bytes > bound + bound // 10

    async def _make_room(self, *, but: str) -> None:
        await self._discard(self._due(recordings=False, now=self._steady.now(), but=but))

    async def _check_quota(self, data: bytes | Path, owner: str) -> None:
        if isinstance(data, bytes):
            self._quotas.check("bytes", owner, len(data))
            return
        size = await anyio.to_thread.run_sync(_size_of, data)
        try:
            self._quotas.check("bytes", owner, size)
        except QuotaExceeded:
            await anyio.to_thread.run_sync(disk.remove, data)
            raise

    def _count(self, stored: StoredFile, sign: int) -> None:
        is_recording = isinstance(stored.artifact, Recording)
        sums = self._filmed if is_recording else self._owned
        sums[stored.owner] += sign * stored.artifact.size
        if not sums[stored.owner]:
            del sums[stored.owner]
        if not is_recording:
            self._artifact_bytes += sign * stored.artifact.size

    def _add(self, stored: StoredFile) -> None:
        self._files[stored.artifact.id] = stored
        self._by_session.setdefault(stored.session_id, set()).add(stored.artifact.id)
        self._count(stored, 1)

    async def _discard(self, ids: Iterable[str]) -> None:
        """Forget, before the first await, then erase."""
        gone = [stored for id in ids if (stored := self._files.pop(id, None)) is not None]
        for stored in gone:
            siblings = self._by_session[stored.session_id]
            siblings.discard(stored.artifact.id)
            if not siblings:
                del self._by_session[stored.session_id]
            self._count(stored, -1)
        if gone:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(_erase_files, gone)

    def _count_video(self, stored: StoredFile, *, at: datetime | None = None) -> None:
        video = stored.artifact
        if isinstance(video, Recording):
            self._quotas.recorded(stored.owner, video.duration or 0.0, at=at)

    def _load(self) -> tuple[list[StoredFile], list[StoredFile]]:
        """What has a sidecar, and videos that a killed server left."""
        self._artifacts.open()
        self._recordings.open()
        files = self._artifacts.load(keeps_videos=False).files
        found = self._recordings.load(keeps_videos=True)
        self._retentions = found.retentions
        return files + found.files, list(filter(None, map(self._take_leftover, found.videos)))

    def _take_leftover(self, path: Path) -> StoredFile | None:
        owner = shelf.noted_owner(path.parent, LOCAL.owner)
        try:
            disk.await_writer(path)
            at = datetime.fromtimestamp(int(path.lstat().st_mtime), UTC)
            return taken_over(path, Told(), owner=owner, at=at)
        except (OSError, ArtifactNotFound):
            log.warning("a video left behind can't be read; skipped", file=path.name)
            return None

    def _write(
        self,
        data: bytes | Path,
        folder: Path,
        *,
        owner: str,
        content_type: str,
        filename: str,
        right: Right,
    ) -> StoredFile:
        id = new_artifact_id()
        path = folder / sidecar.disk_name(id, content_type)
        disk.make_plain_folder(folder)
        sha256, size = disk.take(data, path)
        artifact = Artifact(
            id=id,
            url=sidecar.url_of(id),
            content_type=content_type,
            size=size,
            filename=filename,
            sha256=sha256,
            created_at=self._now(),
        )
        stored = StoredFile(path, artifact, owner, folder.name, right)
        try:
            sidecar.write(stored)
        except OSError:
            disk.remove(path)
            raise
        return stored


def _size_of(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0  # who takes it finds out


async def _in_thread(work: Callable[[], T]) -> T:
    try:
        return await anyio.to_thread.run_sync(work)
    except OSError as exc:
        raise _full(exc) from exc


def _full(exc: OSError) -> StorageFull:
    if exc.errno in FULL:
        return StorageFull("the server's disk is full; nothing was kept")
    # Only the reason: a path of the server is nobody's business.
    return StorageFull(f"the server can't write its files: {os.strerror(exc.errno or errno.EIO)}")


def _recordings(files: Iterable[StoredFile]) -> list[Recording]:
    videos = [stored.artifact for stored in files if isinstance(stored.artifact, Recording)]
    return sorted(videos, key=lambda video: (video.created_at, video.id))


def _erase_files(files: list[StoredFile]) -> None:
    for stored in files:
        disk.remove(stored.path)
        disk.remove(sidecar.path_of(stored.path))
        _tidy(stored.path.parent)


def _tidy(folder: Path) -> None:
    """Remove the folder if there is nothing but notes in it."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if names <= shelf.NOTES:
        shelf.remove_notes(folder)


def _erase_folders(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not folder.is_symlink():
            for path in folder.iterdir():
                disk.remove(path)
            disk.remove_empty(folder)
