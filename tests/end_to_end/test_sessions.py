"""A session that is not there, or not yet, or no more, says so."""

import httpx
import pytest

from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import (
    Json,
    Refused,
    Session,
    call,
    eventually,
    live,
    read,
    renderer_of,
)
from tests.processes import is_alive
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser

NEVER_GIVEN = "ses_AAAAAAAAAAAAAAAAAAAAAA"  # of the right form


@pytest.mark.parametrize(
    "function", ["open", "snapshot", "interact", "screenshot", "execute", "close"]
)
@pytest.mark.parametrize("session", [NEVER_GIVEN, "abc123", "ses_", "../../etc", "ses_é", ""])
def test_an_id_never_given_out_is_not_found_and_makes_no_session(
    http: httpx.Client, site: Site, function: str, session: str
) -> None:
    inputs: dict[str, Json] = {
        "open": {"url": site.url("/empty")},
        "interact": {"action": "wait"},
        "execute": {"code": "1"},
    }
    with pytest.raises(Refused) as refused:
        call(http, function, session, **inputs.get(function, {}))
    assert (refused.value.status, refused.value.code) == (404, "session_not_found")
    assert "session not found" in refused.value.problem["detail"]
    assert refused.value.problem["recovery"] == "open_new_session"
    assert site.requests == []
    assert live(http) == 0


def test_a_closed_session_says_when_and_why_it_ended(opening: Opening, site: Site) -> None:
    session = opening(site.url("/empty"))
    assert session.close()["success"] is True
    assert session.close()["success"] is True
    with pytest.raises(Refused) as refused:
        session.snapshot()
    assert (refused.value.status, refused.value.code) == (410, "session_ended")
    assert refused.value.problem["end_reason"] == "closed"
    assert refused.value.problem["ended_at"].endswith("Z")
    assert "session not found" in refused.value.problem["detail"]


def test_a_lapsed_session_frees_its_browser_and_says_that_it_was_idle(
    server: Program, http: httpx.Client, site: Site
) -> None:
    made = http.post("/v1/sessions", json={"timeouts": {"idle": 1.5, "on_idle": "end"}})
    lapsed = Session.of(http, read(made)["id"])
    lapsed.open(site.url("/empty"))
    renderer = renderer_of(server, lapsed)
    assert is_alive(renderer)
    eventually(lambda: bool(lapsed.state()["state"] == "ended"), within=3)
    eventually(lambda: not is_alive(renderer), within=1, what="its page outlived it")
    state = lapsed.state()
    assert (state["end_reason"], state["expires_at"]) == ("idle", None)
    with pytest.raises(Refused) as refused:
        lapsed.snapshot()
    assert (refused.value.status, refused.value.problem["end_reason"]) == (410, "idle")


def test_a_timeout_out_of_range_names_the_range(http: httpx.Client, site: Site) -> None:
    body = {"session": "new", "session_timeout": "48h", "input": {"url": site.url("/empty")}}
    with pytest.raises(Refused) as refused:
        read(http.post("/v1/functions/open", json=body))
    assert (refused.value.status, refused.value.code) == (400, "invalid_timeout")
    assert refused.value.problem["maximum"] == 86_400
    assert live(http) == 0


@pytest.mark.parametrize("function", ["snapshot", "screenshot", "execute", "interact"])
def test_a_session_without_a_page_says_open_first(http: httpx.Client, function: str) -> None:
    session = read(http.post("/v1/sessions", json={}))["id"]
    inputs: dict[str, Json] = {
        "execute": {"code": "1"},
        "interact": {"action": "click", "ref": "@e1"},
    }
    try:
        with pytest.raises(Refused) as refused:
            call(http, function, session, **inputs.get(function, {}))
        assert refused.value.status == 400
        assert refused.value.problem["detail"] == "Browser not started. Call 'open' first."
    finally:
        http.delete(f"/v1/sessions/{session}")


def test_an_option_for_new_contexts_is_refused_and_nothing_is_lost(
    opening: Opening, site: Site
) -> None:
    session = opening(site.url("/storage"))
    session.value("window.store.write('kept')")
    with pytest.raises(Refused) as refused:
        session.open(site.url("/empty"), record_video=True)
    assert (refused.value.status, refused.value.code) == (409, "option_needs_new_session")
    assert session.value("window.store.read()")["local"] == "kept"
    session.open(site.url("/storage"), width=800, height=500)
    assert session.value("[innerWidth, localStorage.local]") == [800, "kept"]
