"""Calls at once on one session, and clients that go away in the middle."""

from select import select

import httpx
import pytest

from agent_browser.settings import Settings
from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Sent, eventually, held, live
from tests.site import Site

pytestmark = pytest.mark.browser

SESSION_QUEUE = int(Settings.model_fields["session_queue"].default)


def test_two_calls_at_once_on_a_session_run_in_their_order(opening: Opening, site: Site) -> None:
    session = opening(site.url("/empty"))
    session.value("window.order = []; 0")
    first = held(session, site, "window.order.push('first')")
    second = Sent(session, "execute", code="window.order.push('second'); window.order")
    for _ in range(3):  # what was sent later is answered, so the second call is in the queue
        session.state()
    assert select([second], [], [], 0)[0] == []
    site.release()
    assert second.answer().json()["value"] == ["first", "second"]
    assert first.answer().status_code == 200


def test_calls_over_the_bound_of_a_session_are_refused_with_a_time_to_come_back(
    opening: Opening, site: Site
) -> None:
    session = opening(site.url("/empty"))
    under_way = held(session, site)
    calls = [Sent(session, "execute", code="1+1") for _ in range(SESSION_QUEUE + 2)]
    eventually(lambda: len(select(calls, [], [], 0)[0]) >= 2, what="nobody was refused")
    refused, _, _ = select(calls, [], [], 0)
    assert len(refused) == 2
    for call in refused:
        answer = call.answer()
        assert (answer.status_code, answer.json()["code"]) == (429, "session_queue_full")
        assert float(answer.headers["retry-after"]) > 0
    site.release()
    taken = [call.answer() for call in calls if call not in refused]
    assert [answer.status_code for answer in taken] == [200] * SESSION_QUEUE
    assert under_way.answer().status_code == 200
    assert session.snapshot()["title"] == "Nothing to act on"


def test_a_client_that_goes_away_while_a_session_is_opened_leaves_nothing(
    http: httpx.Client, site: Site
) -> None:
    for session in ("new", None):
        body = {"session": session, "input": {"url": site.url("/slow?ms=1500")}}
        with pytest.raises(httpx.ReadTimeout):
            http.post("/v1/functions/open", json=body, timeout=0.4)
    eventually(lambda: live(http) == 0, what="a session nobody knows is still there")


def test_a_client_that_goes_away_in_a_call_leaves_the_session_usable(
    opening: Opening, site: Site
) -> None:
    session = opening(site.url("/form"))
    url = f"/v1/sessions/{session.id}/interact"
    with pytest.raises(httpx.ReadTimeout):
        session.http.post(url, json={"action": "wait", "wait_ms": 1200}, timeout=0.3)
    session.act("fill", session.ref("Name"), text="still here")
    assert session.element("Name")["value"] == "still here"
