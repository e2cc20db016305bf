"""The commands record and trace."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.fake_server import PICTURE, FakeServer

URL = "/v1/artifacts/art_BBBBBBBBBBBBBBBBBBBBBB"


@pytest.fixture(autouse=True)
def opened(fake: FakeServer, run: Run) -> None:
    run("open", "example.com")


def test_start_sends_what_was_asked_for_and_says_what_is_recorded(
    fake: FakeServer, run: Run
) -> None:
    done = run(
        "record", "start", "--cursor", "--show-actions", "--fps", "30", "--width", "640",
        "--format", "mp4", "--quality", "90", "--overlay", "Tea",
    )  # fmt: skip

    assert (done.code, done.out) == (0, "recording t1, 2.5 s\n")
    assert fake.calls[-1][0] == "record"
    assert fake.calls[-1][2] == {
        "action": "start", "cursor": True, "show_actions": True, "fps": 30, "width": 640,
        "format": "mp4", "quality": 90, "overlay": "Tea",
    }  # fmt: skip


@pytest.mark.parametrize("word", ["stop", "restart"])
def test_stop_writes_the_video_and_its_pictures(
    fake: FakeServer, run: Run, tmp_path: Path, word: str
) -> None:
    video, sheet, frame = tmp_path / "a.webm", tmp_path / "a.jpg", tmp_path / "frame.jpeg"
    pictures = ("--contact-sheet", str(sheet), "--thumbnail", str(frame))
    done = run("record", word, str(video), *pictures)

    assert done.code == 0
    assert done.out.splitlines()[:4] == [
        "recorded 2.5 s (320 by 180 px, 25 frames a second)",
        f"video {fake.url}{URL}",
        f"contact sheet {fake.url}{URL}",
        f"thumbnail {fake.url}{URL}",
    ]
    assert done.err == "agent-browser: the disk is full\n"
    assert video.read_bytes() == sheet.read_bytes() == frame.read_bytes() == PICTURE


def test_a_file_that_can_not_be_written_costs_no_recording(
    fake: FakeServer, run: Run, tmp_path: Path
) -> None:
    missing, wrong = tmp_path / "none" / "a.webm", tmp_path / "a.gif"
    picture = tmp_path / "none" / "a.jpg"
    for file in ([missing], [wrong], ["--thumbnail", wrong], ["--contact-sheet", picture]):
        done = run("record", "stop", *map(str, file))
        assert (done.code, done.out) == (2, "")
        assert str(file[-1]) in done.err
    assert [call[0] for call in fake.calls] == ["open"]


def test_a_file_of_another_kind_is_said(run: Run, tmp_path: Path) -> None:
    done = run("record", "stop", str(tmp_path / "a.mp4"))

    assert "is video/webm, not what its name says" in done.err


def test_chapters_restart_and_status(fake: FakeServer, run: Run) -> None:
    chapter = run("record", "chapter", "Log in", "--description", "as Ada", "--card", "2s")
    again = run("record", "restart", "--fps", "10")
    status = run("record", "status", "--json")

    assert chapter.out == "recording t1, 2.5 s\nchapter 1.2 s Log in\n"
    assert "recording t1 again" in again.out
    assert json.loads(status.out)["seconds"] == 2.5
    assert [call[2] for call in fake.calls[1:]] == [
        {"action": "chapter", "title": "Log in", "description": "as Ada", "card": 2.0},
        {"action": "restart", "fps": 10},
        {"action": "status"},
    ]


def test_a_trace_is_started_and_written(fake: FakeServer, run: Run, tmp_path: Path) -> None:
    started = run("trace", "start", "--no-snapshots", "--title", "Tea")
    stopped = run("trace", "stop", str(tmp_path / "t.zip"))
    status = run("trace", "status")

    assert started.out == "tracing, 1.5 s\n"
    assert stopped.out == f"traced 1.5 s\ntrace {fake.url}{URL}\n"
    assert (tmp_path / "t.zip").read_bytes() == PICTURE
    assert status.out == "not tracing\n"
    assert fake.calls[1][2] == {
        "action": "start", "screenshots": True, "snapshots": False, "title": "Tea",
    }  # fmt: skip


def test_what_is_out_of_range_is_said_before_it_is_sent(fake: FakeServer, run: Run) -> None:
    done = run("record", "start", "--fps", "99")

    assert done.code != 0
    assert "fps" in done.err
    assert len(fake.calls) == 1
