"""Recordings and traces through the real server and the real command line."""

import os
import signal
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.browser import filming
from tests.end_to_end import remote
from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Refused, Session
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser


def test_a_recording_is_listed_fetched_and_in_the_answer_of_close(
    opening: Opening, site: Site, tmp_path: Path
) -> None:
    session = opening(site.url("/colours?name=blue"))
    session.call("record", action="start", fps=10, width=320)
    assert session.state()["recording"]
    with pytest.raises(Refused) as twice:
        session.call("record", action="start")
    assert (twice.value.status, twice.value.code) == (409, "already_recording")
    session.call("record", action="chapter", title="Blue", card=0)
    session.act("wait", wait_ms=300)
    stopped = session.call("record", action="stop")
    assert not session.state()["recording"]
    video = stopped["video"]
    assert (video["width"], video["height"], video["fps"]) == (320, 180, 10)
    assert [chapter["title"] for chapter in video["chapters"]] == ["Blue"]
    assert video["duration"] == pytest.approx(stopped["seconds"], abs=0.2)
    listed = remote.read(session.http.get("/v1/recordings"))["items"]
    assert video in listed
    file = tmp_path / "video.webm"
    file.write_bytes(session.http.get(video["url"]).content)
    assert filming.count(file) > 2
    for name in ("thumbnail", "contact_sheet"):
        picture = session.http.get(stopped[name]["url"])
        assert picture.headers["content-type"] == "image/jpeg"
    with pytest.raises(Refused) as again:
        session.call("record", action="stop")
    assert (again.value.status, again.value.code) == (409, "not_recording")
    closed = session.close()
    assert closed["video"]["id"] == video["id"]
    assert [one["id"] for one in closed["videos"]] == [video["id"]]


def test_bad_input_is_said_with_what_to_do(opening: Opening, site: Site) -> None:
    session = opening(site.url("/empty"))
    for given, word in (
        ({"action": "chapter"}, "'title' required"),
        ({"action": "start", "fps": 61}, "fps"),
        ({"action": "start", "format": "gif"}, "format"),
        ({"action": "stop", "fps": 5}, "only for start"),
        ({"action": "start", "width": 5000}, "width"),
    ):
        with pytest.raises(Refused) as refused:
            session.call("record", **given)
        assert (refused.value.status, refused.value.code) == (400, "invalid_request")
        assert word in str(refused.value.problem)


def test_a_trace_is_a_zip_of_the_sessions(opening: Opening, site: Site, tmp_path: Path) -> None:
    session = opening(site.url("/colours?name=green"))
    session.call("trace", action="start")
    session.click("Red")
    trace = session.call("trace", action="stop")["trace"]
    file = tmp_path / "trace.zip"
    file.write_bytes(session.http.get(trace["url"]).content)
    with zipfile.ZipFile(file) as entries:
        assert "trace.trace" in entries.namelist()
        assert entries.testzip() is None
    with pytest.raises(Refused) as refused:
        session.call("trace", action="stop")
    assert refused.value.code == "not_tracing"


@pytest.fixture
def program(tmp_path: Path, executable: Path) -> Iterator[Program]:
    with Program(tmp_path / "first", executable, browsers=1, warm=1) as running:
        yield running


def test_a_killed_server_loses_no_recording(
    program: Program, site: Site, tmp_path: Path, executable: Path
) -> None:
    with remote.client(program) as http:
        session = Session(http, site.url("/clock"))
        session.call("record", action="start", width=480)
        session.act("wait", wait_ms=1_200)
        tree = program.tree
        os.kill(program.pid, signal.SIGKILL)
    encoders = [process for process in tree if _is_encoder(process)]
    assert encoders
    for process in tree:
        if process not in encoders:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    second = Program(
        tmp_path / "second",
        executable,
        browsers=1,
        warm=0,
        data_dir=program.data,
        recordings_dir=program.recordings,
    )
    with second, remote.client(second) as http:
        (video,) = remote.read(http.get("/v1/recordings"))["items"]
        assert video["session_id"] == session.id
        assert (video["width"], video["height"]) == (480, 270)
        assert video["duration"] >= 1
        file = tmp_path / "video.webm"
        file.write_bytes(http.get(video["url"]).content)
    assert filming.count(file) >= 25
    assert psutil.wait_procs(encoders, timeout=5)[1] == []


def _is_encoder(process: psutil.Process) -> bool:
    try:
        return "ffmpeg" in process.name()
    except psutil.NoSuchProcess:
        return False


def test_a_stopped_server_finishes_what_it_recorded_and_leaves_nothing(
    program: Program, site: Site
) -> None:
    with remote.client(program) as http:
        session = Session(http, site.url("/clock"))
        session.call("record", action="start", format="mp4", width=320)
        session.call("trace", action="start")
        session.act("wait", wait_ms=400)
    assert program.stop() == 0, program.log
    (video,) = (program.recordings / session.id).glob("*.mp4")
    assert filming.count(video) > 5
    assert list(program.temporary.iterdir()) == []


def hibernated(session: Session) -> None:
    remote.read(session.http.post(f"/v1/sessions/{session.id}/hibernate"))
    assert session.state()["state"] == "hibernated"


def fetched(session: Session, video: dict[str, Any], file: Path) -> Path:
    file.write_bytes(session.http.get(video["url"]).content)
    return file


def shows(file: Path, seconds: float, colour: tuple[int, int, int]) -> bool:
    return filming.is_like(filming.colour(filming.frame(file, seconds), 0.5, 0.2), colour)


BLUE, GREEN = (0, 0, 255), (0, 128, 0)


def test_close_gives_one_file_of_a_session_that_was_hibernated(
    opening: Opening, site: Site, tmp_path: Path
) -> None:
    session = opening(site.url("/colours?name=blue"), record_video=True, width=640, height=400)
    session.act("wait", wait_ms=900)
    hibernated(session)
    listed = remote.read(session.http.get("/v1/recordings"))["items"]
    (segment,) = [video for video in listed if video["session_id"] == session.id]
    assert (segment["part_of"], segment["segments"]) == ("t1", 1)
    assert segment["duration"] > 0.5
    session.call("open", url=site.url("/colours?name=green"))
    session.act("wait", wait_ms=900)
    hibernated(session)
    closed = session.close()
    (video,) = closed["videos"]
    assert closed["video"] == video
    assert (video["segments"], video["width"], video["height"]) == (2, 640, 400)
    assert video["duration"] > segment["duration"] + 0.5
    file = fetched(session, video, tmp_path / "video.webm")
    assert shows(file, segment["duration"] - 0.2, BLUE)
    assert shows(file, video["duration"] - 0.2, GREEN)
    assert session.http.get(segment["url"]).status_code == 404
    part = session.http.get(video["url"], headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"\x1a\x45\xdf\xa3")


def test_a_recording_goes_on_over_a_hibernation_and_stop_gives_all_of_it(
    opening: Opening, site: Site, tmp_path: Path
) -> None:
    session = opening(site.url("/colours?name=blue"))
    session.call("record", action="start", fps=10, width=320)
    session.act("wait", wait_ms=700)
    session.call("record", action="chapter", title="Blue", card=0)
    hibernated(session)
    assert session.call("record", action="status")["recording"]
    session.call("open", url=site.url("/colours?name=green"))
    session.call("record", action="chapter", title="Green", card=0)
    session.act("wait", wait_ms=700)
    stopped = session.call("record", action="stop")
    video = stopped["video"]
    assert (video["segments"], video["width"], video["fps"]) == (2, 320, 10)
    assert stopped["seconds"] == video["duration"]
    assert [chapter["title"] for chapter in stopped["chapters"]] == ["Blue", "Green"]
    assert stopped["chapters"] == video["chapters"]
    file = fetched(session, video, tmp_path / "video.webm")
    assert filming.titles(file) == ["Blue", "Green"]
    assert shows(file, video["chapters"][0]["at"] - 0.2, BLUE)
    assert shows(file, video["duration"] - 0.2, GREEN)
    hibernated(session)
    assert not session.call("record", action="status")["recording"]
    closed = session.close()
    assert [one["id"] for one in closed["videos"]] == [video["id"]]


def test_a_recording_that_runs_when_its_hibernated_session_is_closed_is_one_file(
    opening: Opening, site: Site, tmp_path: Path
) -> None:
    session = opening(site.url("/colours?name=blue"))
    session.call("record", action="start", fps=10, width=320)
    session.act("wait", wait_ms=700)
    hibernated(session)
    session.call("open", url=site.url("/colours?name=green"))
    session.act("wait", wait_ms=700)
    hibernated(session)
    (video,) = session.close()["videos"]
    assert video["segments"] == 2
    file = fetched(session, video, tmp_path / "video.webm")
    assert shows(file, 0.3, BLUE)
    assert shows(file, video["duration"] - 0.2, GREEN)


def test_what_a_killed_server_had_recorded_is_in_the_one_file(
    program: Program, site: Site, tmp_path: Path, executable: Path
) -> None:
    with remote.client(program) as http:
        session = Session(http, site.url("/clock"), record_video=True, width=640, height=400)
        session.act("wait", wait_ms=1_500)
        remote.read(http.post(f"/v1/sessions/{session.id}/checkpoints"))
        tree = program.tree
        os.kill(program.pid, signal.SIGKILL)
    psutil.wait_procs(tree, timeout=5)
    second = Program(
        tmp_path / "second",
        executable,
        browsers=1,
        warm=0,
        data_dir=program.data,
        recordings_dir=program.recordings,
    )
    with second, remote.client(second) as http:
        session.http = http
        (segment,) = remote.read(http.get("/v1/recordings"))["items"]
        assert segment["duration"] > 1
        session.call("open", url=site.url("/colours?name=green"))
        session.act("wait", wait_ms=900)
        (video,) = session.close()["videos"]
        assert (video["segments"], video["partial"]) == (2, False)
        file = fetched(session, video, tmp_path / "video.webm")
        assert video["duration"] > segment["duration"] + 0.5
        assert not shows(file, segment["duration"] - 0.2, GREEN)
        assert shows(file, video["duration"] - 0.2, GREEN)
