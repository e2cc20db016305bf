"""Segments of a video made one file: copied one after another where they are of one kind; one that
is of another is drawn anew in the first one's form before.
"""

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import anyio
import anyio.to_thread
import structlog

from agent_browser.browser import commands, encoding, ffmpeg
from agent_browser.browser.encoding import Shape
from agent_browser.errors import BrowserMissing
from agent_browser.models.artifacts import Chapter
from agent_browser.models.recording import DEFAULT_FPS, DEFAULT_QUALITY, VideoFormat

LEAST_TIMEOUT = 15.0
"""Seconds for each step, and beyond them for each second of video:"""
READ_SHARE = 0.05
DRAW_SHARE = 2.0
READ_RATE = 20_000_000
"""Bytes a second that a disk gives at least."""
TOLERANCE = 0.5
"""Seconds that the whole may be shorter or longer than its segments together."""
_STREAM = re.compile(r"Stream #0:\d+.*?: Video: (\w+)(?: \(([^()]*)\))?.*?, (yuv\w+|gray|rgb\w*)")
_SIZE = re.compile(r", (\d{2,5})x(\d{2,5})(?=[ ,\n])")
_RATE = re.compile(r", (\d+(?:\.\d+)?) fps")
_TIME = re.compile(r"\btime=(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)")
_START = re.compile(r"Duration: .*?, start: (-?\d+\.\d+)")
_CUT = re.compile(r"Error during demuxing|[Cc]orrupt|partial file|ended prematurely")
"""What ffmpeg says of a file that was cut off, whatever its exit status."""
_MOST_FPS = 60
_log = structlog.get_logger(__name__)


class NotJoined(Exception):
    """Why the segments stay as they are."""


@dataclass(frozen=True)
class Segment:
    """A file that goes into the whole, and the chapters that begin in it."""

    path: Path
    chapters: Sequence[Chapter] = ()


@dataclass(frozen=True)
class Whole:
    """The one file. `parts` are the segments that are in it: one without a picture is not."""

    path: Path
    seconds: float
    width: int
    height: int
    chapters: tuple[Chapter, ...]
    parts: tuple[Segment, ...]


@dataclass(frozen=True)
class _Seen:
    """A segment, and what ffmpeg says of it."""

    segment: Segment
    path: Path
    codec: str
    kind: tuple[str, ...]
    """Those of one kind can follow each other."""
    width: int
    height: int
    fps: float
    seconds: float
    is_tidy: bool
    """Whether it begins at 0 and comes to an end."""


async def join(
    segments: Sequence[Segment], target: Path, *, format: VideoFormat, began: datetime
) -> Whole:
    """One file of the segments, in their order; they stay where they are. NotJoined, and nothing is
    at the target, where that can't be done. Bounded by a deadline that grows with what they last;
    not cancelled in between.
    """
    with anyio.CancelScope(shield=True):
        whole = await anyio.to_thread.run_sync(_joined, segments, target, format, began)
    return whole


def _joined(
    segments: Sequence[Segment], target: Path, format: VideoFormat, began: datetime
) -> Whole:
    work = _Work(target.parent)
    try:
        program = ffmpeg.find() or ffmpeg.link()
        seen = [found for segment in segments if (found := _look(program, segment))]
        if not seen:
            raise NotJoined("there is no picture in any of them")
        whole = _written(program, _alike(program, seen, format, work), format, began, work)
        whole.path.replace(target)
        return replace(whole, path=target)
    except (OSError, BrowserMissing) as exc:
        raise NotJoined(str(exc)) from exc
    finally:
        work.remove()


class _Work:
    """Files that are in the making. Where they are left by a kill, the store's next start finds
    them by their names and erases them.
    """

    def __init__(self, folder: Path) -> None:
        self._stem = folder / f"join-{secrets.token_hex(8)}"
        self._made: list[Path] = []

    def file(self) -> Path:
        """A name for one more."""
        self._made.append(self._stem.with_name(f"{self._stem.name}-{len(self._made)}.part"))
        return self._made[-1]

    def remove(self) -> None:
        for path in self._made:
            path.unlink(missing_ok=True)


def _look(program: Path, segment: Segment) -> _Seen | None:
    """What is in the file, read to its end: one that was cut off does not say how long it is."""
    command = [
        str(program), "-hide_banner", "-nostdin", "-i", str(segment.path),
        "-map", "0:v:0", "-c", "copy", "-f", "null", "-",
    ]  # fmt: skip
    try:
        size = segment.path.stat().st_size
    except OSError:
        return None
    said = commands.run(command, timeout=LEAST_TIMEOUT + size / READ_RATE).output
    stream, times = _STREAM.search(said), _TIME.findall(said)
    form = _SIZE.search(said, stream.end()) if stream else None
    if stream is None or form is None or not times:
        return None
    # Of pictures that are stored in another order than shown the last may end a little later.
    lasts = _seconds(times[-1])
    lasts = next((t for t in map(_seconds, _DURATION.findall(said)) if 0 < t - lasts < 0.5), lasts)
    if lasts <= 0:
        return None
    start = _START.search(said)
    rate = _RATE.search(said, form.end())
    return _Seen(
        segment,
        segment.path,
        stream[1],
        (stream[1], stream[2] or "", stream[3], form[1], form[2]),
        int(form[1]),
        int(form[2]),
        float(rate[1]) if rate else DEFAULT_FPS,
        lasts,
        not _CUT.search(said) and (start is None or float(start[1]) < 0.001),
    )


def _seconds(clock: tuple[str, str, str]) -> float:
    hours, minutes, seconds = clock
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _alike(program: Path, seen: Sequence[_Seen], format: VideoFormat, work: _Work) -> list[_Seen]:
    """All of one kind: the first one's, where there is an encoder for it."""
    first = seen[0]
    if all(one.kind == first.kind for one in seen):
        return [one if one.is_tidy else _tidied(program, one, format, work) for one in seen]
    fps = max(1, min(round(first.fps), _MOST_FPS))
    shape = Shape(first.width & ~1, first.height & ~1, fps, format, DEFAULT_QUALITY)
    encoder = encoding.encoder_of(program, first.codec)
    # What an mp4 says of its H.264 holds for all of it, and another encoder would say it otherwise.
    keeps_first = encoder is not None and format == "webm"
    encoder = encoder or encoding.encoder_for(program, format)
    return [
        (one if one.is_tidy else _tidied(program, one, format, work))
        if keeps_first and one.kind == first.kind
        else _drawn(program, encoder, shape, one, work.file())
        for one in seen
    ]


def _tidied(program: Path, one: _Seen, format: VideoFormat, work: _Work) -> _Seen:
    """A copy of what is there of a file that was cut off, or is in fragments."""
    command = encoding.tidying(program, format, one.path, target := work.file())
    commands.run(command, timeout=LEAST_TIMEOUT + READ_SHARE * one.seconds)
    found = _look(program, Segment(target))  # where it was cut off, ffmpeg does not call that well
    if found is None:
        raise NotJoined("a segment that was cut off can't be copied")
    return replace(found, segment=one.segment)


def _drawn(program: Path, encoder: str, shape: Shape, one: _Seen, target: Path) -> _Seen:
    command = encoding.drawing(program, encoder, shape, one.path, target)
    outcome = commands.run(command, timeout=LEAST_TIMEOUT + DRAW_SHARE * one.seconds)
    found = _look(program, Segment(target)) if outcome.ok else None
    if found is None:
        raise NotJoined(outcome.reason or "a segment could not be drawn anew")
    return replace(found, segment=one.segment)


def _written(
    program: Path, seen: Sequence[_Seen], format: VideoFormat, began: datetime, work: _Work
) -> Whole:
    seconds = sum(one.seconds for one in seen)
    chapters = tuple(_chapters(seen))
    when = began.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    metadata = encoding.metadata(chapters, seconds, began=when)
    listing, target = work.file(), work.file()
    listing.write_text(encoding.listed([(one.path, one.seconds) for one in seen]))
    outcome = commands.run(
        encoding.joining(program, listing, format, target),
        timeout=LEAST_TIMEOUT + READ_SHARE * seconds,
        given=metadata.encode(),
    )
    whole = _look(program, Segment(target)) if outcome.ok else None
    if whole is None or abs(whole.seconds - seconds) > TOLERANCE + READ_SHARE * len(seen):
        _log.warning("segments did not join", reason=outcome.reason, files=len(seen))
        raise NotJoined(outcome.reason or "the whole is not as long as its segments")
    parts = tuple(one.segment for one in seen)
    return Whole(target, round(whole.seconds, 3), whole.width, whole.height, chapters, parts)


def _chapters(seen: Sequence[_Seen]) -> Iterator[Chapter]:
    start = 0.0
    for one in seen:
        for chapter in one.segment.chapters:
            yield Chapter(title=chapter.title, at=round(start + chapter.at, 3))
        start += one.seconds
