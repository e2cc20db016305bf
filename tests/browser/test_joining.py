"""Segments of a video made one: all of their pictures, in their order, in a file that can be sought
in.
"""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_browser.browser import encoding, ffmpeg, joining
from agent_browser.browser.joining import NotJoined, Segment, join
from agent_browser.models.artifacts import Chapter
from agent_browser.models.recording import VideoFormat
from agent_browser.store import mp4, webm
from tests.browser import filming

pytestmark = pytest.mark.anyio

BEGAN = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
RED, BLUE, GREEN, BLACK = (254, 0, 0), (0, 0, 254), (0, 127, 0), (0, 0, 0)
CODECS = {"vp8": ("libvpx", "webm"), "vp9": ("libvpx-vp9", "webm"), "h264": ("libx264", "mp4")}


def made(
    path: Path, colour: str, seconds: float = 1.0, *, codec: str = "vp8", size: str = "320x180"
) -> Path:
    """A video of one colour. Of mp4 it is written in fragments, as `record` writes it."""
    program = ffmpeg.find()
    assert program is not None
    encoder, format = CODECS[codec]
    if encoding.encoder_of(program, codec) != encoder:
        pytest.skip(f"this ffmpeg has no {encoder}")
    parts = ["-movflags", "+frag_keyframe+empty_moov"] if format == "mp4" else []
    source = f"color={colour}:s={size}:d={seconds}:r=25"
    command = [str(program), "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p"]
    subprocess.run([*command, "-c:v", encoder, *parts, "-y", str(path)], check=True)
    return path


def cut_off(path: Path, codec: str) -> Path:
    """Half of a video of 20 seconds, as it is written."""
    program = ffmpeg.find()
    live = (
        ["-movflags", "+frag_keyframe+empty_moov", "-frag_duration", "200000", "-f", "mp4"]
        if codec == "h264"
        else ["-cluster_time_limit", "200", "-f", "webm"]
    )
    encoder = ["-c:v", CODECS[codec][0], "-pix_fmt", "yuv420p", "-g", "25"]
    source = "testsrc=s=320x180:r=25:d=20"
    command = [str(program), "-v", "error", "-f", "lavfi", "-i", source, *encoder, *live]
    written = subprocess.run([*command, "pipe:1"], check=True, capture_output=True).stdout
    path.write_bytes(written[: len(written) // 2])
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def middle(video: Path, seconds: float) -> tuple[int, int, int]:
    return filming.colour(filming.frame(video, seconds), 0.5, 0.5)


def packets(video: Path) -> list[str]:
    """Digests of what was encoded, frame for frame."""
    program = ffmpeg.find()
    command = [str(program), "-v", "error", "-i", str(video), "-c", "copy", "-f", "framemd5", "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split()[-1] for line in said.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("codec", ["vp8", "vp9", "h264"])
async def test_those_of_one_kind_are_copied_one_after_another(tmp_path: Path, codec: str) -> None:
    format: VideoFormat = "mp4" if codec == "h264" else "webm"
    first = made(tmp_path / f"1.{format}", "red", 1.0, codec=codec)
    second = made(tmp_path / f"2.{format}", "blue", 1.5, codec=codec)
    third = made(tmp_path / f"3.{format}", "green", 0.5, codec=codec)
    target = tmp_path / "whole.part"
    parts = [Segment(path) for path in (first, second, third)]
    whole = await join(parts, target, format=format, began=BEGAN)
    assert (whole.path, whole.width, whole.height) == (target, 320, 180)
    assert whole.seconds == pytest.approx(3.0, abs=0.1)
    facts = (mp4 if format == "mp4" else webm).read(target)
    assert facts.is_finished
    assert facts.duration == pytest.approx(3.0, abs=0.1)
    assert filming.count(target) == pytest.approx(75, abs=2)
    for seconds, colour in ((0.5, RED), (1.2, BLUE), (2.3, BLUE), (2.8, GREEN)):
        assert filming.is_like(middle(target, seconds), colour), seconds
    if format == "webm":
        assert packets(target) == [*packets(first), *packets(second), *packets(third)]
    assert names(tmp_path) == {first.name, second.name, third.name, target.name}


@pytest.mark.parametrize(
    ("codec", "other", "size"),
    [
        ("vp8", "vp8", "180x180"),
        ("vp9", "vp8", "320x180"),
        ("vp8", "vp9", "640x400"),
        ("h264", "h264", "180x180"),
    ],
)
async def test_one_of_another_size_or_codec_is_drawn_in_the_first_ones_form(
    tmp_path: Path, codec: str, other: str, size: str
) -> None:
    format: VideoFormat = "mp4" if codec == "h264" else "webm"
    first = made(tmp_path / f"1.{format}", "red", codec=codec)
    second = made(tmp_path / f"2.{format}", "blue", codec=other, size=size)
    third = made(tmp_path / f"3.{format}", "green", codec=codec)
    target = tmp_path / "whole.part"
    parts = [Segment(path) for path in (first, second, third)]
    whole = await join(parts, target, format=format, began=BEGAN)
    assert (whole.width, whole.height) == (320, 180)
    assert filming.count(target) == pytest.approx(75, abs=3)
    for seconds, colour in ((0.5, RED), (1.5, BLUE), (2.5, GREEN)):
        assert filming.is_like(middle(target, seconds), colour), seconds
    if size == "180x180":
        assert filming.is_like(filming.colour(filming.frame(target, 1.5), 0.05, 0.5), BLACK)
    if format == "webm":
        assert packets(first) == packets(target)[:25], "the first is not drawn anew"


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_one_that_was_cut_off_counts_as_far_as_it_goes(tmp_path: Path, codec: str) -> None:
    format: VideoFormat = "mp4" if codec == "h264" else "webm"
    cut = cut_off(tmp_path / f"1.{format}", codec)
    second = made(tmp_path / f"2.{format}", "blue", 2, codec=codec)
    target = tmp_path / "whole.part"
    chapters = [Chapter(title="Blue", at=0.5)]
    parts = [Segment(cut), Segment(second, chapters)]
    whole = await join(parts, target, format=format, began=BEGAN)
    assert 5 < whole.seconds < 18
    assert filming.is_like(middle(target, whole.seconds - 1), BLUE)
    assert not filming.is_like(middle(target, whole.seconds - 2.5), BLUE)
    (chapter,) = whole.chapters
    assert chapter.at == pytest.approx(whole.seconds - 1.5, abs=0.1)


async def test_chapters_are_moved_to_where_their_segment_begins(tmp_path: Path) -> None:
    first, second = made(tmp_path / "1.webm", "red", 1), made(tmp_path / "2.webm", "blue", 2)
    target = tmp_path / "whole.part"
    one = Segment(first, [Chapter(title="A", at=0.25)])
    other = Segment(second, [Chapter(title="B = b; 'c'", at=0.5), Chapter(title="C", at=1)])
    whole = await join([one, other], target, format="webm", began=BEGAN)
    assert [(c.title, c.at) for c in whole.chapters] == [
        ("A", 0.25),
        ("B = b; 'c'", pytest.approx(1.5, abs=0.05)),
        ("C", pytest.approx(2, abs=0.05)),
    ]
    assert filming.titles(target) == ["A", "B \\= b\\; 'c'", "C"]


async def test_one_without_a_picture_is_left_out_and_told(tmp_path: Path) -> None:
    first, second = made(tmp_path / "1.webm", "red"), made(tmp_path / "2.webm", "blue")
    (empty := tmp_path / "empty.webm").write_bytes(b"")
    (other := tmp_path / "other.webm").write_bytes(b"no video" * 100)
    missing = tmp_path / "missing.webm"
    given = [Segment(p) for p in (first, empty, other, missing, second)]
    whole = await join(given, tmp_path / "whole.part", format="webm", began=BEGAN)
    assert [part.path for part in whole.parts] == [first, second]
    with pytest.raises(NotJoined, match="no picture"):
        await join([Segment(empty)], tmp_path / "none.part", format="webm", began=BEGAN)
    assert not (tmp_path / "none.part").exists()


async def test_names_of_folders_are_taken_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "it's a 'fol'der\\ %d #[1]"
    folder.mkdir()
    parts = [made(folder / "1.webm", "red"), made(folder / "2.webm", "blue")]
    target = folder / "whole.part"
    whole = await join([Segment(p) for p in parts], target, format="webm", began=BEGAN)
    assert whole.seconds == pytest.approx(2, abs=0.1)


async def test_where_nothing_can_be_written_the_segments_stay_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [made(tmp_path / "1.webm", "red"), made(tmp_path / "2.webm", "blue")]
    before = [path.read_bytes() for path in parts]
    whole = encoding.joining

    def full(program: Path, listing: Path, format: VideoFormat, target: Path) -> list[str]:
        return [*whole(program, listing, format, target)[:-1], "/dev/full"]

    monkeypatch.setattr(encoding, "joining", full)
    with pytest.raises(NotJoined):
        await join([Segment(p) for p in parts], tmp_path / "w.part", format="webm", began=BEGAN)
    assert [path.read_bytes() for path in parts] == before
    assert names(tmp_path) == {"1.webm", "2.webm"}


async def test_it_has_a_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made(tmp_path / "1.webm", "red")
    second = made(tmp_path / "2.webm", "blue", size="180x180")
    parts = [Segment(first), Segment(second)]
    monkeypatch.setattr(joining, "DRAW_SHARE", 0.05 - joining.LEAST_TIMEOUT)
    monkeypatch.setattr(encoding, "drawing", lambda *_: ["sleep", "60"])
    with pytest.raises(NotJoined, match=r"not done within 0\.05"):
        await join(parts, tmp_path / "w.part", format="webm", began=BEGAN)
    assert names(tmp_path) == {"1.webm", "2.webm"}


async def test_many_segments_make_one(tmp_path: Path) -> None:
    one = made(tmp_path / "1.webm", "red", 0.2)
    target = tmp_path / "whole.part"
    whole = await join([Segment(one)] * 60, target, format="webm", began=BEGAN)
    assert whole.seconds == pytest.approx(12, abs=0.5)
    assert filming.count(target) == 60 * 5
