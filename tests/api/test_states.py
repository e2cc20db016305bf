"""Sessions over HTTP that are hibernated, brought back, forked, saved, and put as a document."""

import json
from typing import Any

import httpx
import pytest

from agent_browser.models.state import StateDocument
from agent_browser.settings import Settings
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, make
from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio

PLAYWRIGHT: dict[str, Any] = {
    "cookies": [
        {
            "name": "sid", "value": "1", "domain": "site.test", "path": "/", "expires": -1,
            "httpOnly": True, "secure": False, "sameSite": "Lax",
            "partitionKey": "http://top.test", "_crHasCrossSiteAncestor": True,
        }
    ],
    "origins": [
        {"origin": "http://site.test", "localStorage": [{"name": "half", "value": "\ud83d"}]}
    ],
}  # fmt: skip
"""As Playwright writes it, with half a surrogate pair, which a page may store."""
WHOLE: dict[str, Any] = {
    **PLAYWRIGHT,
    "version": 1,
    "active": "t3",
    "tabs": [
        {"id": "t1", "url": "http://site.test/a"},
        {
            "id": "t3",
            "url": "http://site.test/b",
            "sessionStorage": [
                {"origin": "http://site.test", "entries": [{"name": "n", "value": "1"}]}
            ],
            "fields": [{"path": "#a", "kind": "checked", "value": True}],
        },
    ],
}


@pytest.fixture
async def id(client: httpx.AsyncClient) -> str:
    return str((await client.post("/v1/sessions", json={"name": "shop"})).json()["id"])


@pytest.fixture
async def address(id: str) -> str:
    return f"/v1/sessions/{id}"


def as_json(value: object) -> dict[str, Any]:
    """A body with escapes, as `json` of the client can't send half a surrogate pair."""
    return {"content": json.dumps(value), "headers": {"Content-Type": "application/json"}}


async def test_a_session_is_hibernated_and_its_next_call_brings_it_back(
    client: httpx.AsyncClient, address: str
) -> None:
    for _ in range(2):
        hibernated = await client.post(f"{address}/hibernate")
        assert (hibernated.status_code, hibernated.json()["state"]) == (200, "hibernated")
        assert hibernated.json()["hibernated_at"]
    health = (await client.get("/v1/sessions/health")).json()
    assert (health["live"], health["hibernated"], health["ended"]) == (0, 1, 0)
    listed = (await client.get("/v1/sessions?state=hibernated")).json()["items"]
    assert [one["state"] for one in listed] == ["hibernated"]
    assert (await client.post(f"{address}/snapshot")).status_code == 200
    assert (await client.get(address)).json()["state"] == "live"


async def test_a_session_is_brought_back_without_a_call(
    client: httpx.AsyncClient, address: str
) -> None:
    await client.post(f"{address}/hibernate")
    for _ in range(2):
        resumed = await client.post(f"{address}/resume")
        assert (resumed.status_code, resumed.json()["state"]) == (200, "live")
        assert resumed.json()["hibernated_at"] is None


async def test_what_would_be_lost_is_named_and_lost_only_by_force(
    client: httpx.AsyncClient, address: str, id: str, service: FakeService
) -> None:
    service.kept.unsaved[id] = ["websocket", "upload"]
    for body in (None, {}, {"force": False}):
        refused = await client.post(f"{address}/hibernate", json=body)
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (409, "cannot_hibernate")
        assert problem["unsaved"] == ["websocket", "upload"]
        assert "websocket, upload" in problem["detail"]
    assert (await client.get(address)).json()["state"] == "live"
    forced = await client.post(f"{address}/hibernate", json={"force": True})
    assert forced.json()["state"] == "hibernated"
    assert service.kept.forced == [False, False, False, True]


@pytest.mark.parametrize("body", [{"force": "perhaps"}, {"forced": True}, [], "x"])
async def test_a_wish_that_makes_no_sense_hibernates_nothing(
    client: httpx.AsyncClient, address: str, body: object, service: FakeService
) -> None:
    refused = await client.post(f"{address}/hibernate", json=body)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
    assert service.kept.forced == []


async def test_one_that_can_t_be_brought_back_says_why_and_when_to_try_again(
    client: httpx.AsyncClient, address: str, id: str, service: FakeService
) -> None:
    await client.post(f"{address}/hibernate")
    service.kept.broken.add(id)
    for response in (
        await client.post(f"{address}/resume"), await client.post(f"{address}/snapshot")
    ):  # fmt: skip
        problem = response.json()
        assert (response.status_code, problem["code"]) == (503, "resume_failed")
        assert (problem["retryable"], response.headers["retry-after"]) == (True, "1")
        assert "the browser did not start. Its state is kept." in problem["detail"]
    assert (await client.get(address)).json()["state"] == "hibernated"


async def test_a_fork_is_a_session_of_its_own(
    client: httpx.AsyncClient, address: str, id: str, service: FakeService
) -> None:
    await client.put(f"{address}/state", **as_json(WHOLE))
    await client.patch(address, json={"tags": ["x"], "timeouts": {"idle": "1h"}})
    fork = await client.post(f"{address}/fork", json={"name": "again", "timeouts": {"idle": 60}})
    made = fork.json()
    assert (fork.status_code, made["id"] != id) == (201, True)
    assert fork.headers["location"] == f"/v1/sessions/{made['id']}"
    assert (made["name"], made["tags"], made["timeouts"]["idle"]) == ("again", ["x"], 60)
    await client.put(f"/v1/sessions/{made['id']}/state", **as_json({"cookies": []}))
    assert (await client.get(f"{address}/state")).json()["tabs"][1]["id"] == "t3"
    bare = (await client.post(f"{address}/fork")).json()
    assert (bare["name"], bare["timeouts"]["idle"]) == ("shop", 3600)
    assert service.kept.documents[bare["id"]] == service.kept.documents[id]


async def test_a_session_is_saved_listed_and_made_what_it_was(
    client: httpx.AsyncClient, address: str
) -> None:
    await client.put(f"{address}/state", **as_json(WHOLE))
    made = await client.post(f"{address}/checkpoints")
    first = made.json()
    assert (made.status_code, first["cause"]) == (201, "demand")
    assert first["losses"] == [
        {
            "what": "service_worker",
            "where": "http://site.test",
            "why": "a registration is not saved",
        }
    ]
    await client.put(f"{address}/state", **as_json(PLAYWRIGHT))
    second = (await client.post(f"{address}/checkpoints")).json()
    listed = await client.get(f"{address}/checkpoints")
    assert listed.json() == {"items": [second, first], "next_cursor": None}
    forked = await client.post(f"{address}/fork", json={"checkpoint": first["id"]})
    fork = f"/v1/sessions/{forked.json()['id']}"
    assert len((await client.get(f"{fork}/state")).json()["tabs"]) == 2
    assert "tabs" not in (await client.get(f"{address}/state")).json()
    back = await client.post(f"{address}/checkpoints/{first['id']}/restore")
    assert (back.status_code, back.json()["url"]) == (200, "http://site.test/b")


@pytest.mark.parametrize("checkpoint", ["ckp_none", "x", "..", "%2e%2e%2fetc", "a" * 64])
async def test_a_checkpoint_that_is_not_there_is_not_found(
    client: httpx.AsyncClient, address: str, checkpoint: str
) -> None:
    for response in (
        await client.post(f"{address}/checkpoints/{checkpoint}/restore"),
        await client.post(f"{address}/fork", json={"checkpoint": checkpoint}),
    ):
        assert response.status_code == 404
    assert response.json()["code"] == "checkpoint_not_found"
    for response in (
        await client.post(f"{address}/checkpoints/{'a' * 65}/restore"),
        await client.post(f"{address}/fork", json={"checkpoint": "a" * 65}),
    ):
        assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


async def test_what_get_gives_put_takes_whole(
    client: httpx.AsyncClient, address: str, id: str, service: FakeService
) -> None:
    put = await client.put(f"{address}/state", **as_json(WHOLE))
    assert (put.status_code, put.json()["url"]) == (200, "http://site.test/b")
    assert service.kept.documents[id] == StateDocument.model_validate(WHOLE)
    given = await client.get(f"{address}/state")
    assert given.headers["content-type"] == "application/json"
    assert given.headers["cache-control"] == "no-store"
    other = (await client.post("/v1/sessions")).json()["id"]
    content = {"Content-Type": "application/json"}
    copied = await client.put(f"/v1/sessions/{other}/state", content=given.content, headers=content)
    assert copied.status_code == 200
    assert service.kept.documents[other] == service.kept.documents[id]


async def test_playwrights_file_is_taken_and_given(client: httpx.AsyncClient, address: str) -> None:
    await client.put(f"{address}/state", **as_json(PLAYWRIGHT))
    given = await client.get(f"{address}/state?form=playwright")
    assert given.json() == PLAYWRIGHT
    await client.put(f"{address}/state", **as_json(WHOLE))
    assert (await client.get(f"{address}/state?form=playwright")).json() == PLAYWRIGHT
    refused = await client.get(f"{address}/state?form=cookies")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
    assert "form" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("state", "field"),
    [
        ({"version": 2}, "version"),
        ({"cookies": [{"name": "a"}]}, "cookies.0.value"),
        ({"cookies": [{"name": "a", "value": "b", "domain": "x"}]}, "cookies.0.path"),
        ({"origins": [{"origin": "site"}]}, "origins.0.origin"),
        ({"tabs": [{"id": "t0", "url": "x"}]}, "tabs.0.id"),
        ({"tabs": [{"id": "t1", "url": "x", "history": {"index": -1}}]}, "tabs.0.history.index"),
        ({"profile": "x"}, "profile"),
        ([], ""),
    ],
)
async def test_a_state_with_nonsense_is_refused_with_its_fields(
    client: httpx.AsyncClient, address: str, id: str, service: FakeService, state: object,
    field: str,
) -> None:  # fmt: skip
    refused = await client.put(f"{address}/state", json=state)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (400, "invalid_request")
    assert field in [error["field"] for error in problem["errors"]]
    assert id not in service.kept.documents


def deep_states(depth: int) -> dict[str, str]:
    """Bodies with lists in one another, by the field that has them; written by hand, as deep ones
    can't be by `json`.
    """
    value = "[" * depth + "]" * depth
    record = "origins.0.indexedDB.0.stores.0.records.0.value"
    return {
        record: '{"origins":[{"origin":"http://a.test","indexedDB":[{"name":"d","version":1,'
        '"stores":[{"name":"s","autoIncrement":false,"indexes":[],'
        f'"records":[{{"key":1,"value":{value}}}]}}]}}]}}]}}',
        f"{record}Encoded": '{"origins":[{"origin":"http://a.test","indexedDB":[{"name":"d",'
        '"version":1,"stores":[{"name":"s","autoIncrement":false,"indexes":[],'
        f'"records":[{{"key":1,"valueEncoded":{{"v":{value}}}}}]}}]}}]}}]}}',
        "tabs.0.state": f'{{"tabs":[{{"id":"t1","url":"http://a.test/","state":{value}}}]}}',
        "tabs.0.fields.0.value": '{"tabs":[{"id":"t1","url":"http://a.test/","fields":'
        f'[{{"path":"a","kind":"value","value":{value}}}]}}]}}',
        "credentials.0.id": f'{{"credentials":[{{"id":{value}}}]}}',
    }


@pytest.mark.parametrize("depth", [310, 400, 900, 990, 2_000, 4_000])
async def test_a_state_with_values_too_deep_in_one_another_is_refused(
    client: httpx.AsyncClient, address: str, id: str, service: FakeService, depth: int
) -> None:
    json_type = {"Content-Type": "application/json"}
    for field, state in deep_states(depth).items():
        for method, path, inside, at in (
            ("PUT", f"{address}/state", "%s", ""),
            ("PUT", "/v1/profiles/deep", '{"storage_state":%s}', "storage_state."),
            ("POST", "/v1/functions/open",
             '{"session":"new","input":{"url":"http://a.test/","storage_state":%s}}',
             "input.storage_state."),
        ):  # fmt: skip
            if at.startswith("input") and field.startswith("tabs"):
                continue  # a document of tabs is no storage_state
            content = inside % state
            refused = await client.request(method, path, content=content, headers=json_type)
            problem = refused.json()
            assert (refused.status_code, problem["code"]) == (400, "invalid_request"), path
            if depth < 900:  # deeper ones are no JSON that is read at all, with some Pythons
                assert [one["field"] for one in problem["errors"]] == [f"{at}{field}"]
    assert id not in service.kept.documents


async def test_a_state_has_a_bound_of_its_own(settings: Settings, service: FakeService) -> None:
    app = make(settings, service, max_state=30_000)
    long = {"origins": [{"origin": "http://a", "localStorage": [{"name": "a", "value": "x"}]}]}
    async with direct(app) as client:
        address = f"/v1/sessions/{(await client.post('/v1/sessions')).json()['id']}"
        for size, status in ((20_000, 200), (30_000, 413)):
            long["origins"][0]["localStorage"][0]["value"] = "x" * size  # type: ignore[index]
            response = await client.put(f"{address}/state", json=long)
            assert response.status_code == status
        assert response.json()["limit"] == 30_000
        patched = await client.patch(address, json={"metadata": {"x": "x" * 20_000}})
        assert (patched.status_code, patched.json()["limit"]) == (413, 10_000)


async def test_another_owner_s_states_are_not_found_by_any_route(
    settings: Settings, service: FakeService
) -> None:
    app = make(settings, service, api_keys=keys())
    async with direct(app, headers={"X-API-Key": BOB_KEY}) as bob:
        ann = {"Authorization": f"Bearer {ANN_KEY}"}
        address = (await bob.post("/v1/sessions", headers=ann)).headers["location"]
        saved = (await bob.post(f"{address}/checkpoints", headers=ann)).json()["id"]
        for method, path in ROUTES:
            body: object = {} if method == "PUT" else None
            response = await bob.request(method, address + path.format(saved), json=body)
            assert (response.status_code, response.json()["code"]) == (404, "session_not_found")
    assert service.kept.forced == []


ROUTES = [
    ("POST", "/hibernate"), ("POST", "/resume"), ("POST", "/fork"), ("GET", "/checkpoints"),
    ("POST", "/checkpoints"), ("POST", "/checkpoints/{}/restore"), ("GET", "/state"),
    ("PUT", "/state"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_session_that_has_ended_has_no_state(
    client: httpx.AsyncClient, address: str, method: str, path: str
) -> None:
    saved = (await client.post(f"{address}/checkpoints")).json()["id"]
    await client.post(f"{address}/close")
    body: object = {} if method == "PUT" else None
    response = await client.request(method, address + path.format(saved), json=body)
    assert (response.status_code, response.json()["code"]) == (410, "session_ended")


@pytest.mark.parametrize("path", ["/fork", "/checkpoints"])
async def test_what_is_sent_again_with_its_key_is_made_once(
    client: httpx.AsyncClient, address: str, service: FakeService, path: str
) -> None:
    key = {"Idempotency-Key": "once"}
    first = await client.post(address + path, headers=key)
    second = await client.post(address + path, headers=key)
    assert (first.status_code, first.json()) == (201, second.json())
    assert second.headers["idempotency-replayed"] == "true"
    assert len(service.sessions) + sum(map(len, service.kept.checkpoints.values())) == 2
