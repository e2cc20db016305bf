"""Sessions that are hibernated, forked, saved and put by hand, over HTTP and on the command line,
on a real browser.
"""

import json
import stat
from pathlib import Path

import httpx
import pytest

from tests.end_to_end import remote
from tests.end_to_end.conftest import Commands, Opening
from tests.site import Site

pytestmark = pytest.mark.browser

LEAVE = "localStorage.setItem('kept', 'yes'); sessionStorage.setItem('step', '2'); 1"
LOOK = "[localStorage.getItem('kept'), sessionStorage.getItem('step')]"


@pytest.fixture
def session(opening: Opening, site: Site) -> remote.Session:
    """A session that has stored something."""
    opened = opening(site.url("/form"))
    opened.call("execute", code=LEAVE)
    return opened


def post(session: remote.Session, path: str, **body: object) -> remote.Json:
    return remote.read(session.http.post(f"/v1/sessions/{session.id}/{path}", json=body))


def looked(session: remote.Session) -> object:
    return session.call("execute", code=LOOK)["value"]


def metric(http: httpx.Client, name: str) -> float:
    """The sum of a counter over its labels."""
    lines = http.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_a_hibernated_session_goes_on_where_it_was(
    session: remote.Session, http: httpx.Client
) -> None:
    before = {name: metric(http, f"agent_browser_{name}_total") for name in COUNTED}
    asleep = post(session, "hibernate")
    assert asleep["state"] == "hibernated"
    listed = remote.read(http.get("/v1/sessions", params={"state": "hibernated"}))["items"]
    assert session.id in [one["id"] for one in listed]
    assert remote.read(http.get("/v1/sessions/health"))["hibernated"] >= 1
    shown = [line for line in http.get("/metrics").text.splitlines() if '{state="hib' in line]
    assert float(shown[0].rpartition(" ")[2]) >= 1
    assert looked(session) == ["yes", "2"]
    assert remote.read(http.get(f"/v1/sessions/{session.id}"))["state"] == "live"
    for name in COUNTED:
        assert metric(http, f"agent_browser_{name}_total") > before[name]


COUNTED = ("hibernations", "resumes", "checkpoints", "checkpoint_bytes")


def test_a_page_that_waits_for_an_answer_is_hibernated_only_by_force(
    session: remote.Session,
) -> None:
    post(session, "checkpoints")
    session.call("execute", code="setTimeout(() => confirm('sure?')); 1")
    remote.eventually(lambda: bool(session.call("snapshot")["dialog"]))
    with pytest.raises(remote.Refused) as refused:
        post(session, "hibernate")
    assert (refused.value.status, refused.value.code) == (409, "cannot_hibernate")
    assert refused.value.problem["unsaved"] == ["dialog"]
    assert post(session, "hibernate", force=True)["state"] == "hibernated"
    assert post(session, "resume")["state"] == "live"
    assert looked(session) == ["yes", "2"]


def test_a_fork_and_its_first_share_nothing_from_then_on(
    session: remote.Session, http: httpx.Client
) -> None:
    fork = post(session, "fork", name="another try")
    try:
        assert (fork["name"], fork["id"] != session.id) == ("another try", True)
        assert remote.call(http, "execute", fork["id"], code=LOOK)["value"] == ["yes", "2"]
        change = "localStorage.clear(); sessionStorage.setItem('step', '3'); 1"
        remote.call(http, "execute", fork["id"], code=change)
        assert looked(session) == ["yes", "2"]
        assert remote.call(http, "execute", fork["id"], code=LOOK)["value"] == [None, "3"]
    finally:
        http.delete(f"/v1/sessions/{fork['id']}")


def test_a_session_is_made_what_it_was(session: remote.Session, site: Site) -> None:
    saved = post(session, "checkpoints")
    session.call("execute", code="localStorage.setItem('kept', 'no'); 1")
    session.call("open", url=site.url("/links"))
    back = post(session, f"checkpoints/{saved['id']}/restore")
    assert (back["id"], back["url"]) == (session.id, site.url("/form"))
    assert looked(session) == ["yes", "2"]


def test_a_state_is_taken_from_one_session_into_another(
    session: remote.Session, http: httpx.Client, opening: Opening, site: Site
) -> None:
    state = http.get(f"/v1/sessions/{session.id}/state")
    other = opening()
    put = http.put(
        f"/v1/sessions/{other.id}/state",
        content=state.content,
        headers={"Content-Type": "application/json"},
    )
    assert remote.read(put)["url"] == site.url("/form")
    assert looked(other) == ["yes", "2"]
    file = remote.read(http.get(f"/v1/sessions/{session.id}/state", params={"form": "playwright"}))
    assert set(file) == {"cookies", "origins"}
    third = opening(site.url("/form"), storage_state=file)
    assert looked(third) == ["yes", None]


def test_the_command_line_puts_away_brings_back_and_copies(
    commands: Commands, session: remote.Session, http: httpx.Client, tmp_path: Path
) -> None:
    of = ("--session", session.id[:16])
    assert commands("hibernate", *of).splitlines()[1].startswith("state     hibernated (")
    rows = [row.split("\t") for row in commands("sessions").splitlines()]
    assert [row[2] for row in rows if row[1] == session.id] == ["hibernated"]
    assert commands("resume", *of).splitlines()[1] == "state     live (active)"
    file = tmp_path / "state.json"
    commands("state", "save", str(file), *of)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    fork = json.loads(commands("fork", "--name", "copy", "--use", *of, "--json"))["id"]
    try:
        commands("open", "about:blank")
        assert (
            "http" not in commands("sessions", "show", "copy").partition("page")[2].splitlines()[0]
        )
        commands("state", "load", str(file))
        assert commands("eval", "localStorage.getItem('kept')") == "yes\n"
        first = commands("checkpoint").split()[0]
        assert first in commands("checkpoints")
        commands("eval", "localStorage.clear()")
        commands("restore", first)
        assert commands("eval", "localStorage.getItem('kept')") == "yes\n"
        said = commands("restore", "ckp_nothing", code=1)
        assert "checkpoint not found: ckp_nothing" in said
    finally:
        http.delete(f"/v1/sessions/{fork}")


def test_a_file_with_nonsense_leaves_no_new_session(
    commands: Commands, http: httpx.Client, tmp_path: Path
) -> None:
    before = remote.read(http.get("/v1/sessions/health"))
    file = tmp_path / "state.json"
    for text, field in (
        ('{"cookies": [{"name": "a"}]}', "cookies.0.value"),
        ('{"version": 7}', "version"),
        ('{"origins": [{"origin": "http://a/b"}]}', "origins.0.origin"),
    ):
        file.write_text(text)
        assert field in commands("state", "load", str(file), "--new", code=1)
    after = remote.read(http.get("/v1/sessions/health"))
    assert (after["live"], after["hibernated"]) == (before["live"], before["hibernated"])
