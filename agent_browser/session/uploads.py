"""Files that a caller puts into its session: in a folder of the session's own, under server-chosen
paths. No path of a request is ever read.
"""

import base64
import binascii
import errno
import hashlib
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import BinaryIO

import anyio
import anyio.to_thread

from agent_browser.browser.engine import Upload
from agent_browser.clock import Clock
from agent_browser.errors import InvalidRequest, PayloadTooLarge, StorageFull
from agent_browser.models.files import UploadedFile
from agent_browser.models.functions import UploadFile
from agent_browser.models.names import file_name
from agent_browser.scratch import Scratch
from agent_browser.service import FileHead
from agent_browser.store import disk

MAX_BYTES = 268_435_456
"""Bytes of uploads that one session may hold, where the settings say nothing else."""
MAX_FILES = 256
_BUFFER = 1_048_576
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


Put = Callable[[Path, UploadedFile], Awaitable[str]]
"""Takes a file away and keeps it; the id of what keeps it."""


class NotUploaded(LookupError):
    """A name that no file of this session has."""


class Lapsed(Exception):
    """The session ended, and with it the place for its files."""


@dataclass
class _Held:
    path: Path
    told: UploadedFile
    is_used: bool = False
    """A page was given it, and may read it later."""
    kept: str | None = None
    """The artifact that keeps it while the session is hibernated."""

    def use(self) -> Upload:
        """It, for a page."""
        self.is_used = True
        return Upload(self.path, self.told.content_type)


class Uploads:
    """The files of one session, by the plain names that its caller gave them. A name given again
    names the later file.
    """

    def __init__(self, clock: Clock, bound: int = MAX_BYTES) -> None:
        self._clock = clock
        self._bound = bound
        self._folder: Scratch | None = None
        self._held: dict[str, _Held] = {}
        self._count = 0
        self._bytes = 0
        self._is_removed = False
        self._folders = itertools.count(1)
        self._keeping = anyio.Lock()

    @property
    def weight(self) -> int:
        """Bytes of those that nothing else keeps."""
        return sum(one.told.size for one in self._held.values() if one.kept is None)

    async def take(self, files: list[UploadFile]) -> tuple[Upload, ...]:
        """Write files that came with a call.

        InvalidRequest for what isn't base64, PayloadTooLarge, StorageFull.
        """
        decoded = await anyio.to_thread.run_sync(_decode, files)

        async def pieces() -> AsyncIterator[FileHead | bytes]:
            for file, data in zip(files, decoded, strict=True):
                yield FileHead(file.name, file.content_type)
                yield data

        return tuple(held.use() for held in await self._receive(pieces()))

    async def receive(self, pieces: AsyncIterator[FileHead | bytes]) -> list[UploadedFile]:
        """Write files as they arrive: each a head, then its bytes. All of them, or none.

        PayloadTooLarge, StorageFull, and whatever the pieces raise.
        """
        return [held.told for held in await self._receive(pieces)]

    def find(self, names: list[str]) -> tuple[Upload, ...]:
        """Files put in before. NotUploaded names the first that isn't there."""
        for name in names:
            if file_name(name) not in self._held:
                raise NotUploaded(name)
        return tuple(self._held[file_name(name)].use() for name in names)

    def listed(self) -> list[UploadedFile]:
        """What is there, in order of arrival."""
        return [held.told for held in self._held.values()]

    async def keep(self, put: Put) -> tuple[tuple[str, UploadedFile], ...]:
        """Have each kept outside this process, once; each with what keeps it. StorageFull."""
        async with self._keeping:
            for held in list(self._held.values()):
                if held.kept is None:
                    copy = held.path.parent / "copy"
                    try:
                        await anyio.to_thread.run_sync(copyfile, held.path, copy)
                    except FileNotFoundError:  # it is deleted meanwhile
                        continue
                    except OSError as exc:
                        raise _full(exc) from exc
                    held.kept = await put(copy, held.told)
        return tuple((held.kept, held.told) for held in self._held.values() if held.kept)

    async def recall(self, kept: str, told: UploadedFile, path: Path) -> None:
        """Have one again that was kept there. StorageFull, NotUploaded."""
        try:
            opened = await anyio.to_thread.run_sync(disk.open_regular, path)
        except FileNotFoundError as exc:
            raise NotUploaded(told.name) from exc
        async with await anyio.open_file(opened, "rb") as file:

            async def pieces() -> AsyncIterator[FileHead | bytes]:
                yield FileHead(told.name, told.content_type)
                while data := await file.read(_BUFFER):
                    yield data

            [held] = await self._receive(pieces())
        held.kept = kept
        held.told.created_at = told.created_at

    async def delete(self, name: str) -> None:
        """Erase one. NotUploaded."""
        held = self._held.pop(name, None)
        if held is None:
            raise NotUploaded(name)
        await anyio.to_thread.run_sync(self._erase, [held])

    async def remove(self) -> None:
        """Erase them all, and take no more."""
        self._is_removed = True
        folder, self._folder = self._folder, None
        self._held.clear()
        if folder is not None:
            await anyio.to_thread.run_sync(folder.remove)

    async def _receive(self, pieces: AsyncIterator[FileHead | bytes]) -> list[_Held]:
        made: list[_Held] = []
        try:
            await self._write(pieces, made)
            if self._is_removed:
                raise Lapsed
        except BaseException as exc:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._erase, made)
            if isinstance(exc, OSError):
                raise (Lapsed() if self._is_removed else _full(exc)) from exc
            raise
        earlier = [self._put(held) for held in made]
        await anyio.to_thread.run_sync(self._erase, [one for one in earlier if one is not None])
        return made

    def _put(self, held: _Held) -> _Held | None:
        """It is there from now on; the earlier one of that name, where no page may have it."""
        earlier = self._held.pop(held.told.name, None)
        self._held[held.told.name] = held
        return earlier if earlier is not None and not earlier.is_used else None

    async def _write(self, pieces: AsyncIterator[FileHead | bytes], made: list[_Held]) -> None:
        writing: _Writing | None = None
        try:
            async for piece in pieces:
                if isinstance(piece, FileHead):
                    if writing is not None:
                        await writing.finish()
                    writing = await self._begin(piece, made)
                elif writing is not None:
                    self._bytes += len(piece)
                    writing.held.told.size += len(piece)
                    if self._bytes > self._bound:
                        raise PayloadTooLarge(self._bound, "the files of this session are")
                    await writing.write(piece)
            if writing is not None:
                await writing.finish()
        finally:
            if writing is not None:
                writing.file.close()

    async def _begin(self, head: FileHead, made: list[_Held]) -> "_Writing":
        if self._count >= MAX_FILES:
            raise InvalidRequest(f"a session takes {MAX_FILES} files; delete those not needed")
        if self._is_removed:
            raise Lapsed
        self._count += 1
        if self._folder is None:
            self._folder = Scratch()
        # Each in a folder of its own: the page sees the file's name, and two may have the same.
        path = self._folder.path / str(next(self._folders)) / file_name(head.name)
        kind = head.content_type if head.content_type and len(head.content_type) < 128 else None
        told = UploadedFile(
            name=path.name, size=0, sha256="", content_type=kind, created_at=self._clock.now()
        )
        held = _Held(path, told)
        made.append(held)
        return _Writing(held, await anyio.to_thread.run_sync(_create, path))

    def _erase(self, held: list[_Held]) -> None:
        for one in held:
            self._count -= 1
            self._bytes -= one.told.size
            with suppress(OSError):
                one.path.unlink(missing_ok=True)
                one.path.parent.rmdir()


class _Writing:
    """A file that is being written, in pieces large enough to be worth a thread each."""

    def __init__(self, held: _Held, file: BinaryIO) -> None:
        self.held = held
        self.file = file
        self._digest = hashlib.sha256()
        self._buffer = bytearray()

    async def write(self, data: bytes) -> None:
        """Add bytes. OSError."""
        self._buffer += data
        if len(self._buffer) >= _BUFFER:
            await self._flush()

    async def finish(self) -> None:
        """All bytes are there. OSError."""
        await self._flush()
        self.file.close()
        self.held.told.sha256 = self._digest.hexdigest()

    async def _flush(self) -> None:
        data, self._buffer = bytes(self._buffer), bytearray()
        await anyio.to_thread.run_sync(self._put, data)

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        self.file.write(data)


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700)
    return open(os.open(path, _NEW_FILE, 0o600), "wb")


def _decode(files: list[UploadFile]) -> list[bytes]:
    return [_decoded(position, file) for position, file in enumerate(files)]


def _decoded(position: int, file: UploadFile) -> bytes:
    try:
        return base64.b64decode(file.base64, validate=True)
    except (binascii.Error, ValueError) as exc:
        field = f"files[{position}].base64"
        raise InvalidRequest(
            f"{field} is not base64", [{"field": field, "message": "not base64"}]
        ) from exc


def _full(exc: OSError) -> StorageFull:
    full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
    return StorageFull("no space is left for uploads" if full else "an upload could not be written")
