"""Sessions of the real program that sleep, lose their browser, or outlive a killed server."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end import remote
from tests.end_to_end.remote import Json, Refused, Session, eventually, held, read
from tests.end_to_end.saving import saved
from tests.processes import is_alive
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser

REMEMBER = """
localStorage.setItem('token', 'secret'); sessionStorage.setItem('step', '2');
document.cookie = 'user=ada'; scrollTo(0, 120); 1
"""
REMEMBERED = "[localStorage.token, sessionStorage.step, document.cookie]"
ALL = ["secret", "2", "user=ada"]


@pytest.fixture
def program(tmp_path: Path, executable: Path) -> Iterator[Program]:
    """A server of this test's own, with one browser, so that killing is nobody else's loss."""
    with Program(tmp_path, executable, browsers=1, warm=1, checkpoint_after=0.2) as running:
        yield running


@pytest.fixture
def http(program: Program) -> Iterator[httpx.Client]:
    with remote.client(program) as client:
        yield client


def remembering(http: httpx.Client, site: Site) -> Session:
    """A session that has something of everything."""
    session = Session(http, site.url("/form"))
    session.value(REMEMBER)
    return session


def hibernate(session: Session) -> Json:
    return read(session.http.post(f"/v1/sessions/{session.id}/hibernate"))


def test_a_hibernated_session_gives_back_what_it_takes_and_comes_back_with_the_next_call(
    program: Program, http: httpx.Client, site: Site
) -> None:
    session = remembering(http, site)
    renderer = remote.renderer_of(program, session)
    asleep = hibernate(session)
    assert (asleep["state"], asleep["url"]) == ("hibernated", site.url("/form"))
    eventually(lambda: not is_alive(renderer), within=3, what="its page outlived it")
    assert session.value(REMEMBERED) == ALL
    assert session.state()["state"] == "live"


def test_an_idle_session_hibernates_by_itself(http: httpx.Client, site: Site) -> None:
    session = remembering(http, site)
    http.patch(f"/v1/sessions/{session.id}/timeout", json={"idle": 1}).raise_for_status()
    eventually(lambda: bool(session.state()["state"] == "hibernated"))
    assert session.value(REMEMBERED) == ALL


def test_a_session_whose_browser_was_killed_goes_on_from_its_last_checkpoint(
    program: Program, http: httpx.Client, site: Site
) -> None:
    session = remembering(http, site)
    saved(session)
    under_way = held(session, site)
    for browser in program.browsers:
        browser.kill()
    lost = Refused(under_way.answer())
    assert (lost.status, lost.code, lost.problem["recovery"]) == (503, "browser_lost", "retry")
    assert session.value(REMEMBERED) == ALL
    assert session.snapshot()["url"] == site.url("/form")


def test_a_killed_server_s_sessions_go_on_in_the_next_one(
    tmp_path: Path, executable: Path, site: Site
) -> None:
    with Program(tmp_path / "first", executable, browsers=1, checkpoint_after=0.2) as first:
        with remote.client(first) as http:
            sessions = [remembering(http, site) for _ in range(3)]
            for session in sessions:
                saved(session)
        os.kill(first.pid, signal.SIGKILL)
    data = tmp_path / "first" / "data"
    with (
        Program(tmp_path / "second", executable, browsers=1, data_dir=data) as second,
        remote.client(second) as http,
    ):
        for session in sessions:
            again = Session.of(http, session.id)
            assert again.state()["state"] == "hibernated"
            assert again.value(REMEMBERED) == ALL


def test_a_stopped_server_s_sessions_go_on_in_the_next_one_with_their_history(
    tmp_path: Path, executable: Path, site: Site
) -> None:
    with Program(tmp_path / "first", executable, browsers=1) as first, remote.client(first) as http:
        session = remembering(http, site)
        session.open(site.url("/empty"))
        assert first.stop() == 0
    data = tmp_path / "first" / "data"
    with (
        Program(tmp_path / "second", executable, browsers=1, data_dir=data) as second,
        remote.client(second) as http,
    ):
        again = Session.of(http, session.id)
        assert again.snapshot()["url"] == site.url("/empty")
        assert again.act("back")["url"] == site.url("/form")
        assert again.value(REMEMBERED) == ALL


def test_refs_of_before_are_stale_and_new_ones_are_others(http: httpx.Client, site: Site) -> None:
    session = Session(http, site.url("/form"))
    old = {element["ref"] for element in session.page["elements"]}
    hibernate(session)
    new = {element["ref"] for element in session.snapshot()["elements"]}
    assert old.isdisjoint(new)
    done = session.attempt("click", ref=min(old))
    assert (done["success"], done["code"]) == (False, "stale_ref")


def test_a_fork_has_all_of_it_and_shares_nothing(http: httpx.Client, site: Site) -> None:
    session = remembering(http, site)
    made = http.post(f"/v1/sessions/{session.id}/fork", json={"name": "other"})
    assert made.status_code == 201
    fork = Session.of(http, read(made)["id"])
    assert fork.value(REMEMBERED) == ALL
    fork.value("localStorage.setItem('token', 'mine'); 1")
    assert session.value(REMEMBERED) == ALL


def test_a_video_goes_on_over_hibernation_and_close_gives_one_file(
    http: httpx.Client, site: Site
) -> None:
    session = Session(http, site.url("/clock"), record_video=True, width=320, height=240)
    session.act("wait", wait_ms=700)
    first = hibernate(session)
    assert first["state"] == "hibernated"
    session.act("wait", wait_ms=700)
    closed = session.close()
    assert len(closed["videos"]) == 1, closed["videos"]
    assert closed["video"]["duration"] >= 1.2


def test_uploads_outlive_hibernation(http: httpx.Client, site: Site) -> None:
    session = Session(http, site.url("/form"))
    files = {"file": ("letter.txt", b"dear Ada", "text/plain")}
    read(http.post(f"/v1/sessions/{session.id}/uploads", files=files))
    hibernate(session)
    [kept] = read(http.get(f"/v1/sessions/{session.id}/uploads"))["items"]
    assert (kept["name"], kept["size"], kept["content_type"]) == ("letter.txt", 8, "text/plain")


def test_a_page_with_an_open_socket_is_not_hibernated_unless_forced(
    http: httpx.Client, site: Site, echo: str
) -> None:
    session = Session(http, site.url("/empty"))
    session.value(
        f"new Promise((yes, no) => {{ const s = new WebSocket({echo!r});"
        " s.onopen = () => yes(1); s.onerror = () => no(Error('no socket')); })"
    )
    refused = http.post(f"/v1/sessions/{session.id}/hibernate")
    assert (refused.status_code, refused.json()["code"]) == (409, "cannot_hibernate")
    assert refused.json()["unsaved"] == ["websocket"]
    forced = http.post(f"/v1/sessions/{session.id}/hibernate", json={"force": True})
    assert read(forced)["state"] == "hibernated"


def test_an_idle_page_with_an_open_socket_is_frozen_and_goes_on_with_the_next_call(
    http: httpx.Client, site: Site, echo: str
) -> None:
    session = Session(http, site.url("/empty"))
    session.value(
        f"new Promise((yes, no) => {{ const s = window.s = new WebSocket({echo!r});"
        " window.n = 0; setInterval(() => n++, 10);"
        " s.onopen = () => yes(1); s.onerror = () => no(Error('no socket')); })"
    )
    http.patch(f"/v1/sessions/{session.id}/timeout", json={"idle": 1}).raise_for_status()
    eventually(lambda: bool(session.state()["frozen"]))
    assert session.state()["state"] == "live"
    assert session.value("s.readyState") == 1
    assert not session.state()["frozen"]
    before = session.value("n")
    eventually(lambda: bool(session.value("n") > before), what="its timers stand still")


def test_a_full_pool_makes_room_by_hibernating_who_rested_longest(
    tmp_path: Path, executable: Path, site: Site
) -> None:
    with (
        Program(tmp_path, executable, browsers=1, max_sessions=2) as program,
        remote.client(program) as http,
    ):
        sessions = [remembering(http, site) for _ in range(4)]
        states = [session.state()["state"] for session in sessions]
        assert states == ["hibernated", "hibernated", "live", "live"]
        for session in sessions:
            assert session.value(REMEMBERED) == ALL
