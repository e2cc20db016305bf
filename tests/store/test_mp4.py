"""Facts of MP4 files: whole, in fragments, cut off, and of what is none."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_browser.browser import ffmpeg
from agent_browser.store import mp4
from agent_browser.store.webm import Facts

FRAGMENTS = ["-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "500000"]


def made(folder: Path, *arguments: str) -> Path:
    program = ffmpeg.find()
    if program is None:
        pytest.skip("there is no ffmpeg")
    path = folder / "x.mp4"
    source = "testsrc=size=320x240:rate=25:duration=2"
    command = [str(program), "-loglevel", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264"]
    subprocess.run([*command, *arguments, str(path)], check=True)
    return path


@pytest.mark.parametrize("arguments", [[], ["-movflags", "+faststart"], FRAGMENTS])
def test_a_finished_file_tells_its_size_and_duration(tmp_path: Path, arguments: list[str]) -> None:
    facts = mp4.read(made(tmp_path, *arguments))
    assert (facts.width, facts.height) == (320, 240)
    assert facts.duration == pytest.approx(2, abs=0.05)
    assert facts.is_finished is (arguments != FRAGMENTS)


def test_a_file_that_lacks_its_end_is_not_finished(tmp_path: Path) -> None:
    path = made(tmp_path, "-movflags", "+faststart")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert not mp4.read(path).is_finished


def test_fragments_that_are_cut_off_tell_how_far_they_came(tmp_path: Path) -> None:
    path = made(tmp_path, *FRAGMENTS, "-g", "10")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    facts = mp4.read(path)
    assert (facts.width, facts.height) == (320, 240)
    assert facts.duration is not None
    assert 0.3 < facts.duration < 1.9


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.binary(max_size=200), st.sampled_from([b"tkhd", b"mdhd", b"trun", b"moof", b"trak"]))
def test_any_bytes_are_read_without_an_error(tmp_path: Path, data: bytes, kind: bytes) -> None:
    path = tmp_path / "any.mp4"
    size = (8 + len(data)).to_bytes(4)
    path.write_bytes(b"\x00\x00\x00\x08ftyp\x00\x00\x00\x08trak" + size + kind + data)
    facts = mp4.read(path)
    assert facts.duration is None or facts.duration >= 0


def test_what_is_not_there_has_no_facts(tmp_path: Path) -> None:
    assert mp4.read(tmp_path / "none.mp4") == Facts()
