"""Keys over HTTP, who the caller is, and draining."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from agent_browser.errors import StorageFull
from agent_browser.ids import new_session_id
from agent_browser.keyring import form
from agent_browser.keyring.keyring import Keyring
from agent_browser.models.rights import ROLES
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from tests.api.conftest import direct, keys, make
from tests.api.fake import FakeService
from tests.fakes.clock import ManualClock
from tests.fakes.papers import FakePapers

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def papers() -> FakePapers:
    return FakePapers()


@pytest.fixture
def app(
    settings: Settings, service: FakeService, clock: ManualClock, papers: FakePapers
) -> FastAPI:
    return make(settings, service, keyring=Keyring(papers, clock=clock))


async def made(client: httpx.AsyncClient, key: str | None = None, **body: Any) -> dict[str, Any]:
    headers = {} if key is None else bearer(key)
    response = await client.post("/v1/keys", json={"name": "root"} | body, headers=headers)
    assert response.status_code == 201, response.text
    assert response.headers["location"] == f"/v1/keys/{response.json()['id']}"
    return dict(response.json())


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_from_the_first_key_on_every_route_wants_one(app: FastAPI) -> None:
    async with direct(app) as client:
        assert (await client.get("/v1/sessions")).status_code == 200
        assert app.openapi()["security"][-1] == {}
        root = await made(client, role="admin")
        refused = await client.get("/v1/sessions")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert (await client.get("/healthz")).status_code == 200
        for headers in (bearer(root["key"]), {"X-API-Key": root["key"]}):
            assert (await client.get("/v1/sessions", headers=headers)).status_code == 200
        assert (await client.get(f"/v1/sessions?api_key={root['key']}")).status_code == 401
        assert {} not in app.openapi()["security"]


async def test_the_first_key_can_t_shut_its_maker_out(app: FastAPI) -> None:
    async with direct(app) as client:
        response = await client.post("/v1/keys", json={"name": "bot", "role": "operator"})
        assert response.status_code == 409
        assert "role admin" in response.json()["detail"]
        assert (await client.get("/v1/sessions")).status_code == 200


async def test_a_key_is_shown_once(app: FastAPI) -> None:
    async with direct(app) as client:
        root = await made(client, role="admin")
        assert form.is_key(root["key"])
        for path in ("/v1/keys", f"/v1/keys/{root['id']}"):
            shown = await client.get(path, headers=bearer(root["key"]))
            assert root["key"][16:] not in shown.text
            assert root["prefix"] in shown.text


async def test_an_answer_with_a_key_is_not_kept_for_who_asks_again(app: FastAPI) -> None:
    async with direct(app) as client:
        root = await made(client, role="admin")
        headers = bearer(root["key"]) | {"Idempotency-Key": "once"}
        for path in ("/v1/keys", f"/v1/keys/{root['id']}/rotate"):
            refused = await client.post(path, json={}, headers=headers)
            assert refused.status_code == 400
            assert "not kept" in refused.json()["detail"]


async def test_a_revoked_key_is_refused_from_the_next_request_on(app: FastAPI) -> None:
    async with direct(app) as client:
        root = await made(client, role="admin")
        bot = await made(client, root["key"], name="bot", owner="qa", expires="1h")
        assert (await client.get("/v1/sessions", headers=bearer(bot["key"]))).status_code == 200
        path = f"/v1/keys/{bot['id']}"
        revoked = await client.delete(path, headers=bearer(root["key"]))
        assert (revoked.status_code, revoked.json()["usable"]) == (200, False)
        assert (await client.get("/v1/sessions", headers=bearer(bot["key"]))).status_code == 401
        gone = await client.delete("/v1/keys/key_x", headers=bearer(root["key"]))
        assert (gone.status_code, gone.json()["code"]) == (404, "key_not_found")


async def test_an_expired_key_is_refused(app: FastAPI, clock: ManualClock) -> None:
    async with direct(app) as client:
        root = await made(client, role="admin", expires="1h")
        clock.advance(3_600)
        assert (await client.get("/v1/sessions", headers=bearer(root["key"]))).status_code == 401


async def test_a_rotated_key_goes_on_for_the_grace(app: FastAPI, clock: ManualClock) -> None:
    async with direct(app) as client:
        old = await made(client, role="admin")
        path = f"/v1/keys/{old['id']}/rotate"
        answer = await client.post(path, json={"grace": "1h"}, headers=bearer(old["key"]))
        new = answer.json()
        assert answer.status_code == 201
        for key in (old["key"], new["key"]):
            assert (await client.get("/v1/whoami", headers=bearer(key))).status_code == 200
        clock.advance(3_600)
        assert (await client.get("/v1/whoami", headers=bearer(old["key"]))).status_code == 401
        bare = await client.post(f"/v1/keys/{new['id']}/rotate", headers=bearer(new["key"]))
        assert bare.status_code == 201


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_keys_are_for_admins(app: FastAPI, role: str) -> None:
    async with direct(app) as client:
        root = await made(client, role="admin")
        weak = await made(client, root["key"], role=role)
        for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/x"),
                             ("POST", "/v1/keys/x/rotate"), ("POST", "/v1/drain")):  # fmt: skip
            refused = await client.request(method, path, headers=bearer(weak["key"]))
            assert (refused.status_code, refused.json()["right"]) == (403, "admin")


async def test_a_key_may_do_what_its_role_has_less_what_it_lacks(app: FastAPI) -> None:
    async with direct(app) as client:
        root = await made(client, role="admin")
        viewer = bearer((await made(client, root["key"], role="viewer"))["key"])
        bot = await made(client, root["key"], role="operator", without=["execute", "state"])
        driver = bearer(bot["key"])
        session = (await client.post("/v1/sessions", headers=driver)).json()["id"]
        path = f"/v1/sessions/{session}"
        asked: tuple[tuple[str, str, dict[str, str], str | None], ...] = (
            ("GET", path, viewer, None), ("POST", "/v1/sessions", viewer, "drive"),
            ("DELETE", path, viewer, "drive"), ("POST", f"{path}/snapshot", driver, None),
            ("POST", f"{path}/execute", driver, "execute"),
            ("POST", "/v1/functions/execute", driver, "execute"),
            ("POST", "/v1/functions/execute", viewer, "drive"),
            ("GET", f"{path}/state", driver, "state"), ("GET", f"{path}/cookies", driver, "state"),
            ("GET", "/v1/recordings", viewer, None),
        )  # fmt: skip
        for method, where, headers, lacking in asked:
            answer = await client.request(method, where, headers=headers)
            said = answer.json() if answer.status_code == 403 else {}
            assert said.get("right") == lacking, (method, where)


async def test_who_am_i(app: FastAPI, settings: Settings, service: FakeService) -> None:
    async with direct(app) as client:
        local = (await client.get("/v1/whoami")).json()
        assert (local["owner"], local["role"], local["key"]) == ("local", "admin", None)
        root = await made(client, role="admin")
        bot = await made(client, root["key"], name="bot", owner="qa", role="operator",
                         without=["execute"], expires="30d")  # fmt: skip
        who = (await client.get("/v1/whoami", headers=bearer(bot["key"]))).json()
        assert who == {
            "owner": "qa", "name": "bot", "role": "operator", "key": bot["id"],
            "rights": sorted(ROLES["operator"] - {"execute"}), "expires_at": bot["expires_at"],
            "metadata": {},
        }  # fmt: skip
    async with direct(make(settings, service, api_keys=keys(), admins=("ann",))) as client:
        for name, role in (("ann", "admin"), ("bob", "operator")):
            headers = {"X-API-Key": f"{name}-0123456789abcdef"}
            who = (await client.get("/v1/whoami", headers=headers)).json()
            assert (who["owner"], who["role"], who["key"]) == (name, role, name)


async def test_what_could_not_be_written_is_said(app: FastAPI, papers: FakePapers) -> None:
    papers.failure = StorageFull("no space")
    async with direct(app) as client:
        refused = await client.post("/v1/keys", json={"name": "root", "role": "admin"})
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_full")
        assert (await client.get("/v1/keys")).json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": ""}, {"name": "a\nb"}, {"name": "x" * 101}, {"name": "x", "role": "root"},
        {"name": "x", "without": ["sudo"]}, {"name": "x", "expires": "soon"},
        {"name": "x", "owner": " a"}, {"name": "x", "owner": "a\u0000"}, {"name": "x", "key": "y"},
        {"name": "x", "role": "admin", "expires": 0},
        {"name": "x", "role": "admin", "expires": 1e15},
    ],
)  # fmt: skip
async def test_a_body_that_makes_no_key_is_refused(app: FastAPI, body: dict[str, Any]) -> None:
    async with direct(app) as client:
        refused = await client.post("/v1/keys", json=body)
        assert refused.status_code == 400
        assert (await client.get("/v1/keys")).json()["items"] == []


async def test_a_video_wants_its_right_by_whatever_address_it_is_fetched(
    settings: Settings, service: FakeService, store: ArtifactStore
) -> None:
    session = new_session_id()
    path = store.recording_folder(session, owner="bob") / "x.webm"
    path.write_bytes(b"video")
    video = await store.adopt(path, owner="bob", session_id=session, width=64, height=48)
    app = make(settings, service, keyring=Keyring(FakePapers()))
    async with direct(app) as client:
        root = bearer((await made(client, role="admin"))["key"])
        ring = root["Authorization"].removeprefix("Bearer ")
        blind = await made(client, ring, owner="bob", role="operator", without=["recordings"])
        seeing = await made(client, ring, owner="bob", role="viewer")
        for where in (f"/v1/artifacts/{video.id}", f"/v1/recordings/{video.id}"):
            refused = await client.get(where, headers=bearer(blind["key"]))
            assert (refused.status_code, refused.json().get("right")) == (403, "recordings")
            for headers in (bearer(seeing["key"]), root):  # an admin reaches what is another's
                assert (await client.get(where, headers=headers)).status_code == 200
        stranger = await made(client, ring, owner="ann", role="operator")
        gone = await client.get(f"/v1/artifacts/{video.id}", headers=bearer(stranger["key"]))
        assert gone.status_code == 404


async def test_a_server_that_drains_says_so_until_it_is_ended(
    app: FastAPI, service: FakeService
) -> None:
    async with direct(app) as client:
        began = await client.post("/v1/drain")
        assert began.json() == {"draining": True, "live": 0, "opening": 0}
        assert service.holds_off
        assert (await client.delete("/v1/drain")).json()["draining"] is False
        assert not service.holds_off


async def test_an_app_without_a_place_for_keys_says_so(
    settings: Settings, service: FakeService
) -> None:
    async with direct(make(settings, service)) as client:
        assert (await client.get("/v1/keys")).status_code == 503


async def test_others_sessions_are_asked_for_in_the_list(
    app: FastAPI, service: FakeService
) -> None:
    async with direct(app) as client:
        assert (await client.get("/v1/sessions?owner=*")).status_code == 200
        assert service.queries[-1].owner == "*"
