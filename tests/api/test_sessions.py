import httpx
import pytest
from fastapi import FastAPI

from agent_browser.ids import new_session_id
from agent_browser.settings import Settings
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, make
from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio


async def test_a_session_is_made_listed_looked_up_and_ended(client: httpx.AsyncClient) -> None:
    made = await client.post("/v1/sessions", json={"name": "shop", "timeouts": {"idle": "90s"}})
    assert made.status_code == 201
    session = made.json()
    assert made.headers["location"] == f"/v1/sessions/{session['id']}"
    assert session["created_at"] == "2026-11-20T09:30:00.000Z"
    assert (await client.get("/v1/sessions")).json() == {"items": [session], "next_cursor": None}
    assert (await client.get(made.headers["location"])).json() == session
    for _ in range(2):
        ended = await client.delete(made.headers["location"])
        assert (ended.status_code, ended.content) == (204, b"")
    assert (await client.get(made.headers["location"])).json()["state"] == "ended"
    assert (await client.get("/v1/sessions?state=live")).json()["items"] == []
    assert (await client.delete(made.headers["location"] + "?purge=true")).status_code == 204
    assert (await client.get(made.headers["location"])).status_code == 404


async def test_health_tells_counts_and_room(client: httpx.AsyncClient) -> None:
    await client.post("/v1/sessions")
    health = (await client.get("/v1/sessions/health")).json()
    assert (health["status"], health["live"], health["capacity"]) == ("ok", 1, 10)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "state=gone", "cursor=made-up", "purge=maybe"]
)
async def test_a_bad_query_is_an_invalid_request_that_names_it(
    client: httpx.AsyncClient, query: str
) -> None:
    name = query.partition("=")[0]
    method = "DELETE" if name == "purge" else "GET"
    path = f"/v1/sessions/{new_session_id()}" if name == "purge" else "/v1/sessions"
    response = await client.request(method, f"{path}?{query}")
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_request"
    assert name in response.json()["detail"]


@pytest.mark.parametrize("id", ["ses_unknown", "x", "..%2f..%2fetc", "%00", "a" * 300])
async def test_unknown_and_malformed_ids_are_told_apart_from_nothing(
    client: httpx.AsyncClient, id: str
) -> None:
    response = await client.get(f"/v1/sessions/{id}")
    assert response.status_code in (400, 404)
    assert response.headers["content-type"] == "application/problem+json"


async def test_another_owner_s_session_is_not_found_by_any_route(
    settings: Settings, service: FakeService
) -> None:
    app: FastAPI = make(settings, service, api_keys=keys())
    ann = {"Authorization": f"Bearer {ANN_KEY}"}
    async with direct(app, headers={"X-API-Key": BOB_KEY}) as bob:
        made = await bob.post("/v1/sessions", headers=ann)
        path = made.headers["location"]
        assert made.json()["owner"] == "ann"
        for method, address in [
            ("GET", path), ("DELETE", path), ("POST", f"{path}/snapshot"),
            ("POST", f"{path}/screenshot"), ("POST", f"{path}/close"),
        ]:  # fmt: skip
            response = await bob.request(method, address)
            assert response.status_code == 404
            assert response.json()["code"] == "session_not_found"
        called = await bob.post("/v1/functions/snapshot", json={"session": made.json()["id"]})
        assert called.status_code == 404
        assert (await bob.get("/v1/sessions")).json()["items"] == []
    assert service.sessions[made.json()["id"]].state == "live"
