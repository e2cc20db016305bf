"""Calls at once on one session, and clients that go away in the middle."""

import threading
import time

import httpx
import pytest

from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import eventually, live
from tests.site import Site

pytestmark = pytest.mark.browser


def test_two_calls_at_once_on_a_session_run_in_their_order(opening: Opening, site: Site) -> None:
    session = opening(site.url("/empty"))
    session.value("window.order = []; 0")
    slow = "await new Promise((done) => setTimeout(done, 500)); window.order.push('first')"
    first = threading.Thread(target=session.call, args=("execute",), kwargs={"code": slow})
    first.start()
    eventually(lambda: session.state()["state"] == "live")
    time.sleep(0.1)  # the first call has to reach the server before the second
    assert session.value("window.order.push('second'); window.order") == ["first", "second"]
    first.join()


def test_calls_over_the_bound_of_a_session_are_refused_with_a_time_to_come_back(
    opening: Opening, site: Site
) -> None:
    session = opening(site.url("/empty"))
    outcomes: list[int] = []
    url = f"/v1/sessions/{session.id}/interact"

    def wait() -> None:
        body = {"action": "wait", "wait_ms": 20, "snapshot": False}
        answer = session.http.post(url, json=body)
        outcomes.append(answer.status_code)
        if answer.status_code == 429:
            assert float(answer.headers["retry-after"]) > 0
            assert answer.json()["code"] == "session_queue_full"

    threads = [threading.Thread(target=wait) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {200, 429}
    assert outcomes.count(200) >= 33
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
