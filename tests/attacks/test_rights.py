"""Keys that lack rights, on every operation: what they lack is not done, and is named."""

import json
from typing import Any

import httpx
import pytest

from tests.attacks.conftest import OWNER, calling
from tests.attacks.operations import Operation
from tests.attacks.possessions import Possessions, acquired, looked_at
from tests.end_to_end.remote import read
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser
CANARY = "canary-4c1e7b"

SCRIPTS: list[tuple[str, Any]] = [
    ("/v1/sessions/{}/execute", {"code": "1"}),
    ("/v1/functions/execute", {"session": "{}", "input": {"code": "1"}}),
    ("/v1/functions/execute", {"input": {"code": "1"}}),
    ("/v1/sessions/{}/interact", {"action": "wait", "function": "() => true"}),
    ("/v1/functions/interact",
     {"session": "{}", "input": {"action": "wait", "function": "() => true"}}),
    ("/v1/scrape", {"urls": ["about:blank"], "session": "{}",
                    "read": [{"function": "execute", "input": {"code": "1"}}]}),
    ("/v1/scrape", {"urls": ["about:blank"],
                    "read": [{"function": "execute", "input": {"code": "1"}}]}),
    ("/v1/sessions/{}/route",
     {"action": "add", "rules": [{"url": "**", "action": "fulfil", "body": "<script>1</script>"}]}),
]  # fmt: skip
"""JavaScript of the caller's by every way there is."""


def _key(callers: dict[str, httpx.Client], role: str, *without: str) -> str:
    given = {"name": f"{role} without {without}", "owner": OWNER, "role": role, "without": without}
    return str(read(callers["dan"].post("/v1/keys", json=given))["key"])


@pytest.fixture(scope="module")
def own(callers: dict[str, httpx.Client], site: Site) -> Possessions:
    return acquired(callers["ann"], site, owner=OWNER, admin=callers["dan"])


def _path(operation: Operation, own: Possessions) -> str:
    path = operation.path
    for name, kind in operation.owned.items():
        path = path.replace(f"{{{name}}}", own[kind])
    for name, value in (("area", "local"), ("key", "a"), ("token", "a" * 60)):
        path = path.replace(f"{{{name}}}", value)
    return path


def test_a_viewer_changes_nothing_of_its_owners(
    locked: Program, callers: dict[str, httpx.Client], known: list[Operation], own: Possessions
) -> None:
    before = looked_at(callers["ann"], own)
    done = []
    with calling(locked, _key(callers, "viewer")) as http:
        assert http.get(f"/v1/sessions/{own['session']}").status_code == 200
        for operation in known:
            if not operation.changes:
                continue
            if operation.path.startswith("/v1/recordings/"):
                continue  # which a viewer may erase
            answer = http.request(operation.method, _path(operation, own), json=operation.body)
            if answer.status_code != 403 or "right" not in answer.json():
                done.append((operation.id, answer.status_code, answer.text[:200]))
    assert {name for name, _, _ in done} <= {"link_artifact", "link_recording"}, done
    assert looked_at(callers["ann"], own) == before


def test_a_viewer_reads_nothing_that_logs_in(
    locked: Program, callers: dict[str, httpx.Client], known: list[Operation], own: Possessions
) -> None:
    with calling(locked, _key(callers, "viewer")) as http:
        for operation in known:
            telling = operation.path.endswith(("/state", "/cookies", "/messages"))
            if not operation.changes and (telling or "/storage/" in operation.path):
                answer = http.get(_path(operation, own))
                assert (answer.status_code, answer.json()["right"]) == (403, "state")


def test_a_viewer_gets_nothing_that_logs_in_by_what_was_done_before(
    locked: Program, callers: dict[str, httpx.Client], site: Site
) -> None:
    """A run's steps, their events, and a trace hold what `GET /cookies` refuses."""
    ann = callers["ann"]
    session = read(ann.post("/v1/sessions"))["id"]
    cookie = {"name": "sid", "value": CANARY, "url": site.url("/"), "httpOnly": True}
    read(ann.post(f"/v1/sessions/{session}/cookies", json={"cookies": [cookie]}))
    steps: list[Any] = [
        {"function": "trace", "input": {"action": "start"}},
        {"function": "open", "input": {"url": site.url("/form")}},
        {"function": "cookies", "input": {"action": "list"}},
        {"function": "execute", "input": {"code": f"'{CANARY[:6]}' + '{CANARY[6:]}'"}},
        {"function": "trace", "input": {"action": "stop"}},
    ]
    told = ann.post(f"/v1/sessions/{session}/run", json={"steps": steps})
    place = told.headers["location"]
    lines = [json.loads(line) for line in told.text.splitlines()]
    assert [line.get("ok") for line in lines[:-1]] == [True] * 5, told.text
    trace = lines[4]["output"]["trace"]["url"]
    assert CANARY in ann.get(place).text
    assert ann.get(trace).status_code == 200
    at = f"/v1/sessions/{session}"
    paths = (place, f"{place}/events", f"{place}/events?after=2", "/v1/operations",
             f"{at}/actions", f"{at}/events?follow=false&after=0")  # fmt: skip
    for role, without in (("viewer", ()), ("operator", ("state", "execute"))):
        with calling(locked, _key(callers, role, *without)) as http:
            assert len(http.get(place).json()["steps"]) == 5
            for path in paths:
                seen = http.get(path)
                assert seen.status_code == 200, path
                assert CANARY not in seen.text, path
                assert trace not in seen.text, path
            assert http.get(trace).json()["right"] == "state"
            assert http.post(f"{trace}/link", json={}).json()["right"] == "state"
    ann.delete(f"/v1/sessions/{session}?purge=true").raise_for_status()


def test_nobody_but_an_admin_does_what_is_an_admins(
    locked: Program, callers: dict[str, httpx.Client], known: list[Operation], own: Possessions
) -> None:
    shut = [one for one in known if one.path.startswith(("/v1/keys", "/v1/audit", "/v1/quotas"))]
    assert len(shut) > 5
    for http in (callers["ann"], callers["cyd"]):
        for operation in shut:
            answer = http.request(operation.method, _path(operation, own), json=operation.body)
            assert (answer.status_code, answer.json()["right"]) == (403, "admin")
    with calling(locked, _key(callers, "admin", "admin")) as http:
        assert http.get("/v1/keys").status_code == 403


@pytest.mark.parametrize(("path", "body"), SCRIPTS)
def test_no_script_runs_for_a_key_without_execute(
    locked: Program, callers: dict[str, httpx.Client], own: Possessions, path: str, body: Any
) -> None:
    session = read(callers["ann"].post("/v1/sessions"))["id"]
    filled = _filled(body, session)
    with calling(locked, _key(callers, "operator", "execute")) as http:
        answer = http.post(path.format(session), json=filled)
        assert "execute" in answer.text
        assert "forbidden" in answer.text, answer.text
    with calling(locked, _key(callers, "operator")) as http:
        assert "forbidden" not in http.post(path.format(session), json=filled).text
    callers["ann"].delete(f"/v1/sessions/{session}?purge=true").raise_for_status()


@pytest.mark.parametrize("function", ["execute", "interact"])
def test_no_script_runs_as_a_step_for_a_key_without_execute(
    locked: Program, callers: dict[str, httpx.Client], function: str
) -> None:
    session = read(callers["ann"].post("/v1/sessions"))["id"]
    code = "document.title = 'ran'; return true"
    input = {
        "execute": {"code": code},
        "interact": {"action": "wait", "function": f"() => {{ {code} }}"},
    }
    steps = {"steps": [{"function": function, "input": input[function]}]}
    with calling(locked, _key(callers, "operator", "execute")) as http:
        told = http.post(f"/v1/sessions/{session}/run", json=steps)
        assert "forbidden" in told.text
        assert http.get(f"/v1/sessions/{session}").json()["title"] != "ran"
    callers["ann"].delete(f"/v1/sessions/{session}?purge=true").raise_for_status()


def _filled(body: Any, session: str) -> Any:
    if isinstance(body, dict):
        return {name: _filled(value, session) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled(one, session) for one in body]
    return session if body == "{}" else body


def test_a_key_without_the_right_to_videos_gets_none_by_another_route(
    locked: Program, callers: dict[str, httpx.Client], own: Possessions
) -> None:
    video = read(callers["ann"].get("/v1/recordings"))["items"][0]
    with calling(locked, _key(callers, "operator", "recordings")) as http:
        for path in (video["url"], f"/v1/artifacts/{video['id']}", f"/v1/recordings/{video['id']}"):
            assert http.get(path).status_code in (403, 404), path
        for kind in ("artifacts", "recordings"):
            made = http.post(f"/v1/{kind}/{video['id']}/link", json={})
            assert made.status_code in (403, 404), kind
