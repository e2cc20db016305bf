"""Size and duration of a WebM file, read from the file itself, finished or cut off."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agent_browser.store.disk import open_regular

_SEGMENT, _CLUSTER, _INFO, _TRACKS = 0x18538067, 0x1F43B675, 0x1549A966, 0x1654AE6B
_TRACK_ENTRY, _VIDEO, _BLOCK_GROUP = 0xAE, 0xE0, 0xA0
_MASTERS = {_SEGMENT, _CLUSTER, _INFO, _TRACKS, _TRACK_ENTRY, _VIDEO, _BLOCK_GROUP}
_TIMESTAMP_SCALE, _DURATION = 0x2AD7B1, 0x4489
_WIDTH, _HEIGHT = 0xB0, 0xBA
_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK = 0xE7, 0xA3, 0xA1
_NUMBERS = {_TIMESTAMP_SCALE, _WIDTH, _HEIGHT, _TIMESTAMP}
_MOST_ELEMENTS = 2_000_000


@dataclass
class Facts:
    """What a file says of itself; None where it does not. Pixels, seconds."""

    width: int | None = None
    height: int | None = None
    duration: float | None = None
    is_finished: bool = False
    """Whether its writer came to its end, and all that it wrote is there."""


def read(path: Path) -> Facts:
    """What can be read; a file that is no WebM, or none at all, gives empty facts."""
    try:
        with open(open_regular(path), "rb") as file:
            return _Reader(file).facts()
    except (OSError, ValueError, EOFError):
        return Facts()


class _Reader:
    """Walks the elements once. A finished file is read up to its duration; of one cut off, every
    block's head is, since the last one tells how long it is.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._found = Facts()
        self._scale = 1_000_000
        self._ticks: float | None = None
        self._cluster = 0
        self._last = 0
        self._blocks = 0

    def facts(self) -> Facts:
        if self._file.read(4) != b"\x1a\x45\xdf\xa3":
            return self._found
        self._skip(self._variable(keep_marker=False))
        for _ in range(_MOST_ELEMENTS):
            if self._is_complete() or not self._element():
                break
        ticks = self._ticks if self._ticks is not None else self._last
        if self._ticks is not None or self._blocks > 1:
            self._found.duration = round(ticks * self._scale / 1e9, 3)
        return self._found

    def _is_complete(self) -> bool:
        # Tracks stand before the first cluster, so a cluster means that all has been read.
        has_size = self._found.width is not None and self._found.height is not None
        return self._ticks is not None and (has_size or self._blocks > 0)

    def _element(self) -> bool:
        """Read or skip one element; False at the end of what is there."""
        try:
            kind = self._variable(keep_marker=True)
            size = self._variable(keep_marker=False)
        except EOFError:
            return False
        if kind in _MASTERS:
            if kind == _SEGMENT:
                # A writer puts the size in when it is done; until then it is unknown: all ones.
                self._found.is_finished = self._file.tell() + size <= self._size
            return True
        if kind in _NUMBERS and size <= 8:
            self._number(kind, int.from_bytes(self._file.read(size)))
        elif kind == _DURATION and size in (4, 8):
            self._ticks = _float(self._file.read(size))
        elif kind in (_SIMPLE_BLOCK, _BLOCK):
            self._block(size)
        else:
            self._skip(size)
        return True

    def _number(self, kind: int, value: int) -> None:
        if kind == _TIMESTAMP_SCALE:
            self._scale = value
        elif kind == _WIDTH:
            self._found.width = value
        elif kind == _HEIGHT:
            self._found.height = value
        else:
            self._cluster = value

    def _block(self, size: int) -> None:
        start = self._file.tell()
        try:
            self._variable(keep_marker=False)
            offset = int.from_bytes(self._exactly(2), signed=True)
        except EOFError:
            return
        self._blocks += 1
        self._last = max(self._last, self._cluster + offset)
        self._file.seek(start + size)

    def _variable(self, *, keep_marker: bool) -> int:
        """EBML's number of variable length; ValueError if it is none, EOFError at the end."""
        first = self._exactly(1)[0]
        length = 9 - first.bit_length()
        if length > 8:
            raise ValueError("no EBML")
        rest = self._exactly(length - 1)
        value = int.from_bytes(bytes([first]) + rest)
        if keep_marker:
            return value
        # All ones is "size unknown", which only masters have, and masters are walked, not skipped.
        return value & ((1 << (7 * length)) - 1)

    def _exactly(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise EOFError
        return data

    def _skip(self, size: int) -> None:
        self._file.seek(size, 1)


def _float(data: bytes) -> float:
    return float(struct.unpack(">d" if len(data) == 8 else ">f", data)[0])
