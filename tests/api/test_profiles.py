"""The routes of profiles."""

import json
from typing import Any

import httpx
import pytest

from agent_browser.models.cookiefile import parse
from agent_browser.models.state import StateDocument
from agent_browser.settings import Settings
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, make
from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio

COOKIE = {
    "name": "sid", "value": "s3cret", "domain": "site.test", "path": "/", "expires": -1,
    "httpOnly": True, "secure": False, "sameSite": "Lax",
}  # fmt: skip
PLAYWRIGHT: dict[str, Any] = {
    "cookies": [COOKIE],
    "origins": [
        {"origin": "http://site.test", "localStorage": [{"name": "half", "value": "\ud83d"}]}
    ],
}
"""With half a surrogate pair, which a page may store."""
PLACE = "/v1/profiles/shop"


@pytest.fixture
async def profile(client: httpx.AsyncClient) -> dict[str, Any]:
    """One that was saved from a file."""
    answer = await client.put(PLACE, **as_json({"storage_state": PLAYWRIGHT}))
    assert answer.status_code == 200
    return dict(answer.json())


def as_json(value: object) -> dict[str, Any]:
    """A body with escapes, as `json` of the client can't send half a surrogate pair."""
    return {"content": json.dumps(value), "headers": {"Content-Type": "application/json"}}


async def test_a_profile_is_saved_listed_shown_exported_and_deleted(
    client: httpx.AsyncClient, profile: dict[str, Any]
) -> None:
    assert profile["cookies"] == 1
    assert profile["origins"] == ["http://site.test"]
    assert "s3cret" not in json.dumps(profile)
    assert (await client.get(PLACE)).json() == profile
    listed = (await client.get("/v1/profiles")).json()
    assert listed == {"items": [profile], "next_cursor": None}
    exported = await client.get(f"{PLACE}/state")
    assert {name: exported.json()[name] for name in PLAYWRIGHT} == PLAYWRIGHT
    assert exported.headers["cache-control"] == "no-store"
    assert (await client.delete(PLACE)).status_code == 204
    for method, path in (("GET", PLACE), ("DELETE", PLACE), ("GET", f"{PLACE}/state")):
        gone = await client.request(method, path)
        assert (gone.status_code, gone.json()["code"]) == (404, "profile_not_found")


async def test_an_export_is_just_playwrights_or_a_cookie_file_where_asked(
    client: httpx.AsyncClient, profile: dict[str, Any]
) -> None:
    assert (await client.get(f"{PLACE}/state?form=playwright")).json() == PLAYWRIGHT
    file = await client.get(f"{PLACE}/state?form=cookies")
    assert file.headers["content-type"].startswith("text/plain")
    (cookie,) = parse(file.text)
    assert (cookie.name, cookie.value, cookie.httpOnly) == ("sid", "s3cret", True)
    again = await client.put("/v1/profiles/again", json={"cookies": file.text})
    assert again.json()["cookies"] == 1
    odd = await client.get(f"{PLACE}/state?form=odd")
    assert (odd.status_code, odd.json()["errors"][0]["field"]) == (400, "form")


async def test_a_cookie_that_a_cookie_file_can_not_hold_is_told(client: httpx.AsyncClient) -> None:
    tabbed = {"storage_state": {"cookies": [{**COOKIE, "value": "a\tb"}]}}
    assert (await client.put(PLACE, json=tabbed)).status_code == 200
    answer = await client.get(f"{PLACE}/state?form=cookies")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert "a\tb" not in answer.text


async def test_a_profile_of_a_session_has_its_login(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    id = (await client.post("/v1/sessions", json={})).json()["id"]
    tab = {"id": "t3", "url": "http://site.test/b", "sessionStorage": [
        {"origin": "http://site.test", "entries": [{"name": "n", "value": "1"}]}
    ]}  # fmt: skip
    service.kept.documents[id] = StateDocument.model_validate(
        {**PLAYWRIGHT, "tabs": [tab], "active": "t3"}
    )
    made = await client.put(PLACE, json={"session_id": id, "timeouts": {"idle": "2h"}})
    assert (made.status_code, made.json()["timeouts"]) == (200, {"idle": 7200})
    document = (await client.get(f"{PLACE}/state")).json()
    assert [(one["id"], one["url"]) for one in document["tabs"]] == [("t1", "about:blank")]
    assert document["tabs"][0]["sessionStorage"] == tab["sessionStorage"]
    copied = await client.put("/v1/profiles/copy", **as_json({"storage_state": document}))
    assert copied.status_code == 200
    assert (await client.get("/v1/profiles/copy/state")).json() == document
    assert (await client.put("/v1/profiles/empty", json={"options": {"locale": "de"}})).is_success


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"session_id": "ses_unknown"}, 404, None),
        ({"session_id": "ses_1", "cookies": ""}, 400, "session_id"),
        ({"checkpoint": "chk_1"}, 400, "checkpoint"),
        ({"storage_state": {"cookies": [{"name": "a"}]}}, 400, "storage_state.cookies.0.value"),
        ({"storage_state": {"cookies": [COOKIE, COOKIE]}}, 400, "storage_state.cookies.1"),
        ({"storage_state": {"tabs": [{"id": "t1", "url": "file:///etc/passwd"}]}}, 400,
         "storage_state.tabs.0.url"),
        ({"storage_state": []}, 400, "storage_state"),
        ({"cookies": "nonsense"}, 400, "cookies"),
        ({"options": {"storage_state": {}}}, 400, "options.storage_state"),
        ({"options": {"profile": "other"}}, 400, "options.profile"),
        ({"options": {"passkeys": []}}, 400, "options.passkeys"),
        ({"options": {"localle": "de"}}, 400, "options.localle"),
        ({"options": {"timezone": "Mars/Olympus"}}, 400, "timezone"),
        ({"timeouts": {"idle": -1}}, 400, None),
        ({"description": "x" * 501}, 400, "description"),
        ({"nonsense": 1}, 400, "nonsense"),
    ],
)  # fmt: skip
async def test_what_can_not_be_is_refused_with_its_field(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, field: str | None
) -> None:
    answer = await client.put(PLACE, json=body)
    assert answer.status_code == status
    if field is not None:
        assert field in [one["field"] for one in answer.json()["errors"]]
    assert "s3cret" not in answer.text
    assert (await client.get("/v1/profiles")).json()["items"] == []


@pytest.mark.parametrize("name", ["-x", ".hidden", "a b", "x" * 65, "a%2Fb", "%E2%82%AC"])
async def test_a_name_that_can_not_stand_in_an_address_is_refused(
    client: httpx.AsyncClient, name: str
) -> None:
    answer = await client.put(f"/v1/profiles/{name}", json={})
    assert answer.status_code in (400, 404)
    assert (await client.get("/v1/profiles")).json()["items"] == []


async def test_another_owners_profile_is_not_there(
    settings: Settings, service: FakeService
) -> None:
    ann, bob = {"X-API-Key": ANN_KEY}, {"X-API-Key": BOB_KEY}
    async with direct(make(settings, service, api_keys=keys())) as client:
        assert (await client.put(PLACE, json={"cookies": ""}, headers=ann)).is_success
        for method, path in (("GET", PLACE), ("DELETE", PLACE), ("GET", f"{PLACE}/state")):
            assert (await client.request(method, path, headers=bob)).status_code == 404
        assert (await client.get("/v1/profiles", headers=bob)).json()["items"] == []
        assert (await client.get(PLACE, headers=ann)).is_success
        session = await client.post("/v1/sessions", json={}, headers=ann)
        stolen = await client.put(PLACE, json={"session_id": session.json()["id"]}, headers=bob)
        assert (stolen.status_code, stolen.json()["code"]) == (404, "session_not_found")


async def test_a_long_state_is_taken_up_to_its_own_bound(
    settings: Settings, service: FakeService
) -> None:
    entry = {"name": "long", "value": "x" * settings.max_body}
    long = {"origins": [{"origin": "http://site.test", "localStorage": [entry]}]}
    app = make(settings, service, max_state=3 * settings.max_body)
    async with direct(app) as client:
        assert (await client.put(PLACE, json={"storage_state": long})).is_success
        entry["value"] *= 3
        refused = await client.put(PLACE, json={"storage_state": long})
        assert (refused.status_code, refused.json()["code"]) == (413, "payload_too_large")
        assert (await client.get(PLACE)).json()["size"] < 2 * settings.max_body
