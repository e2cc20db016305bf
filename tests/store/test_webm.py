import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_browser.browser import ffmpeg
from agent_browser.store import webm


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = ffmpeg.find()
    if program is None:
        pytest.skip("there is no ffmpeg")
    path = tmp_path_factory.mktemp("video") / "x.webm"
    source = "testsrc=size=320x240:rate=25:duration=2"
    command = [str(program), "-loglevel", "error", "-f", "lavfi", "-i", source]
    subprocess.run([*command, "-c:v", "libvpx", "-deadline", "realtime", str(path)], check=True)
    return path


def test_a_finished_file_tells_its_size_and_duration(video: Path) -> None:
    facts = webm.read(video)
    assert (facts.width, facts.height) == (320, 240)
    assert facts.duration == pytest.approx(2, abs=0.05)
    assert facts.is_finished


@pytest.mark.parametrize("part", [0.02, 0.5, 0.999])
def test_a_file_that_lacks_its_end_is_not_finished(
    video: Path, tmp_path: Path, part: float
) -> None:
    whole = video.read_bytes()
    cut = tmp_path / "cut.webm"
    cut.write_bytes(whole[: int(len(whole) * part)])
    assert not webm.read(cut).is_finished


def test_a_file_whose_writer_never_said_its_size_is_not_finished(
    video: Path, tmp_path: Path
) -> None:
    whole = video.read_bytes()
    place = whole.index(b"\x18\x53\x80\x67") + 4
    unsaid = tmp_path / "unsaid.webm"
    unsaid.write_bytes(whole[:place] + b"\x01" + b"\xff" * 7 + whole[place + 8 :])
    facts = webm.read(unsaid)
    assert facts.width == 320
    assert not facts.is_finished


def test_a_file_cut_off_tells_how_far_it_came(video: Path, tmp_path: Path) -> None:
    whole = video.read_bytes()
    cut = tmp_path / "cut.webm"
    # Without the duration in its head, as if the writer had been killed half-way.
    cut.write_bytes(whole.replace(b"\x44\x89\x88", b"\xec\x40\x08")[: len(whole) * 2 // 3])
    facts = webm.read(cut)
    assert (facts.width, facts.height) == (320, 240)
    assert facts.duration is not None
    assert 0.3 < facts.duration < 1.9


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_without_an_error(tmp_path: Path, data: bytes, marked: bool) -> None:
    path = tmp_path / "any.webm"
    path.write_bytes((b"\x1a\x45\xdf\xa3" if marked else b"") + data)
    facts = webm.read(path)
    assert facts.duration is None or facts.duration >= 0


def test_what_is_not_there_has_no_facts(tmp_path: Path) -> None:
    assert webm.read(tmp_path / "none.webm") == webm.Facts()
