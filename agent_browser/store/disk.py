"""Files and folders as the store keeps them: private, written whole or not at all, never by a link.

Everything here blocks; the store calls it from worker threads.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import time
from pathlib import Path

PARTIAL = ".part"
"""Suffix of a file that is being written; one found at start is a leftover."""


def make_folder(path: Path) -> None:
    """Make the folder and those above it that aren't there, each for this user alone."""
    for missing in reversed([place for place in (path, *path.parents) if not place.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)  # what is there and no folder is an error


def make_plain_folder(path: Path) -> None:
    """The same, and an OSError where the last of it is there as a symbolic link: what is written to
    it would lie elsewhere.
    """
    make_folder(path)
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path.name)


def write(path: Path, data: bytes) -> None:
    """Write a new file, for this user alone: it is there complete, or it is not there. OSError."""
    partial = path.with_name(path.name + PARTIAL)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(partial, flags, 0o600), "wb") as file:
            file.write(data)
        partial.replace(path)
    except OSError:
        remove(partial)
        raise


def take(data: bytes | Path, path: Path) -> tuple[str, int]:
    """Write the bytes there as `write` does, or move the file there, copied whole where it comes
    from another file system. SHA-256 in hexadecimal, and the size in bytes. OSError.
    """
    if isinstance(data, bytes):
        write(path, data)
        return hashlib.sha256(data).hexdigest(), len(data)
    partial = path.with_name(path.name + PARTIAL)
    try:
        known = digest(data)
        shutil.move(data, partial)
        partial.chmod(0o600)
        partial.replace(path)
    except OSError:
        remove(partial)
        raise
    finally:
        remove(data)
    return known


def sync(folder: Path) -> None:
    """Have what was made, renamed or removed in the folder outlive a loss of power. OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove the file if it is there and can be."""
    with contextlib.suppress(OSError):
        path.unlink()


def remove_empty(folder: Path) -> None:
    """Remove the folder if nothing is in it."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def open_regular(path: Path) -> int:
    """A descriptor for reading. FileNotFoundError for what is no regular file of this folder.

    Neither the file nor its folder may be a symbolic link: both are opened without following any.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        folder = os.open(path.parent, flags | os.O_DIRECTORY)
        try:
            # O_NONBLOCK: opening a FIFO put in the file's place must not hang.
            descriptor = os.open(path.name, flags | os.O_NONBLOCK, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as exc:
        raise FileNotFoundError(path.name) from exc
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(path.name)
    return descriptor


def read(path: Path) -> bytes:
    """All of its bytes. FileNotFoundError as of `open_regular`."""
    with open(open_regular(path), "rb") as file:
        return file.read()


def digest(path: Path) -> tuple[str, int]:
    """SHA-256 in hexadecimal, and the size in bytes. FileNotFoundError as of `open_regular`."""
    with open(open_regular(path), "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return sha256, os.fstat(file.fileno()).st_size


def await_writer(path: Path, within: float = 10.0) -> None:
    """Come back when no process holds a lock on the file, or `within` seconds are over: an encoder
    whose server was killed still writes its last frames. OSError.
    """
    deadline = time.monotonic() + within
    descriptor = open_regular(path)
    try:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)  # another program's end: nothing tells of it
            else:
                return
    finally:
        os.close(descriptor)


def lock(path: Path) -> int | None:
    """Hold the lock file until the descriptor is closed; None where another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
