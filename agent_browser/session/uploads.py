"""Files that a caller uploads to its session: decoded, in a folder of the session's own, under
server-chosen paths. No path of a request is ever read.
"""

import base64
import binascii
import errno
import os
import re
from pathlib import Path

import anyio.to_thread

from agent_browser.errors import InvalidRequest, PayloadTooLarge, StorageFull
from agent_browser.models.functions import UploadFile
from agent_browser.scratch import Scratch

MAX_BYTES = 268_435_456
"""Bytes of uploads that one session may hold."""
MAX_FILES = 256
_UNFIT = re.compile(r"[\x00-\x1f\x7f<>:\"|?*]")
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def file_name(given: str) -> str:
    """A plain file name of 200 bytes at most: no path parts, no control characters."""
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    plain = _UNFIT.sub("_", last).strip().strip(".")
    return plain.encode(errors="replace")[-200:].decode(errors="ignore") or "file"


class NotUploaded(LookupError):
    """A name that no file of this session has."""


class Uploads:
    """The files of one session, by the names that its caller gave them."""

    def __init__(self) -> None:
        self._folder: Scratch | None = None
        self._paths: dict[str, Path] = {}
        self._count = 0
        self._bytes = 0

    async def take(self, files: list[UploadFile]) -> tuple[Path, ...]:
        """Write the files; their paths. A name given again names the later file.

        InvalidRequest for what isn't base64, PayloadTooLarge, StorageFull.
        """
        return await anyio.to_thread.run_sync(self._write, files)

    def find(self, names: list[str]) -> tuple[Path, ...]:
        """Paths of files uploaded before. NotUploaded names the first that isn't there."""
        for name in names:
            if name not in self._paths:
                raise NotUploaded(name)
        return tuple(self._paths[name] for name in names)

    async def remove(self) -> None:
        """Erase them all."""
        folder, self._folder = self._folder, None
        self._paths.clear()
        if folder is not None:
            await anyio.to_thread.run_sync(folder.remove)

    def _write(self, files: list[UploadFile]) -> tuple[Path, ...]:
        decoded = [(file.name, _decode(position, file)) for position, file in enumerate(files)]
        total = self._bytes + sum(len(data) for _, data in decoded)
        if total > MAX_BYTES or self._count + len(decoded) > MAX_FILES:
            raise PayloadTooLarge(MAX_BYTES)
        try:
            if self._folder is None:
                self._folder = Scratch()
            return tuple(self._write_one(self._folder.path, name, data) for name, data in decoded)
        except OSError as exc:
            full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
            raise StorageFull(
                "no space is left for uploads" if full else "an upload could not be written"
            ) from exc

    def _write_one(self, folder: Path, name: str, data: bytes) -> Path:
        self._count += 1
        # Each in a folder of its own: the page sees the file's name, and two may have the same.
        place = folder / str(self._count)
        place.mkdir(mode=0o700)
        path = place / file_name(name)
        with os.fdopen(os.open(path, _NEW_FILE, 0o600), "wb") as file:
            file.write(data)
        self._bytes += len(data)
        self._paths[name] = path
        return path


def _decode(position: int, file: UploadFile) -> bytes:
    try:
        return base64.b64decode(file.base64, validate=True)
    except (binascii.Error, ValueError) as exc:
        field = f"files[{position}].base64"
        raise InvalidRequest(
            f"{field} is not base64", [{"field": field, "message": "not base64"}]
        ) from exc
