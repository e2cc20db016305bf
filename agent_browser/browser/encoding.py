"""How frames become a video: the stream that ffmpeg reads, and what it is run with. Runs nothing
but the question which encoders there are.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from agent_browser.errors import BrowserMissing, InvalidRequest
from agent_browser.models.artifacts import Chapter
from agent_browser.models.recording import VideoFormat

MOST_BYTES = 2_147_483_648
"""Bytes of one recording; ffmpeg ends the file there, whole."""
KEYFRAMES = 4
"""Seconds between frames that a player can go to."""
_ENCODERS: dict[VideoFormat, tuple[str, ...]] = {
    "webm": ("libvpx-vp9", "libvpx"),
    "mp4": ("libx264", "libopenh264"),
}
_OF_CODEC = {"vp8": ("libvpx",), "vp9": ("libvpx-vp9",), "h264": ("libx264", "libopenh264")}
_ASK_TIMEOUT = 10.0


@dataclass(frozen=True)
class Shape:
    """What a video is to be: pixels (both even), frames a second, 1 to 100."""

    width: int
    height: int
    fps: int
    format: VideoFormat
    quality: int


def encoder_for(program: Path, format: VideoFormat) -> str:
    """The encoder to use. InvalidRequest where this ffmpeg has none for the format. Blocking."""
    known = _encoders(str(program))
    for name in _ENCODERS[format]:
        if name in known:
            return name
    detail = f"this server's ffmpeg can't make {format}"
    other = next((kind for kind, names in _ENCODERS.items() if known.intersection(names)), None)
    if other is None:
        raise BrowserMissing(f"{detail}, nor any other format: it has no encoder for either")
    detail += f"; ask for format '{other}'"
    raise InvalidRequest(detail, [{"field": "format", "message": detail}])


def encoder_of(program: Path, codec: str) -> str | None:
    """An encoder whose videos are of that codec, as ffmpeg calls it; None where there is none.
    Blocking.
    """
    known = _encoders(str(program))
    return next((name for name in _OF_CODEC.get(codec, ()) if name in known), None)


@cache
def _encoders(program: str) -> frozenset[str]:
    try:
        said = subprocess.run(
            [program, "-hide_banner", "-encoders"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ASK_TIMEOUT,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as exc:
        raise BrowserMissing("ffmpeg does not run, so no video can be recorded") from exc
    lines = [line.split() for line in said.decode(errors="replace").splitlines()]
    return frozenset(words[1] for words in lines if len(words) > 1 and words[0][:1] == "V")


def encoding(program: Path, encoder: str, shape: Shape, path: Path) -> list[str]:
    """The command that reads frames from stdin and writes the file as it goes, so that what was
    written can be played at any moment.
    """
    container = (
        ["-cluster_time_limit", "1000", "-f", "webm"]
        if shape.format == "webm"
        else [
            "-movflags", "+frag_keyframe+empty_moov+default_base_moof",
            "-frag_duration", "1000000", "-f", "mp4",
        ]
    )  # fmt: skip
    return [
        str(program), "-hide_banner", "-loglevel", "error",
        "-f", "matroska", "-fpsprobesize", "0", "-probesize", "32", "-analyzeduration", "0",
        "-threads", "1", "-i", "pipe:0",
        "-an", "-sn", "-filter_threads", "1", "-vf", _fitted(shape),
        "-c:v", encoder, *_tuning(encoder, shape), "-g", str(shape.fps * KEYFRAMES),
        "-threads", "2", "-flush_packets", "1", "-fs", str(MOST_BYTES),
        *container, "-y", str(path),
    ]  # fmt: skip


def drawing(program: Path, encoder: str, shape: Shape, source: Path, target: Path) -> list[str]:
    """The command that makes a video of another form, or of another encoder's, one of this form."""
    return [
        str(program), "-hide_banner", "-loglevel", "error", "-nostdin", "-i", str(source),
        "-map", "0:v:0", "-an", "-sn", "-vf", _fitted(shape),
        "-c:v", encoder, *_tuning(encoder, shape), "-g", str(shape.fps * KEYFRAMES),
        "-threads", "2", "-f", shape.format, "-y", str(target),
    ]  # fmt: skip


def tidying(program: Path, format: VideoFormat, source: Path, target: Path) -> list[str]:
    """The command that copies a video, as far as it is whole, into a file that begins at 0."""
    return [
        str(program), "-hide_banner", "-loglevel", "error", "-nostdin",
        "-fflags", "+discardcorrupt", "-i", str(source),
        "-map", "0:v:0", "-c", "copy", "-f", format, "-y", str(target),
    ]  # fmt: skip


def joining(program: Path, listing: Path, format: VideoFormat, target: Path) -> list[str]:
    """The command that copies the listed videos, which are of one kind, one after another into a
    file, with the metadata that it reads from stdin.
    """
    kind = ["-movflags", "+faststart"] if format == "mp4" else []
    return [
        str(program), "-hide_banner", "-loglevel", "error",
        "-f", "concat", "-safe", "0", "-i", str(listing), "-f", "ffmetadata", "-i", "pipe:0",
        "-map", "0:v", "-map_metadata", "1", "-map_chapters", "1",
        "-c", "copy", *kind, "-f", format, "-y", str(target),
    ]  # fmt: skip


def listed(videos: Sequence[tuple[Path, float]]) -> str:
    """The list for it: each with how many seconds it takes."""
    lines = ["ffconcat version 1.0"]
    for path, seconds in videos:
        quoted = str(path.absolute()).replace("'", "'\\''")
        lines += [f"file '{quoted}'", f"duration {seconds:.6f}"]
    return "\n".join(lines) + "\n"


def _fitted(shape: Shape) -> str:
    size = f"{shape.width}:{shape.height}"
    return (
        f"scale={size}:force_original_aspect_ratio=decrease:flags=bilinear,"
        f"pad={size}:(ow-iw)/2:(oh-ih)/2:black,setsar=1,format=yuv420p,fps={shape.fps}"
    )


def _tuning(encoder: str, shape: Shape) -> list[str]:
    rate = str(shape.width * shape.height * shape.fps * (40 + shape.quality) // 2_000)
    of_vp = str(round(63 - 0.43 * shape.quality))
    if encoder == "libvpx-vp9":
        return [
            "-crf", of_vp, "-b:v", "0", "-deadline", "realtime", "-cpu-used", "8",
            "-row-mt", "1", "-lag-in-frames", "0",
        ]  # fmt: skip
    if encoder == "libvpx":
        return ["-crf", of_vp, "-b:v", rate, "-deadline", "realtime", "-cpu-used", "8"]
    if encoder == "libx264":
        return ["-crf", str(round(45 - 0.27 * shape.quality)), "-preset", "superfast"]
    return ["-b:v", rate]


def finishing(program: Path, shape: Shape, source: Path, target: Path) -> list[str]:
    """The command that copies a video, with the metadata that it reads from stdin, into a file that
    players can seek in.
    """
    kind = ["-movflags", "+faststart"] if shape.format == "mp4" else []
    return [
        str(program), "-hide_banner", "-loglevel", "error",
        "-i", str(source), "-f", "ffmetadata", "-i", "pipe:0",
        "-map", "0:v", "-map_metadata", "1", "-map_chapters", "1",
        "-c", "copy", *kind, "-f", shape.format, "-y", str(target),
    ]  # fmt: skip


def metadata(chapters: Sequence[Chapter], seconds: float, *, began: str) -> str:
    """ffmpeg's metadata text: when it began (RFC 3339), and the chapters with their titles."""
    lines = [";FFMETADATA1", f"creation_time={began}"]
    ends = [chapter.at for chapter in chapters[1:]] + [seconds]
    for chapter, end in zip(chapters, ends, strict=False):
        start = round(chapter.at * 1000)
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={start}"]
        lines += [f"END={max(start + 1, round(end * 1000))}", f"title={_escaped(chapter.title)}"]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in "=;#\\\n" else char for char in text)


def head() -> bytes:
    """The start of a Matroska stream of JPEG frames, of any size and without end."""
    track = (
        _element(0xD7, b"\x01") + _element(0x73C5, b"\x01") + _element(0x83, b"\x01")
        + _element(0x9C, b"\x00") + _element(0x86, b"V_MJPEG")
        # Each JPEG says its own size; a larger one here makes ffmpeg take it for half a picture.
        + _element(0xE0, _element(0xB0, b"\x01") + _element(0xBA, b"\x01"))
    )  # fmt: skip
    ebml = (
        _element(0x4286, b"\x01") + _element(0x42F7, b"\x01") + _element(0x42F2, b"\x04")
        + _element(0x42F3, b"\x08") + _element(0x4282, b"matroska")
        + _element(0x4287, b"\x04") + _element(0x4285, b"\x02")
    )  # fmt: skip
    info = (
        _element(0x2AD7B1, (1_000_000).to_bytes(4))
        + _element(0x4D80, b"agent-browser")
        + _element(0x5741, b"agent-browser")
    )
    segment = _identity(0x18538067) + b"\x01" + b"\xff" * 7
    tracks = _element(0x1654AE6B, _element(0xAE, track))
    return _element(0x1A45DFA3, ebml) + segment + _element(0x1549A966, info) + tracks


def block(milliseconds: int, frame: bytes) -> bytes:
    """One frame of that stream, at its time."""
    body = _element(0xE7, milliseconds.to_bytes(8))
    body += _element(0xA3, b"\x81\x00\x00\x80" + frame)
    return _element(0x1F43B675, body)


def _identity(kind: int) -> bytes:
    return kind.to_bytes((kind.bit_length() + 7) // 8)


def _element(kind: int, data: bytes) -> bytes:
    return _identity(kind) + (len(data) | 1 << 56).to_bytes(8) + data
