"""Sessions over restarts of the server: stopped, and killed."""

import os
import signal
from pathlib import Path

import pytest

from tests.end_to_end.remote import Json, Refused, call, client, read
from tests.program import Program

pytestmark = pytest.mark.browser


def test_what_was_live_in_a_server_that_was_killed_is_found_as_lost(
    tmp_path: Path, executable: Path
) -> None:
    with Program(tmp_path / "first", executable, browsers=1) as first, client(first) as http:
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
    with (
        Program(tmp_path / "second", executable, browsers=1, data_dir=data) as second,
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
        assert read(http.get(f"/v1/sessions/{stopped}"))["end_reason"] == "shutdown"
        assert http.get(f"/v1/sessions/{purged}").status_code == 404
        gone = http.get(f"/v1/sessions/{brief}")
        assert (gone.status_code, gone.json()["code"]) == (410, "session_expired")
        assert gone.json()["end_reason"] == "closed"


def _names(page: Json) -> list[str]:
    return [item["name"] for item in page["items"]]
