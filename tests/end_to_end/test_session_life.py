"""Sessions over restarts of the server: stopped, and killed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from tests.databases import fresh
from tests.end_to_end.remote import Json, Refused, call, client, read
from tests.program import Program

pytestmark = pytest.mark.browser


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Json]:
    """Settings for a fresh database of each kind."""
    if request.param == "sqlite":
        yield {}
        return
    server = request.getfixturevalue("postgres")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(fresh(server)) as url,
    ):
        yield {"database_url": url}


def test_what_was_live_in_a_server_that_was_killed_is_found_as_lost(
    tmp_path: Path, executable: Path, database: Json
) -> None:
    database = {"browsers": 1, "checkpoint_after": "1h", **database}
    with Program(tmp_path / "first", executable, **database) as first, client(first) as http:
        request = {"name": "billing", "pinned": True, "tags": ["q3"], "timeouts": {"idle": "1h"}}
        lost = read(http.post("/v1/sessions", json=request))["id"]
        idle = read(http.post("/v1/sessions", json={"timeouts": {"idle": 0.5}}))
        closed = read(http.post("/v1/sessions", json={}))["id"]
        call(http, "close", closed)
        # What is asked for is read after all that was told before.
        assert _names(read(http.get("/v1/sessions?q=billing"))) == ["billing"]
        browsers = first.browsers
        os.kill(first.pid, signal.SIGKILL)
    for browser in browsers:
        browser.wait(10)
    data = tmp_path / "first" / "data"
    assert (data / "agent-browser.db").exists() is ("database_url" not in database)
    with (
        Program(tmp_path / "second", executable, data_dir=data, **database) as second,
        client(second) as http,
    ):
        found = read(http.get(f"/v1/sessions/{lost}"))
        assert (found["state"], found["phase"], found["end_reason"]) == (
            "ended",
            "ended",
            "server_lost",
        )
        assert (found["name"], found["pinned"], found["tags"]) == ("billing", True, ["q3"])
        lapsed = read(http.get(f"/v1/sessions/{idle['id']}"))
        assert lapsed["end_reason"] == "idle"
        assert lapsed["ended_at"] >= idle["expires_at"]
        assert read(http.get(f"/v1/sessions/{closed}"))["end_reason"] == "closed"
        first_listed = read(http.get("/v1/sessions"))["items"][0]
        assert first_listed["id"] == lost, "pinned ones are first"
        with pytest.raises(Refused) as refused:
            call(http, "snapshot", lost)
        assert (refused.value.status, refused.value.code) == (410, "session_ended")
        assert call(http, "close", lost)["success"] is True


def test_a_session_that_was_purged_or_has_expired_stays_so_over_a_restart(
    tmp_path: Path, executable: Path
) -> None:
    with Program(tmp_path / "first", executable, browsers=1) as first, client(first) as http:
        purged = read(http.post("/v1/sessions", json={}))["id"]
        assert http.delete(f"/v1/sessions/{purged}?purge=true").status_code == 204
        brief = read(http.post("/v1/sessions", json={"timeouts": {"retention": 0.1}}))["id"]
        stopped = read(http.post("/v1/sessions", json={}))["id"]
        assert http.delete(f"/v1/sessions/{brief}").status_code == 204
    data = tmp_path / "first" / "data"
    with (
        Program(tmp_path / "second", executable, browsers=1, data_dir=data) as second,
        client(second) as http,
    ):
        assert read(http.get(f"/v1/sessions/{stopped}"))["state"] == "hibernated"
        assert http.get(f"/v1/sessions/{purged}").status_code == 404
        gone = http.get(f"/v1/sessions/{brief}")
        assert (gone.status_code, gone.json()["code"]) == (410, "session_expired")
        assert gone.json()["end_reason"] == "closed"


def test_what_a_session_asked_to_have_kept_of_it_holds_over_a_restart(
    tmp_path: Path, executable: Path, database: Json
) -> None:
    database = {"browsers": 1, **database}
    with Program(tmp_path / "first", executable, **database) as first, client(first) as http:
        name = "a name that is nowhere else"
        request = {"name": name, "privacy": {"log_retention": "1h", "page_text": False}}
        made = read(http.post("/v1/sessions", json=request))
        place = f"/v1/sessions/{made['id']}"
        assert (made["keeps"]["log_retention"], made["keeps"]["page_text"]) == (3_600, False)
        patch = {"privacy": {"page_text": None, "recording_retention": "2h"}}
        changed = read(http.patch(place, json=patch))["keeps"]
        assert (changed["page_text"], changed["recording_retention"]) == (True, 7_200)
        refused = http.patch(place, json={"privacy": {"log_retention": "31d"}}).json()
        assert (refused["code"], refused["field"]) == ("invalid_timeout", "log_retention")
    data = tmp_path / "first" / "data"
    with (
        Program(tmp_path / "second", executable, data_dir=data, **database) as second,
        client(second) as http,
    ):
        assert read(http.get(place))["keeps"] == changed
        shorter = read(http.patch(place, json={"privacy": {"log_retention": 60}}))["keeps"]
        assert shorter == changed | {"log_retention": 60}
        fewer = read(http.patch(place, json={"privacy": {"log_bodies": False}}))["keeps"]
        assert not fewer["log_bodies"], "it is hibernated, and has a life before it"
        hook = {"url": "http://127.0.0.1:1/", "session": made["id"]}
        read(http.post("/v1/webhooks", json=hook))
        assert http.delete(f"{place}?purge=true").status_code == 204
        assert read(http.get("/v1/webhooks"))["items"] == []
        left = [path for path in data.rglob("*") if path.is_file()]
        assert not [path for path in left if name.encode() in path.read_bytes()]


def _names(page: Json) -> list[str]:
    return [item["name"] for item in page["items"]]
