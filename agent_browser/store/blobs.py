"""Where the bytes of states lie: files in a folder for each key, on this machine or at an address.

Everything here blocks; the store calls it from worker threads.
"""

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from agent_browser.settings import Settings
from agent_browser.store import disk

ROOT = ""
"""The folder of what is of no key."""
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_PARTIAL = ".partial"
_LARGEST = 2**31
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO put in a file's place must not hang.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Blobs(Protocol):
    """Files by folder and name. A folder is a key, or `ROOT`. All raise OSError."""

    def open(self) -> None:
        """Make what has to be there, and sweep what was half written."""
        ...

    def write(self, folder: str, name: str, data: bytes) -> None:
        """Write a file, or write it anew: it is there whole, also after a loss of power, or as it
        was.
        """
        ...

    def read(self, folder: str, name: str, most: int | None = None) -> bytes:
        """All of it, or its first bytes. FileNotFoundError, for what is no file either."""
        ...

    def names(self, folder: str) -> list[str]:
        """Of its files, in no order; none where the folder is not there."""
        ...

    def remove(self, folder: str, name: str) -> None:
        """Remove a file; a success if it is gone."""
        ...

    def erase(self, folder: str) -> None:
        """Remove a folder and all in it; a success if it is gone."""
        ...

    def folders(self) -> list[str]:
        """All keys that there is a folder of, in no order. Nothing is opened."""
        ...


def is_key(text: str) -> bool:
    """Whether a text may be a key; nothing else reaches a file system."""
    return _KEY.fullmatch(text) is not None


def local_root(settings: Settings) -> Path | None:
    """The folder of states on this machine, if they are on this machine."""
    url = _address(settings)
    if not url:
        return settings.data_dir / "states"
    if "://" not in url:
        return Path(url)
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme in ("file", "local") else None


def blobs_of(settings: Settings) -> Blobs:
    """Where the settings say. A package that an address needs is imported by `open`."""
    root = local_root(settings)
    if root is not None:
        return LocalBlobs(root)
    from agent_browser.store.remote import RemoteBlobs

    return RemoteBlobs(_address(settings))


def scheme(settings: Settings) -> str:
    """What kind of address STATE_URL is; none of the rest, which may have a secret in it."""
    return _address(settings).partition("://")[0]


def _address(settings: Settings) -> str:
    return settings.state_url.get_secret_value() if settings.state_url else ""


class LocalBlobs:
    """A folder of this machine, for this user alone. Keys are spread over 256 folders below it, and
    what is being written is in one of its own. No symbolic link below it is followed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self) -> None:
        partial = self._root / _PARTIAL
        disk.make_folder(partial)
        place = os.open(partial, _FOLDER)
        try:
            for leftover in os.listdir(place):
                os.unlink(leftover, dir_fd=place)
        finally:
            os.close(place)

    def write(self, folder: str, name: str, data: bytes) -> None:
        partial = self._root / _PARTIAL / secrets.token_hex(8)
        try:
            with open(os.open(partial, _WRITE, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            with self._opened(folder, make=True) as place:
                os.replace(partial, name, dst_dir_fd=place)
                os.fsync(place)
        except OSError:
            disk.remove(partial)
            if folder != ROOT:
                above, last = self._split(folder)
                disk.remove_empty(above / last)
            raise

    def read(self, folder: str, name: str, most: int | None = None) -> bytes:
        with self._opened(folder) as place:
            try:
                descriptor = os.open(name, _READ, dir_fd=place)
            except OSError as exc:
                if exc.errno in (errno.ELOOP, errno.ENXIO):
                    raise FileNotFoundError(errno.ENOENT, "no such file") from exc
                raise
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise FileNotFoundError(errno.ENOENT, "no such file")
            if most is None and status.st_size > _LARGEST:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(-1 if most is None else most)
        finally:
            os.close(descriptor)

    def names(self, folder: str) -> list[str]:
        try:
            with self._opened(folder) as place, os.scandir(place) as entries:
                return [one.name for one in entries if one.is_file(follow_symlinks=False)]
        except FileNotFoundError:
            return []

    def remove(self, folder: str, name: str) -> None:
        with contextlib.suppress(FileNotFoundError), self._opened(folder) as place:
            os.unlink(name, dir_fd=place)

    def erase(self, folder: str) -> None:
        above, last = self._split(folder)
        try:
            parent = os.open(above, _FOLDER)
        except FileNotFoundError:
            return
        try:
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISLNK(os.stat(last, dir_fd=parent, follow_symlinks=False).st_mode):
                    os.unlink(last, dir_fd=parent)
                    return
                for name in self._all_names(folder):
                    self.remove(folder, name)
                os.rmdir(last, dir_fd=parent)
                os.fsync(parent)
        finally:
            os.close(parent)

    def folders(self) -> list[str]:
        found: list[str] = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self._root) as shards:
            for shard in shards:
                if len(shard.name) == 2 and shard.is_dir(follow_symlinks=False):
                    with os.scandir(shard.path) as keys:
                        found += [key.name for key in keys if is_key(key.name)]
        return found

    def _all_names(self, folder: str) -> list[str]:
        with self._opened(folder) as place:
            return os.listdir(place)

    def _split(self, folder: str) -> tuple[Path, str]:
        if not is_key(folder):
            raise ValueError("not a key")
        return self._root / sha256(folder.encode()).hexdigest()[:2], folder

    @contextmanager
    def _opened(self, folder: str, *, make: bool = False) -> Iterator[int]:
        """A descriptor of the folder. FileNotFoundError where it is none, or a link."""
        try:
            descriptor = self._open(folder)
        except FileNotFoundError:
            if not make:
                raise
            self._make(folder)
            descriptor = self._open(folder)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _open(self, folder: str) -> int:
        if folder == ROOT:
            return os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        above, last = self._split(folder)
        try:
            parent = os.open(above, _FOLDER)
            try:
                return os.open(last, _FOLDER, dir_fd=parent)
            finally:
                os.close(parent)
        except OSError as exc:
            if exc.errno in (errno.ELOOP, errno.ENOTDIR):
                raise FileNotFoundError(errno.ENOENT, "no such folder") from exc
            raise

    def _make(self, folder: str) -> None:
        above, last = self._split(folder)
        for place in (above, above / last):
            with contextlib.suppress(FileExistsError):
                place.mkdir(mode=0o700)
                disk.sync(place.parent)
