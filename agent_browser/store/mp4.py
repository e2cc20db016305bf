"""Size and duration of an MP4 file, read from the file itself: whole, in fragments, or cut off."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from agent_browser.store.disk import open_regular
from agent_browser.store.webm import Facts

_INSIDE = {b"moov", b"trak", b"mdia", b"mvex", b"moof", b"traf"}
_MOST_BOXES = 1_000_000
_MOST_BYTES = 16_777_216
"""Of one box that is read; the pictures themselves are skipped."""


def read(path: Path) -> Facts:
    """What can be read; a file that is no MP4, or none at all, gives empty facts."""
    try:
        with open(open_regular(path), "rb") as file:
            return _Reader(file).facts()
    except (OSError, ValueError, IndexError):
        return Facts()


@dataclass
class _Track:
    id: int = 0
    width: int = 0
    height: int = 0
    scale: int = 0
    end: int = 0
    """In its own ticks."""


@dataclass
class _Reader:
    """Walks the boxes once. The durations of fragments add up; a box that is cut off ends it."""

    file: BinaryIO
    tracks: list[_Track] = field(default_factory=list)
    usual: dict[int, int] = field(default_factory=dict)
    """Ticks of a sample that does not say its own, by track."""
    in_fragment: tuple[int, int, int] = (0, 0, 0)
    """Of the fragment at hand: its track, its start, and the ticks of a sample."""
    is_fragmented: bool = False
    reached: int = 0
    """The end of the last box that is there whole."""

    def facts(self) -> Facts:
        size = os.fstat(self.file.fileno()).st_size
        for count, (kind, body) in enumerate(self._boxes(0, size)):
            if (count == 0 and kind != b"ftyp") or count > _MOST_BOXES:
                break
            self._take(kind, body)
        for track in self.tracks:
            if track.width and track.height:
                ended = track.end / track.scale if track.scale and track.end else None
                # Fragments are how it is written; what is finished has been copied out of them.
                is_finished = not self.is_fragmented and self.reached == size
                duration = ended and round(ended, 3)
                return Facts(track.width, track.height, duration, is_finished)
        return Facts()

    def _boxes(self, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
        """Each box that is there whole, and those in it, in order."""
        while start + 8 <= end:
            self.file.seek(start)
            head = self.file.read(8)
            size, kind, skip = int.from_bytes(head[:4]), head[4:], 8
            if size == 1:
                size, skip = int.from_bytes(self.file.read(8)), 16
            if size < skip or start + size > end:
                return
            if kind in _INSIDE:
                yield kind, b""
                yield from self._boxes(start + skip, start + size)
            elif kind == b"mdat" or size > _MOST_BYTES:
                yield kind, b""
            else:
                yield kind, self.file.read(size - skip)
            start += size
            self.reached = start

    def _take(self, kind: bytes, body: bytes) -> None:
        if kind == b"trak":
            self.tracks.append(_Track())
        elif kind == b"tkhd":
            self.tracks[-1].id = _number(body, 20 if body[0] else 12)
            self.tracks[-1].width = _number(body, len(body) - 8) >> 16
            self.tracks[-1].height = _number(body, len(body) - 4) >> 16
        elif kind == b"mdhd":
            long = body[0] == 1
            self.tracks[-1].scale = _number(body, 20 if long else 12)
            self.tracks[-1].end = _number(body, 24 if long else 16, 8 if long else 4)
        elif kind == b"trex":
            self.is_fragmented = True
            self.usual[_number(body, 4)] = _number(body, 12)
        elif kind == b"tfhd":
            self._fragment(body)
        elif kind == b"tfdt":
            track, _, ticks = self.in_fragment
            self.in_fragment = track, _number(body, 4, 8 if body[0] else 4), ticks
        elif kind == b"trun":
            self._run(body)

    def _fragment(self, body: bytes) -> None:
        flags, track = int.from_bytes(body[1:4]), _number(body, 4)
        place = 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
        ticks = _number(body, place) if flags & 0x8 else self.usual.get(track, 0)
        self.in_fragment = track, 0, ticks

    def _run(self, body: bytes) -> None:
        flags, count = int.from_bytes(body[1:4]), _number(body, 4)
        track, start, usual = self.in_fragment
        place = 8 + (4 if flags & 0x1 else 0) + (4 if flags & 0x4 else 0)
        width = 4 * sum(bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800))
        ticks = usual * count
        if flags & 0x100:
            ticks = sum(_number(body, place + i * width) for i in range(min(count, len(body))))
        for known in self.tracks:
            if known.id == track:
                known.end = max(known.end, start + ticks)
        self.in_fragment = track, start + ticks, usual


def _number(data: bytes, place: int, size: int = 4) -> int:
    return int.from_bytes(data[place : place + size])
