"""Scratch folders: each belongs to a process, and is swept by the next one if that was killed.

A lock on the folder, which the kernel lets go with its holder, tells the living from the dead; a
process id would not, across containers that share a temporary folder.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "agent-browser-scratch-"


class Scratch:
    """A new empty folder of ours, mode 0700, until `remove`."""

    def __init__(self) -> None:
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
            lock = _lock(self.path)
            if lock is not None:  # else a sweep took it before it was locked
                self._lock = lock
                return

    def remove(self) -> None:
        """Erase the folder and all in it. Blocking, and a success if it is gone."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def sweep() -> int:
    """Erase the folders whose owners are gone; how many they were. Blocking."""
    swept = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        lock = _lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            swept += 1
    return swept


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
