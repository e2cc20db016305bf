"""The film: frames and time in, a file out that is whole whatever happens to who makes it."""

import io
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from agent_browser.browser import encoding, ffmpeg, sheet
from agent_browser.browser.encoding import Shape
from agent_browser.browser.film import KEPT, Film, Sample
from agent_browser.errors import BrowserMissing, InvalidRequest, StorageFull
from agent_browser.models.artifacts import Chapter
from agent_browser.models.recording import VideoFormat
from agent_browser.store import disk, mp4, webm
from tests.browser import filming

SMALL = Shape(160, 90, 10, "webm", 50)


def jpeg(colour: str = "navy", size: tuple[int, int] = (160, 90)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def noise(size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    width, height = size
    Image.frombytes("RGB", size, os.urandom(width * height * 3)).save(out, "JPEG", quality=95)
    return out.getvalue()


def film(path: Path, shape: Shape = SMALL) -> Film:
    program = ffmpeg.find()
    assert program is not None
    return Film(program, encoding.encoder_for(program, shape.format), shape, path)


def test_it_lasts_from_the_first_frame_to_the_end(tmp_path: Path) -> None:
    running = film(tmp_path / "a.webm")
    running.offer(jpeg())
    time.sleep(0.7)
    footage = running.finish()
    assert footage.ending is None
    assert webm.read(footage.path).duration == pytest.approx(footage.seconds, abs=0.15)
    assert filming.count(footage.path) == pytest.approx(footage.seconds * 10, abs=1.5)


def test_finishing_twice_gives_the_same(tmp_path: Path) -> None:
    running = film(tmp_path / "a.webm")
    running.offer(jpeg())
    assert running.finish() == running.finish()


def test_without_a_frame_there_is_nothing_to_see(tmp_path: Path) -> None:
    footage = film(tmp_path / "a.webm").finish()
    assert footage.sample.frames == []


def test_frames_of_other_sizes_are_fitted(tmp_path: Path) -> None:
    running = film(tmp_path / "a.webm")
    for size in ((160, 90), (90, 160), (640, 360)):
        running.offer(jpeg("red", size))
        time.sleep(0.15)
    footage = running.finish()
    last = filming.last(footage.path)
    assert last.size == (160, 90)
    assert filming.is_like(filming.colour(last, 0.5, 0.5), (255, 0, 0))


@pytest.mark.parametrize("format", ["webm", "mp4"])
def test_what_a_killed_encoder_wrote_can_be_played(tmp_path: Path, format: VideoFormat) -> None:
    path = tmp_path / f"a.{format}"
    shape = Shape(160, 90, 25, format, 50)
    running = film(path, shape)
    running.offer(jpeg())
    reader = webm if format == "webm" else mp4
    deadline = time.monotonic() + 20
    while (reader.read(path).duration or 0) < 0.9 and time.monotonic() < deadline:
        time.sleep(0.05)  # another process writes it
    os.kill(running._process.pid, signal.SIGKILL)
    footage = running.finish()
    assert footage.ending == "encoder_failed"
    duration = reader.read(path).duration
    assert duration is not None
    assert duration >= 0.9
    assert filming.is_there(path)


def test_a_file_that_may_not_grow_ends_the_film_and_is_kept(tmp_path: Path) -> None:
    running = film(tmp_path / "a.webm", Shape(320, 180, 25, "webm", 100))
    limit = 120_000
    resource.prlimit(running._process.pid, resource.RLIMIT_FSIZE, (limit, limit))
    over = threading.Event()
    frame = noise((320, 180))
    deadline = time.monotonic() + 20
    while running.ending is None and time.monotonic() < deadline:
        running.offer(frame)
        over.wait(0.02)
    assert running.ending == "storage_full"
    footage = running.finish()
    assert footage.ending == "storage_full"
    assert 0 < footage.path.stat().st_size <= limit
    assert webm.read(footage.path).width == 320


def test_the_encoder_ends_the_file_when_its_server_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from tests.browser.test_film import film, jpeg\n"
        f"running = film(Path({str(path)!r}))\n"
        "running.offer(jpeg())\n"
        "time.sleep(0.8)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    server.kill()
    server.wait()
    server.stdout.close()
    disk.await_writer(path)
    duration = webm.read(path).duration
    assert duration is not None
    assert duration >= 0.4
    assert filming.count(path) >= 4


def test_a_place_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageFull):
        film(tmp_path / "missing" / "a.webm")


def test_an_ffmpeg_without_an_encoder_names_the_format_that_it_has(tmp_path: Path) -> None:
    program = _pretended(tmp_path, " V....D libvpx-vp9           libvpx VP9")
    assert encoding.encoder_for(program, "webm") == "libvpx-vp9"
    with pytest.raises(InvalidRequest, match="ask for format 'webm'"):
        encoding.encoder_for(program, "mp4")


def test_an_ffmpeg_without_any_encoder_is_none(tmp_path: Path) -> None:
    program = _pretended(tmp_path, " A..... aac                  AAC")
    with pytest.raises(BrowserMissing, match="no encoder"):
        encoding.encoder_for(program, "webm")


def _pretended(folder: Path, encoders: str) -> Path:
    program = folder / "ffmpeg"
    program.write_text(f"#!/bin/sh\necho '{encoders}'\n")
    program.chmod(0o755)
    return program


def test_metadata_keeps_titles_as_they_are() -> None:
    chapters = [Chapter(title="a=b;#c\\d", at=0.5), Chapter(title="e\nf", at=1.25)]
    text = encoding.metadata(chapters, 3.0, began="2026-11-20T09:30:00.000Z")
    assert "title=a\\=b\\;\\#c\\\\d\n" in text
    assert "START=500\nEND=1250\n" in text
    assert "START=1250\nEND=3000\ntitle=e\\\nf\n" in text


def test_samples_come_from_all_over_a_film_however_long() -> None:
    sample = Sample()
    for tenth in range(36_000):
        sample.take(tenth / 10, b"frame")
    times = [seconds for seconds, _ in sample.frames]
    assert KEPT / 2 <= len(times) <= KEPT
    assert times[0] == 0
    assert times[-1] > 3_000
    steps = [after - before for before, after in pairwise(times)]
    assert max(steps) - min(steps) < 2


def test_a_sheet_has_a_tile_for_each_of_twelve_frames_and_their_times() -> None:
    frames = [(float(second), jpeg("teal")) for second in range(20)]
    chosen = sheet.spread(frames, sheet.MOST_TILES)
    assert (len(chosen), chosen[0][0], chosen[-1][0]) == (12, 0.0, 19.0)
    drawn = Image.open(io.BytesIO(sheet.contact_sheet(frames, (160, 90))))
    assert drawn.size == (8 + 4 * (160 + 8), 8 + 3 * (90 + 8))
    assert [sheet.clock(at) for at in (0, 7.56, 61.0, 3_723.4)] == [
        "0:00.0", "0:07.5", "1:01.0", "1:02:03",
    ]  # fmt: skip


def test_a_frame_of_another_form_is_shown_as_the_film_shows_it() -> None:
    frames = [(0.0, jpeg("teal")), (1.0, jpeg("teal", (45, 90)))]
    drawn = Image.open(io.BytesIO(sheet.contact_sheet(frames, (1280, 720)))).convert("RGB")
    assert drawn.size == (8 + 2 * (320 + 8), 8 + 180 + 8)
    middle, side = drawn.getpixel((8 + 328 + 160, 98)), drawn.getpixel((8 + 328 + 20, 98))
    assert isinstance(middle, tuple)
    assert isinstance(side, tuple)
    assert middle[1] > 100
    assert max(side) < 20


def test_the_thumbnail_is_the_frame_with_most_in_it() -> None:
    busy = noise((160, 90))
    small = Image.open(io.BytesIO(sheet.thumbnail([(0, jpeg("white")), (1, busy)], (160, 90))))
    assert len(set(small.convert("L").tobytes())) > 50
