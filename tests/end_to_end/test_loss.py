"""What is lost is said to be lost, and what can be kept is kept."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from agent_browser.browser import ffmpeg
from tests.end_to_end import remote
from tests.end_to_end.remote import Refused, Session, eventually, held, renderer_of
from tests.processes import is_alive
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser


@pytest.fixture
def program(tmp_path: Path, executable: Path) -> Iterator[Program]:
    """A server of this test's own, with one browser, so that killing is nobody else's loss. It
    saves nothing: what is saved comes back (test_hibernation).
    """
    with Program(tmp_path, executable, browsers=1, warm=1, checkpoint_after="1h") as running:
        yield running


@pytest.fixture
def client(program: Program) -> Iterator[httpx.Client]:
    with remote.client(program) as client:
        yield client


def kill_browsers(program: Program) -> None:
    for browser in program.browsers:
        browser.kill()


def test_a_killed_browser_is_told_once_and_the_next_session_has_another(
    program: Program, client: httpx.Client, site: Site
) -> None:
    session = Session(client, site.url("/form"))
    kill_browsers(program)
    with pytest.raises(Refused) as lost:
        session.snapshot()
    assert (lost.value.status, lost.value.code) in {(503, "browser_lost"), (410, "session_ended")}
    assert lost.value.problem["recovery"] == "open_new_session"
    with pytest.raises(Refused) as ended:
        session.snapshot()
    assert (ended.value.status, ended.value.problem["end_reason"]) == (410, "browser_lost")
    with Session(client, site.url("/form")) as next_one:
        assert next_one.page["title"] == "Form of all fields"
    assert client.get("/readyz").status_code == 200


def test_a_call_in_flight_is_told_at_once_that_its_browser_was_killed(
    program: Program, client: httpx.Client, site: Site
) -> None:
    session = Session(client, site.url("/form"))
    under_way = held(session, site)
    kill_browsers(program)
    lost = Refused(under_way.answer())  # not of its deadline, which is a minute away
    assert (lost.status, lost.code) == (503, "browser_lost")


def test_a_crashed_page_is_told_and_open_goes_on_with_the_cookies(
    program: Program, client: httpx.Client, site: Site
) -> None:
    session = Session(client, site.url("/cookies/set"))
    renderer_of(program, session).kill()
    with pytest.raises(Refused) as crashed:
        eventually(lambda: not session.snapshot())
    assert (crashed.value.status, crashed.value.code) == (503, "crashed")
    session.open(site.url("/cookies/sent"))
    assert '"http_only":"2"' in session.text("pre").replace(" ", "")


def frames(video: Path) -> int:
    """How many frames the file has, decoded to its end. Fails on a file that is cut off."""
    program = ffmpeg.find()
    assert program is not None
    done = subprocess.run(
        [program, "-v", "error", "-i", video, "-f", "framemd5", "-"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return sum(not line.startswith("#") for line in done.stdout.splitlines())


def test_stopping_the_server_while_it_records_keeps_the_video_whole(
    program: Program, client: httpx.Client, site: Site
) -> None:
    session = Session(client, site.url("/clock"), record_video=True)
    session.act("wait", wait_ms=1500)
    assert program.stop() == 0, program.log
    videos = list((program.recordings / session.id).glob("*.webm"))
    assert len(videos) == 1, program.log
    assert frames(videos[0]) > 10


def test_a_session_that_lapses_keeps_its_video(
    program: Program, client: httpx.Client, site: Site
) -> None:
    body = {
        "session": "new",
        "session_timeout": 1.5,
        "input": {"url": site.url("/clock"), "record_video": True, "width": 640, "height": 480},
    }
    session_id = remote.read(client.post("/v1/functions/open", json=body))["session_id"]
    found: list[remote.Json] = []

    def is_listed() -> bool:
        found[:] = remote.read(client.get("/v1/recordings"))["items"]
        return bool(found)

    eventually(is_listed)
    [recording] = found
    assert recording["session_id"] == session_id
    assert (recording["width"], recording["height"]) == (640, 480)
    data = client.get(recording["url"]).content
    assert len(data) == recording["size"]
    video = program.data / "copy.webm"
    video.write_bytes(data)
    assert frames(video) > 10


def test_a_stopped_server_leaves_no_process_and_no_temporary_file(
    program: Program, client: httpx.Client, site: Site
) -> None:
    for path in ("/form", "/frames", "/reference"):
        Session(client, site.url(path))
    tree = program.tree
    assert program.stop() == 0
    assert [p for p in tree if is_alive(p)] == []
    assert list(program.temporary.iterdir()) == []


def test_a_stopping_server_finishes_the_call_under_way_and_refuses_new_ones(
    program: Program, client: httpx.Client, site: Site
) -> None:
    session = Session(client, site.url("/form"))
    under_way = held(session, site)
    psutil.Process(program.pid).send_signal(signal.SIGTERM)
    eventually(lambda: is_stopping(client))
    try:
        refused = client.post("/v1/functions/open", json={"input": {"url": site.url("/form")}})
        assert (refused.status_code, refused.json()["reason"]) == (503, "draining")
    except httpx.TransportError:
        assert "Traceback" not in program.log
    site.release()
    answer = under_way.answer()
    assert (answer.status_code, answer.json()["value"]) == (200, "done")
    assert program.stop() == 0


def is_stopping(client: httpx.Client) -> bool:
    """Whether it says so, or takes no connections any more."""
    try:
        return client.get("/readyz").status_code == 503
    except httpx.TransportError:
        return True
