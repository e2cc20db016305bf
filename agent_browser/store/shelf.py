"""One root folder with a folder a session: what is found there at start.

Everything here blocks; the store calls it from worker threads.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from agent_browser.ids import is_session_id
from agent_browser.store import disk, sidecar
from agent_browser.store.sidecar import StoredFile

OWNER_NOTE = ".owner"
RETENTION_NOTE = ".retention"
NOTES = frozenset({OWNER_NOTE, RETENTION_NOTE})
_LOCK = ".lock"
_VIDEOS = {".webm", ".mp4"}

log = structlog.get_logger(__name__)


@dataclass
class Found:
    """What a shelf held: files with a sidecar, and videos without one, left by a killed server."""

    files: list[StoredFile] = field(default_factory=list)
    videos: list[Path] = field(default_factory=list)
    retentions: dict[str, float] = field(default_factory=dict)
    """Of sessions with one of their own, in seconds."""


class Shelf:
    """A root folder, kept by one process at a time. Another process that uses the same folder
    writes its own sessions' files there and leaves alone what it finds.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock: int | None = None

    def open(self) -> None:
        """Make the folder and take its lock, if it is free. OSError."""
        disk.make_folder(self.root)
        self._lock = disk.lock(self.root / _LOCK)
        if self._lock is None:
            log.warning("another server uses this folder; its files are not listed here")

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def folder(self, session_id: str) -> Path:
        """The session's folder. ValueError for what is no session id."""
        if not is_session_id(session_id):
            raise ValueError("not a session id")
        return self.root / session_id

    def load(self, *, keeps_videos: bool) -> Found:
        """Look through the folders: drop what was half written, and what no sidecar describes.
        Videos without one are kept and named, with `keeps_videos`.
        """
        found = Found()
        if self._lock is None:
            return found
        for folder in self._folders():
            known = _unreplaced(list(_described(_files(folder))))
            found.files += known
            kept = {file.path for file in known} | {sidecar.path_of(file.path) for file in known}
            for path in _files(folder):
                if path in kept or path.name in NOTES or path.suffix == sidecar.SUFFIX:
                    continue
                if keeps_videos and path.suffix in _VIDEOS and not path.is_symlink():
                    found.videos.append(path)
                else:
                    disk.remove(path)
            if not known and not any(path.parent == folder for path in found.videos):
                remove_notes(folder)
            elif (retention := noted_retention(folder)) is not None:
                found.retentions[folder.name] = retention
        return found

    def _folders(self) -> Iterator[Path]:
        for entry in sorted(self.root.iterdir()):
            if is_session_id(entry.name) and entry.is_dir() and not entry.is_symlink():
                yield entry


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.is_dir()]


def _described(files: list[Path]) -> Iterator[StoredFile]:
    for path in files:
        if path.suffix != sidecar.SUFFIX:
            continue
        try:
            stored = sidecar.read(path)
        except ValueError as exc:
            log.warning("a sidecar is damaged; skipped", file=path.name, reason=str(exc))
            continue
        if stored.path.is_file() and not stored.path.is_symlink():
            yield stored
        else:
            disk.remove(path)


def _unreplaced(files: list[StoredFile]) -> list[StoredFile]:
    """Without those that another one has the place of: a server was killed before it erased
    them.
    """
    replaced = {id for stored in files for id in stored.replaces}
    for stored in files:
        if stored.artifact.id in replaced:
            disk.remove(stored.path)
            disk.remove(sidecar.path_of(stored.path))
    return [stored for stored in files if stored.artifact.id not in replaced]


def note_owner(folder: Path, owner: str) -> None:
    """Note in a session's folder whose it is, for the case that the server is killed. OSError."""
    disk.make_plain_folder(folder)
    note = folder / OWNER_NOTE
    if not note.exists():
        disk.write(note, owner.encode())


def noted_owner(folder: Path, default: str) -> str:
    """The owner noted in the folder, or the default."""
    return _noted(folder / OWNER_NOTE) or default


def renote_retention(folder: Path, seconds: float | None) -> None:
    """The same where there is such a folder. OSError."""
    if folder.is_dir():
        disk.make_plain_folder(folder)  # it is there: where it is a link this says so
        note_retention(folder, seconds)


def note_retention(folder: Path, seconds: float | None) -> None:
    """Note in a session's folder how long its files are kept; None: as all are. OSError."""
    if seconds is None:
        disk.remove(folder / RETENTION_NOTE)
    else:
        disk.write(folder / RETENTION_NOTE, repr(seconds).encode())


def noted_retention(folder: Path) -> float | None:
    """The seconds noted in the folder, if any are."""
    try:
        return float(_noted(folder / RETENTION_NOTE))
    except ValueError:
        return None


def remove_notes(folder: Path) -> None:
    """Remove what is noted in a folder, and the folder where that was all."""
    for note in NOTES:
        disk.remove(folder / note)
    disk.remove_empty(folder)


def _noted(path: Path) -> str:
    try:
        with open(disk.open_regular(path), "rb") as file:
            return file.read(1_000).decode()
    except (OSError, ValueError):
        return ""
