"""What a session downloaded: stored as it ends, told once in an answer, listed as long as the
session is remembered.
"""

import zipfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from shutil import copyfileobj

import anyio.to_thread

from agent_browser.browser.engine import Downloading
from agent_browser.errors import ArtifactNotFound, QuotaExceeded, StorageFull
from agent_browser.models.artifacts import Artifact, Download
from agent_browser.models.files import DownloadsInput, DownloadsOutput
from agent_browser.models.functions import InteractOutput, PageState
from agent_browser.models.names import distinct, file_name
from agent_browser.scratch import Scratch
from agent_browser.session.keeping import Keeping
from agent_browser.store import disk

ZIP_NAME = "downloads.zip"
_CHUNK = 1_048_576


class Downloads:
    """The downloads of one session, by their numbers."""

    def __init__(self, keeping: Keeping, *, owner: str, session_id: str) -> None:
        self._keeping = keeping
        self._owner = owner
        self._session_id = session_id
        self._entries: dict[int, Download] = {}
        self._arriving: list[Downloading] = []
        self._untold: list[int] = []

    async def collect(self, taken: Sequence[Downloading]) -> None:
        """Take note of what the browser's side knows now, and store the files that are there."""
        for item in taken:
            if item.state == "running":
                self._entries[item.number] = _entry(item)
            else:
                self._arriving.append(item)
        while self._arriving:  # what a call broken off left here is stored by the next
            item = self._arriving[0]
            entry = _entry(item)
            if item.path is not None:
                await self._store(entry, item.path)
            self._entries[item.number] = entry
            self._untold.append(item.number)
            self._arriving.pop(0)

    def tell(self, output: object) -> None:
        """Put into an answer what ended since the last one, and what runs still."""
        if not self._entries or not isinstance(output, PageState | InteractOutput):
            return
        told = [self._entries[number] for number in self._untold]
        running = [entry for entry in self._entries.values() if entry.state == "running"]
        output.downloads = [entry.artifact for entry in told if entry.artifact is not None]
        output.unfinished_downloads = [one for one in told if one.artifact is None] + running
        self._untold.clear()

    def abandon(self, at: datetime) -> None:
        """The browser's side is gone: what was running will not be complete."""
        for entry in self._entries.values():
            if entry.state == "running":
                entry.state = "cancelled"
                entry.error = "the session ended before it was complete"
                entry.ended_at = at

    def listed(self) -> tuple[Download, ...]:
        """What has ended, oldest first."""
        ended = sorted(number for number, one in self._entries.items() if one.state != "running")
        return tuple(self._entries[number] for number in ended)

    def recall(self, past: Sequence[Download]) -> None:
        """What was downloaded before, in an earlier context, whose numbers were its own."""
        self._entries.update(enumerate(past, start=-len(past)))

    async def answer(self, input: DownloadsInput) -> DownloadsOutput:
        """The list, and the zip file where it is asked for. StorageFull."""
        self._untold.clear()
        kept = await self._kept()
        entries = [
            entry if entry.artifact is None or number in kept else _lapsed(entry)
            for number, entry in sorted(self._entries.items())
        ]
        output = DownloadsOutput(session_id=self._session_id, downloads=entries, total=len(entries))
        if input.zip and kept:
            output.zip = await self._zip(kept)
        return output

    async def _store(self, entry: Download, path: Path) -> None:
        try:
            entry.artifact = await self._keeping.put(
                path,
                owner=self._owner,
                session_id=self._session_id,
                content_type=entry.content_type or "application/octet-stream",
                filename=entry.name,
            )
        except (StorageFull, QuotaExceeded) as exc:
            entry.state, entry.error = "failed", exc.detail
            return
        entry.sha256 = entry.artifact.sha256
        entry.size = entry.received = entry.artifact.size

    async def _kept(self) -> dict[int, Path]:
        """The files that are still there, by number."""
        found = {}
        for number, entry in sorted(self._entries.items()):
            if entry.artifact is not None:
                with suppress(ArtifactNotFound):
                    stored = await self._keeping.find(self._owner, entry.artifact.id)
                    found[number] = stored.path
        return found

    async def _zip(self, kept: dict[int, Path]) -> Artifact:
        names = distinct([self._entries[number].name for number in kept])
        folder = await anyio.to_thread.run_sync(Scratch)
        try:
            made = folder.path / ZIP_NAME
            members = list(zip(names, kept.values(), strict=True))
            try:
                await anyio.to_thread.run_sync(_write_zip, made, members)
            except OSError as exc:
                raise StorageFull("no space is left for the zip file") from exc
            return await self._keeping.put(
                made,
                owner=self._owner,
                session_id=self._session_id,
                content_type="application/zip",
                filename=ZIP_NAME,
            )
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(folder.remove)


def _entry(item: Downloading) -> Download:
    return Download(
        name=file_name(item.name),
        url=item.url,
        state=item.state,
        received=item.received,
        size=item.size,
        content_type=item.content_type or None,
        error=item.error,
        started_at=item.started,
        ended_at=item.ended,
    )


def _lapsed(entry: Download) -> Download:
    return entry.model_copy(update={"artifact": None, "error": "its file is no longer kept"})


def _write_zip(to: Path, members: list[tuple[str, Path]]) -> None:
    """A zip file of these. A member that is gone by now is left out. OSError."""
    with zipfile.ZipFile(to, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, path in members:
            with (
                suppress(FileNotFoundError),
                open(disk.open_regular(path), "rb") as source,
                file.open(name, "w", force_zip64=True) as member,
            ):
                copyfileobj(source, member, _CHUNK)
