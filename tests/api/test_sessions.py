from typing import get_args

import httpx
import pytest
from fastapi import FastAPI

from agent_browser.api.routes import sessions, states
from agent_browser.ids import new_session_id
from agent_browser.models.base import OnIdle
from agent_browser.models.catalogue import INPUTS
from agent_browser.models.sessions import SessionQuery
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


async def test_a_session_is_named_pinned_and_tagged(client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/sessions", json={"name": "a", "tags": ["x"]})).json()
    path = f"/v1/sessions/{made['id']}"
    changed = (await client.patch(path, json={"name": "b", "pinned": True})).json()
    assert (changed["name"], changed["pinned"], changed["tags"]) == ("b", True, ["x"])
    assert (await client.patch(path, json={"name": None})).json()["name"] is None
    longer = await client.patch(f"{path}/timeout", json={"idle": "2h", "auto_renew": False})
    assert longer.json()["timeouts"] == {
        "idle": 7200.0,
        "max_duration": 43200.0,
        "warning": 300.0,
        "auto_renew": False,
        "retention": 86400.0,
        "on_idle": "auto",
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x" * 201}, "name"),
        ({"name": ""}, "name"),
        ({"tags": ["x"] * 33}, "tags"),
        ({"tags": ["x" * 65]}, "tags"),
        ({"metadata": {"k": "v" * 2_001}}, "metadata"),
        ({"nam": "x"}, "nam"),
    ],
)
async def test_a_bad_change_is_an_invalid_request_that_names_the_field(
    client: httpx.AsyncClient, body: dict[str, object], field: str
) -> None:
    made = (await client.post("/v1/sessions")).json()
    response = await client.patch(f"/v1/sessions/{made['id']}", json=body)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert field in response.json()["detail"]


@pytest.mark.parametrize(
    ("name", "value", "least", "most"),
    [
        ("idle", "soon", 1, 86_400),
        ("idle", 0.5, 1, 86_400),
        ("max_duration", "25h", 1, 86_400),
        ("warning", -1, 0, 86_400),
        ("warning", "2d", 0, 86_400),
        ("retention", "31d", 0, 2_592_000),
        ("retention", "never", 0, 2_592_000),
    ],
)
async def test_an_invalid_timeout_is_told_its_range_by_every_route(
    client: httpx.AsyncClient, name: str, value: object, least: float, most: float
) -> None:
    made = (await client.post("/v1/sessions")).json()
    path = f"/v1/sessions/{made['id']}"
    for response in (
        await client.post("/v1/sessions", json={"timeouts": {name: value}}),
        await client.patch(path, json={"timeouts": {name: value}}),
        await client.patch(f"{path}/timeout", json={name: value}),
    ):
        problem = response.json()
        assert (response.status_code, problem["code"]) == (400, "invalid_timeout")
        assert (problem["field"], problem["minimum"], problem["maximum"]) == (name, least, most)


async def test_what_becomes_of_an_idle_session_is_chosen(client: httpx.AsyncClient) -> None:
    for word in get_args(OnIdle):
        made = await client.post("/v1/sessions", json={"timeouts": {"on_idle": word}})
        assert (made.status_code, made.json()["timeouts"]["on_idle"]) == (201, word)
        changed = await client.patch(
            f"/v1/sessions/{made.json()['id']}/timeout", json={"on_idle": "freeze"}
        )
        assert changed.json()["timeouts"]["on_idle"] == "freeze"
    for wrong in ("frozen", "", True, None):
        made = await client.post("/v1/sessions", json={"timeouts": {"on_idle": wrong}})
        if wrong is None:
            assert made.json()["timeouts"]["on_idle"] == "auto"
            continue
        assert (made.status_code, made.json()["code"]) == (400, "invalid_request")
        (fault,) = made.json()["errors"]
        assert fault["field"] == "timeouts.on_idle"
        assert all(f"'{word}'" in fault["message"] for word in get_args(OnIdle))


async def test_a_renewal_is_counted_and_refused_at_the_longest_life(
    client: httpx.AsyncClient,
) -> None:
    made = (await client.post("/v1/sessions")).json()
    renewed = await client.post(f"/v1/sessions/{made['id']}/renew")
    assert (renewed.status_code, renewed.json()["renewal_count"]) == (200, 1)
    timeouts = {"idle": "1h", "max_duration": "1h"}
    short = (await client.post("/v1/sessions", json={"timeouts": timeouts})).json()
    refused = await client.post(f"/v1/sessions/{short['id']}/renew")
    assert (refused.status_code, refused.json()["code"]) == (422, "cannot_renew")
    assert refused.json()["ends_at"] == "2026-11-20T09:30:00.000Z"
    assert refused.json()["recovery"] == "open_new_session"


@pytest.mark.parametrize("word", ["heartbeat", "keepalive"])
async def test_a_heartbeat_says_who_sent_it(
    client: httpx.AsyncClient, service: FakeService, word: str
) -> None:
    made = (await client.post("/v1/sessions")).json()
    headers = {"X-Client-Name": "night\tshift"}
    response = await client.post(f"/v1/sessions/{made['id']}/{word}", headers=headers)
    assert (response.status_code, response.json()["id"]) == (200, made["id"])
    assert service.beats[-1].client == "night shift"


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        (b"", None),
        (b" \t ", None),
        (b"x" * 300, "x" * 100),
        ("Zürich".encode(), "Zürich"),
        ("Zürich".encode("latin-1"), "Zürich"),
        ("a\u202eb\u2028c".encode(), "a b c"),
    ],
)
async def test_a_client_s_name_is_made_plain(
    client: httpx.AsyncClient, service: FakeService, sent: bytes, known: str | None
) -> None:
    made = (await client.post("/v1/sessions")).json()
    headers = [(b"X-Client-Name", sent)]
    await client.post(f"/v1/sessions/{made['id']}/heartbeat", headers=headers)
    assert service.beats[-1].client == known


async def test_a_list_is_asked_for_by_words_tags_pin_and_phase(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    query = "q=a+b&tag=x&tag=y&pinned=true&phase=near_expiration&state=live&limit=7"
    query += "&name=c+d&id_prefix=ses_"
    assert (await client.get(f"/v1/sessions?{query}")).status_code == 200
    assert service.queries[-1] == SessionQuery(
        q="a b", tag=["x", "y"], pinned=True, phase="near_expiration", state="live", limit=7,
        name="c d", id_prefix="ses_",
    )  # fmt: skip


@pytest.mark.parametrize("query", [f"q={'x' * 501}", "phase=over", "pinned=perhaps", "stat=live"])
async def test_a_question_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, query: str
) -> None:
    response = await client.get(f"/v1/sessions?{query}")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert query.partition("=")[0] in response.json()["detail"]


async def test_no_ended_session_is_renewed_or_kept_alive(client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/sessions")).json()
    path = f"/v1/sessions/{made['id']}"
    await client.delete(path)
    for response in (
        await client.post(f"{path}/renew"),
        await client.post(f"{path}/heartbeat"),
        await client.patch(f"{path}/timeout", json={"idle": 60}),
    ):
        problem = response.json()
        assert (response.status_code, problem["code"]) == (410, "session_ended")
        assert problem["end_reason"] == "closed"
    assert (await client.patch(path, json={"name": "kept"})).json()["name"] == "kept"


def test_no_function_has_the_name_of_another_route_of_a_session() -> None:
    words = {"control", "events", "actions", "uploads", "health", "checkpoints"}
    routes = [*sessions.router.routes, *states.router.routes]
    words |= {route.path.rpartition("/")[2] for route in routes}  # type: ignore[attr-defined]
    assert {"renew", "heartbeat", "keepalive", "timeout"} <= words
    assert not words & set(INPUTS)
