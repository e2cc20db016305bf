"""Scratch folders: each belongs to a process, and is swept by the next one if that was killed, with
the processes that are noted in it.

A lock on the folder, which the kernel lets go with its holder, tells the living from the dead; a
process id would not, across containers that share a temporary folder.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import structlog

from agent_browser import leftovers

_PREFIX = "agent-browser-scratch-"
_PROFILE = "playwright_chromiumdev_profile-"
_NOTE = ".processes"
_MOST_NOTED = 65_536
_log = structlog.get_logger(__name__)


class Scratch:
    """A new empty folder of ours, mode 0700, until `remove`."""

    def __init__(self) -> None:
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
            lock = _lock(self.path)
            if lock is not None:  # else a sweep took it before it was locked
                self._lock = lock
                return

    def note(self, mark: str, running: Mapping[int, str] | None = None) -> None:
        """Have processes ended with the sweep of this folder: those that run, by their ids, each
        with an argument that it has; and one about to be started, with the argument `mark` and this
        folder as its TMPDIR. What was noted before is forgotten. Blocking. OSError.
        """
        partial = self.path / f"{_NOTE}.part"
        partial.write_text(leftovers.noted(mark, running or {}))
        partial.replace(self.path / _NOTE)

    def remove(self) -> None:
        """Erase the folder and all in it. Blocking, and a success if it is gone."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def sweep() -> int:
    """End what owners that are gone left running, and erase their folders; how many these were. The
    folder of what can't be ended stays, for the next sweep. Blocking, bounded.
    """
    held: dict[Path, int] = {}
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        lock = _lock(folder)
        if lock is not None:
            held[folder] = lock
    try:
        notes = {folder: note for folder in held if (note := _noted(folder)) is not None}
        going = held.keys() - leftovers.end(notes)
        for folder in going:
            if folder in notes:
                _erase_profiles(notes[folder])
            shutil.rmtree(folder, ignore_errors=True)
        return len(going)
    finally:
        for lock in held.values():
            os.close(lock)


def _erase_profiles(note: leftovers.Note) -> None:
    """Those that Playwright's driver made, and would have erased."""
    for name in note.profiles:
        if name.startswith(_PROFILE) and name == Path(name).name:
            shutil.rmtree(Path(tempfile.gettempdir()) / name, ignore_errors=True)


def _noted(folder: Path) -> leftovers.Note | None:
    """What is noted in the folder, if anything is."""
    try:
        note = os.open(folder / _NOTE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        with open(note, "rb") as file:
            return leftovers.read(file.read(_MOST_NOTED).decode(errors="replace"))
    except (OSError, ValueError) as exc:
        _log.warning("what a killed server left can't be told", folder=folder.name, reason=str(exc))
        return None


def _lock(folder: Path) -> int | None:
    """A lock on the folder if it is ours, there, and nobody holds one."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.fstat(lock)
        if status.st_uid == os.geteuid() and status.st_nlink > 0:
            return lock
    except OSError:
        os.close(lock)
        return None
    os.close(lock)
    return None
