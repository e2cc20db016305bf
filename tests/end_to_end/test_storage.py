"""Storage, cookies and messages of real pages, through the whole program."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from agent_browser.client import Client
from tests.docs.markdown import code
from tests.docs.markdown import read as read_page
from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Json, Refused, read
from tests.end_to_end.test_events import followed, until
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser

FRAMED = (
    "new Promise(done => { const f = document.createElement('iframe'); f.onload = () => done(1);"
    " f.src = %s; document.body.append(f); window.frame = f.contentWindow })"
)


def once(ask: Callable[[], Any]) -> Any:
    """What it comes to, once that is anything."""
    for _ in range(400):
        found = ask()
        if found:
            return found
        time.sleep(0.025)
    raise AssertionError("it never came")


def test_a_page_with_records_of_its_own_in_a_frame_is_read_written_and_observed(
    server: Program, opening: Opening, site: Site, http: httpx.Client
) -> None:
    session = opening(site.url("/form"))
    place, there = f"/v1/sessions/{session.id}", site.other_origin("")
    session.call("messages", action="start")
    session.value(FRAMED % json.dumps(f"{there}/records"))
    with followed(server, f"{place}/events?after=0") as told:
        # The page's own records, as it keeps them: one for a while, one for its tab.
        once(lambda: _probed(session, told))
        session.value("frame.postMessage({ put: ['user', 'ann', { seconds: 3600 }] }, '*'); 1")
        session.value("frame.postMessage({ put: ['step', 2, { temporary: true }] }, '*'); 1")
        posted = once(lambda: _records(http, place, there, 2))
        assert [(one["name"], one["value"]) for one in posted] == [("user", "ann"), ("step", 2)]
        kept = read(http.get(f"{place}/storage/local", params={"origin": there, "prefix": "app:"}))
        (user,) = kept["items"]
        assert (user["key"], user["type"]) == ("app:user", "persistent")
        assert user["json"]["value"] == "ann"
        assert user["json"]["expires"] > time.time() * 1_000
        step = read(http.get(f"{place}/storage/session/app:step", params={"frame": "1"}))
        assert (step["json"], step["type"]) == ({"value": 2, "expires": None}, "temporary")

        # Written for it, it reads them; what has expired in its own terms it lets go of.
        record = {"value": "bob", "expires": None}
        put = http.put(
            f"{place}/storage/local/app:user", params={"origin": there}, json={"value": record}
        )
        assert read(put)["json"] == record
        session.value("frame.postMessage({ get: 'user' }, '*'); 1")
        once(lambda: _got(http, place, there, "bob"))
        change = until(told, "storage", key="app:user", change="updated")
        assert (change["origin"], change["area"]) == (there, "local")
        assert json.loads(change["new"]) == record
        assert until(told, "message", source="child")["origin"] == there
        session.close()


def _probed(session: Any, told: Any) -> bool:
    """Whether changes of storage are followed by now: a stream is opened beside the page."""
    session.value("sessionStorage.setItem('probe', Math.random()); 1")
    return any(kind == "storage" for kind, _ in list(told.queue))


def _posted(http: httpx.Client, place: str, origin: str) -> list[Json]:
    listed = read(http.get(f"{place}/messages", params={"origin": origin, "limit": "1000"}))
    return [one["data"] for one in listed["items"]]


def _records(http: httpx.Client, place: str, origin: str, many: int) -> list[Json] | None:
    found = [data for data in _posted(http, place, origin) if data["type"] == "record"]
    return found if len(found) == many else None


def _got(http: httpx.Client, place: str, origin: str, value: str) -> bool:
    return {"type": "got", "value": value} in _posted(http, place, origin)


def test_the_example_in_the_documentation_reads_and_writes_such_records(
    server: Program, site: Site
) -> None:
    (block,) = code(read_page("docs/storage.md"), "python")
    example: dict[str, Any] = {}
    exec(block, example)
    there = site.other_origin("")
    with Client(server.base_url) as client, client.session() as session:
        session.messages(action="start")
        session.open(site.url("/form"))
        session.execute(FRAMED % json.dumps(f"{there}/records"))
        session.execute("frame.postMessage({ put: ['user', 'ann', { seconds: 9 }] }, '*')")
        session.execute("frame.postMessage({ put: ['step', 2, { temporary: true }] }, '*')")
        once(lambda: len(session.messages(origin=there).messages) == 2)
        assert list(example["records"](session, there)) == [
            ("user", "ann", "persistent"),
            ("step", 2, "temporary"),
        ]
        example["put"](session, there, "user", "bob", 60)
        session.execute("frame.postMessage({ get: 'user' }, '*')")
        got = once(lambda: session.messages(origin=there).messages[2:])
        assert got[0].data == {"type": "got", "value": "bob"}


def test_an_entry_expires_in_the_page_though_nobody_calls(opening: Opening, site: Site) -> None:
    session = opening(site.url("/form"))
    put = session.call("storage", action="put", key="k", value={"a": 1}, expires_in="300ms")
    assert put["entry"]["expires"] > put["entry"]["created"]
    assert session.value("localStorage.k") == '{"a":1}'
    once(lambda: session.value("localStorage.k ?? 'gone'") == "gone")
    with pytest.raises(Refused) as refused:
        session.call("storage", action="get", key="k")
    assert (refused.value.status, refused.value.code) == (404, "not_found")


def test_what_expires_while_the_session_sleeps_is_gone_before_the_pages_first_script(
    opening: Opening, site: Site, http: httpx.Client
) -> None:
    session = opening(site.url("/early-storage"))
    session.call("storage", action="put", key="short", value="v", expires_in="1s")
    session.call("storage", action="put", key="long", value="v", expires_in="1h")
    session.call("messages", action="start")
    read(http.post(f"/v1/sessions/{session.id}/hibernate"))
    time.sleep(1.1)
    assert session.value("window.early.local") == ["long"]
    session.value("postMessage('back', '*'); 1")
    once(lambda: session.call("messages")["messages"])
    entry = session.call("storage", action="get", key="long")["entry"]
    assert entry["expires"] is not None


def test_cookies_are_set_from_a_file_sent_and_kept_out_of_the_log(
    opening: Opening, site: Site, http: httpx.Client
) -> None:
    session = opening("about:blank")
    text = "#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t4000000000\tsid\thunter2\n"
    assert session.call("cookies", text=text)["changed"] == 1
    session.open(site.url("/form"))
    assert site.asked("/form")[-1].headers["cookie"] == "sid=hunter2"
    assert session.value("document.cookie") == ""
    session.call("storage", action="put", key="k", value="hunter2")
    listed = read(http.get(f"/v1/sessions/{session.id}/cookies"))
    assert [one["value"] for one in listed["cookies"]] == ["hunter2"]
    log = http.get(f"/v1/sessions/{session.id}/actions").text
    assert '"cookies"' in log
    assert "hunter2" not in log


def test_what_is_wrong_is_named(opening: Opening, site: Site) -> None:
    session = opening(site.url("/form"))
    for function, input, field in (
        ("storage", {"action": "get"}, "key"),
        ("storage", {"frame": 7}, "frame"),
        ("storage", {"origin": "https://left.test", "area": "session"}, "origin"),
        ("storage", {"tab": "t9"}, "tab"),
        ("cookies", {"text": "x"}, "text"),
        ("cookies", {"cookies": [{"name": "__Host-x", "value": "v", "domain": ".a.test",
                                  "path": "/"}]}, "cookies"),
        ("messages", {"action": "begin"}, "action"),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            session.call(function, **input)
        assert (refused.value.status, refused.value.code) == (400, "invalid_request")
        fields = [error["field"] for error in refused.value.problem["errors"]]
        assert any(name.startswith(field) for name in fields), (function, fields)
