"""Profiles on a real server with a real browser: a login made once, and sessions that start from
it.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent_browser.models.cookiefile import parse
from tests.end_to_end import remote
from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Json, Session, read
from tests.program import Program
from tests.site import Site
from tests.site.forms import PASSWORD, USER

pytestmark = pytest.mark.browser

FILL = "window.store.write('of the login')"
LOOK = "window.store.read()"


def filled(opening: Opening, site: Site, **options: Any) -> Session:
    """A session that stored something of each kind."""
    session = opening(site.url("/storage"), **options)
    assert session.value(FILL) == "written"
    return session


def looked(session: Session) -> Json:
    found: Json = session.value(LOOK)
    return found


def put(http: httpx.Client, name: str, **body: Any) -> Json:
    return read(http.put(f"/v1/profiles/{name}", json=body))


def test_a_session_from_a_profile_is_logged_in_from_its_first_request_on(
    opening: Opening, http: httpx.Client, site: Site
) -> None:
    login = opening(site.url("/login"))
    login.act("fill", "css=[name=user]", text=USER)
    login.act("fill", "css=[name=password]", text=PASSWORD)
    login.act("press", text="Enter")
    login.act("wait", text="Logged in as")
    made = put(http, "login", session_id=login.id)
    assert (made["cookies"], made["origins"]) == (1, [site.origin])
    site.reset()
    again = opening(site.url("/account"), profile="login")
    assert USER in again.call("read", format="text")["content"]
    assert site.asked("/login") == []
    again.act("click", "css=#whoami")
    again.act("wait", text="Ada Lovelace")  # which needs the cookie and what was stored, both
    assert read(http.get(f"/v1/sessions/{again.id}"))["profile"] == "login"
    assert opening(site.url("/account")).page["url"] == site.url("/login")


def test_all_that_a_login_stored_is_there_before_the_pages_first_script(
    opening: Opening, http: httpx.Client, site: Site
) -> None:
    first = filled(opening, site)
    found = looked(first)
    made = put(http, "stored", session_id=first.id)
    assert made["origins"] == [site.origin]
    second = opening(site.url("/storage"), profile="stored")
    assert looked(second) == {**found, "cached": None}
    assert len(second.call("interact", action="tab_list")["tabs"]) == 1
    second.call("execute", code="localStorage.setItem('local', 'changed')")
    assert looked(first) == found
    third = opening(site.url("/storage"), profile="stored")
    assert looked(third)["local"] == "of the login"


def test_a_profile_refreshed_is_what_sessions_after_it_start_from(
    opening: Opening, http: httpx.Client, site: Site
) -> None:
    first = filled(opening, site)
    put(http, "fresh", session_id=first.id)
    second = opening(site.url("/storage"), profile="fresh")
    second.value("window.store.write('refreshed')")
    put(http, "fresh", session_id=second.id)
    third = opening(site.url("/storage"), profile="fresh")
    assert {looked(third)[kind] for kind in ("local", "session", "indexed")} == {"refreshed"}
    assert looked(first)["local"] == "of the login"


def test_a_profile_carries_options_and_timeouts_and_the_request_comes_before_them(
    opening: Opening, http: httpx.Client, site: Site
) -> None:
    put(
        http, "swiss", options={"locale": "de-CH", "width": 800, "timezone": "Europe/Zurich"},
        timeouts={"idle": "2h", "on_idle": "end"},
    )  # fmt: skip
    session = opening(site.url("/empty.html"), profile="swiss", locale="fr-CH")
    code = "[navigator.language, innerWidth, Intl.DateTimeFormat().resolvedOptions().timeZone]"
    assert session.call("execute", code=code)["value"] == ["fr-CH", 800, "Europe/Zurich"]
    shown = read(http.get(f"/v1/sessions/{session.id}"))
    assert (shown["timeouts"]["idle"], shown["timeouts"]["on_idle"]) == (7200, "end")
    request = {"profile": "swiss", "timeouts": {"idle": 60}}
    made = read(http.post("/v1/sessions", json=request))
    assert (made["timeouts"]["idle"], made["profile"]) == (60, "swiss")
    http.delete(f"/v1/sessions/{made['id']}")
    other = http.post(
        f"/v1/sessions/{session.id}/open", json={"url": "about:blank", "profile": "other"}
    )
    assert (other.status_code, other.json()["code"]) == (409, "option_needs_new_session")


def test_a_storage_state_beside_a_profile_is_laid_over_it(
    opening: Opening, http: httpx.Client, site: Site
) -> None:
    def stored(**entries: str) -> Json:
        given = [{"name": name, "value": value} for name, value in entries.items()]
        return {"origins": [{"origin": site.origin, "localStorage": given}]}

    put(http, "below", storage_state=stored(a="below", b="below"))
    session = opening(
        site.url("/empty.html"), profile="below", storage_state=stored(b="above", c="above")
    )
    assert session.call("execute", code="return {...localStorage}")["value"] == {
        "a": "below", "b": "above", "c": "above",
    }  # fmt: skip


def test_a_profile_that_is_not_there_is_told_and_no_session_made(
    http: httpx.Client, site: Site
) -> None:
    before = remote.live(http)
    for answer in (
        http.post("/v1/sessions", json={"profile": "nobody"}),
        http.post("/v1/functions/open", json={"session": "new", "input": {
            "url": site.url("/empty.html"), "profile": "nobody"}}),
        http.put("/v1/profiles/x", json={"session_id": "ses_0000000000000000000000"}),
    ):  # fmt: skip
        assert answer.status_code == 404
    assert remote.live(http) == before
    assert http.get("/v1/profiles/x").status_code == 404


def test_cookies_of_curl_log_in_and_come_back_as_curl_has_them(
    opening: Opening, http: httpx.Client, site: Site
) -> None:
    jar = "#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\tfrom-curl\n"
    put(http, "jar", cookies=jar)
    session = opening(site.url("/empty.html"), profile="jar")
    (asked,) = site.asked("/empty.html")
    assert asked.headers["cookie"] == "sid=from-curl"
    put(http, "jar", session_id=session.id)
    (cookie,) = parse(http.get("/v1/profiles/jar/state?form=cookies").text)
    assert (cookie.name, cookie.value, cookie.httpOnly) == ("sid", "from-curl", True)


def test_profiles_survive_the_server_and_nothing_of_them_is_readable_on_its_disk(
    tmp_path: Path, executable: Path, site: Site
) -> None:
    state = {"origins": [{"origin": site.origin,
                          "localStorage": [{"name": "a", "value": "s3cret-token"}]}]}  # fmt: skip
    with Program(tmp_path / "one", executable) as server, remote.client(server) as http:
        put(http, "kept", storage_state=state, options={"extra_headers": {"X-Key": "s3cret-key"}})
        data = server.data
    written = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    assert b"s3cret" not in written
    with (
        Program(tmp_path / "two", executable, data_dir=data) as server,
        remote.client(server) as http,
    ):
        (profile,) = read(http.get("/v1/profiles"))["items"]
        assert "s3cret" not in json.dumps(profile)
        with Session(http, site.url("/headers"), profile="kept") as session:
            assert "s3cret-key" in session.call("read", format="text")["content"]
            code = "return localStorage.getItem('a')"
            assert session.call("execute", code=code)["value"] == "s3cret-token"
        assert http.delete("/v1/profiles/kept").status_code == 204
        assert read(http.get("/v1/profiles"))["items"] == []
