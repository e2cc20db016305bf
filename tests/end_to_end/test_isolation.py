"""Nothing of one session is ever seen in another, whichever context serves it and when."""

import json
from typing import Any

import pytest

from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Session
from tests.site import Site

pytestmark = pytest.mark.browser

NOTHING = {"cookie": "", "local": None, "session": None, "indexed": None, "cached": None}
OTHERS: dict[str, dict[str, Any]] = {
    "warm": {},
    "its own context": {"user_agent": "Other/1.0"},
    "options given later": {"width": 800, "height": 600, "extra_headers": {"X-Other": "1"}},
}


def written(session: Session, text: str) -> None:
    assert session.value(f"window.store.write({text!r})") == "written"


def found(session: Session) -> Any:
    return session.value("window.store.read()")


@pytest.mark.parametrize("other", OTHERS)
def test_storage_is_not_seen_by_sessions_before_beside_or_after(
    opening: Opening, site: Site, other: str
) -> None:
    before = opening(site.url("/storage"), **OTHERS[other])
    writer = opening(site.url("/storage"))
    written(writer, "mine")
    assert found(writer) == {
        "cookie": "visible=mine",
        **dict.fromkeys(["local", "session", "indexed", "cached"], "mine"),
    }
    beside = opening(site.url("/storage"), **OTHERS[other])
    writer.close()
    after = [opening(site.url("/storage"), **OTHERS[other]) for _ in range(4)]
    for session in (before, beside, *after):
        assert found(session) == NOTHING


def test_what_two_sessions_write_stays_each_ones_own(opening: Opening, site: Site) -> None:
    one, other = opening(site.url("/storage")), opening(site.url("/storage"))
    written(one, "one")
    written(other, "other")
    assert found(one)["indexed"] == found(one)["local"] == "one"
    assert found(other)["indexed"] == found(other)["local"] == "other"


def test_tabs_of_one_session_share_its_storage(opening: Opening, site: Site) -> None:
    session = opening(site.url("/storage"))
    written(session, "mine")
    session.act("tab_new", url=site.url("/storage"))
    assert found(session)["local"] == "mine"


def test_http_only_cookies_go_to_the_server_from_their_session_alone(
    opening: Opening, site: Site
) -> None:
    one = opening(site.url("/cookies/set"))
    other = opening(site.url("/cookies/sent"))
    assert json.loads(other.text("pre")) == {}
    one.open(site.url("/cookies/sent"))
    assert json.loads(one.text("pre"))["http_only"] == "2"
    other.open(site.url("/cookies/sent"))
    assert json.loads(other.text("pre")) == {}


def test_a_login_is_one_sessions(opening: Opening, site: Site) -> None:
    from tests.site import forms

    one = opening(site.url("/login"))
    one.act("fill", one.ref("User"), text=forms.USER)
    one.act("fill", one.ref("Password"), text=forms.PASSWORD)
    one.click("Log in")
    assert one.page["title"] == "Account"
    assert opening(site.url("/account")).page["title"] == "Log in"
    assert one.open(site.url("/account"))["title"] == "Account"


def test_the_http_cache_is_each_sessions_own(opening: Opening, site: Site) -> None:
    one = opening(site.url("/cached"))
    assert one.text("#count") == "1"
    one.open(site.url("/empty"))
    one.open(site.url("/cached"))
    assert one.text("#count") == "1"  # from the cache: this is what the others must not see
    assert opening(site.url("/cached")).text("#count") == "2"
    one.close()
    assert opening(site.url("/cached")).text("#count") == "3"


def test_an_etag_is_sent_back_by_its_session_alone(opening: Opening, site: Site) -> None:
    one = opening(site.url("/tagged"))
    one.open(site.url("/empty"))
    one.open(site.url("/tagged"))
    opening(site.url("/tagged"))
    sent = ["if-none-match" in request.headers for request in site.asked("/tagged")]
    assert sent == [False, True, False]


def test_a_service_worker_serves_its_session_alone(opening: Opening, site: Site) -> None:
    one, other = opening(site.url("/service-worker")), opening(site.url("/service-worker"))
    assert one.value("window.worker.register()") == "registered"
    assert one.value("window.worker.greeting()") == "from the service worker"
    later = opening(site.url("/service-worker"))
    for session in (other, later):
        assert session.value("window.worker.greeting()") == "from the network"
        assert session.value("window.worker.count()") == 0


def test_permissions_and_position_are_one_sessions(opening: Opening, site: Site) -> None:
    place = {"latitude": 47.37, "longitude": 8.54}
    one = opening(site.url("/permissions"), permissions=["geolocation"], geolocation=place)
    assert one.value("window.permission.where()") == place
    state = "window.permission.state('geolocation')"
    assert one.value(state) == "granted"
    other = opening(site.url("/permissions"))
    assert other.value(state) != "granted"
    one.close()
    for _ in range(3):
        assert opening(site.url("/permissions")).value(state) != "granted"


def test_headers_viewport_and_agent_are_one_sessions(opening: Opening, site: Site) -> None:
    one = opening(
        site.url("/headers"), extra_headers={"X-Mine": "yes"}, width=640, user_agent="Mine/1.0"
    )
    seen = json.loads(one.text("pre"))
    assert (seen["x-mine"], seen["user-agent"]) == ("yes", "Mine/1.0")
    assert one.value("innerWidth") == 640
    one.close()
    other = opening(site.url("/headers"))
    seen = json.loads(other.text("pre"))
    assert "x-mine" not in seen
    assert seen["user-agent"] != "Mine/1.0"
    assert other.value("innerWidth") == 1280


def test_window_names_and_openers_do_not_reach_across(opening: Opening, site: Site) -> None:
    one, other = opening(site.url("/storage")), opening(site.url("/storage"))
    assert one.value("window.name = 'mine'") == "mine"
    assert other.value("window.open('', 'mine') === window") is False
    channel = "new BroadcastChannel('all')"
    other.value(f"window.heard = []; {channel}.onmessage = (e) => window.heard.push(e.data); 1")
    one.value(f"{channel}.postMessage('psst'); 1")
    one.act("wait", wait_ms=200)
    assert other.value("window.heard") == []
