"""The routes of secrets."""

import json
from typing import Any

import httpx
import pytest

from agent_browser.settings import Settings
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, make
from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio

PLACE = "/v1/secrets/login"
BODY: dict[str, Any] = {"value": "hunter2", "origins": ["https://a.test"], "description": "mine"}


async def test_a_secret_is_kept_listed_shown_and_deleted_and_its_value_never_told(
    client: httpx.AsyncClient,
) -> None:
    made = await client.put(PLACE, json=BODY)
    assert made.status_code == 200
    assert {name: made.json()[name] for name in ("name", "kind", "origins", "description")} == {
        "name": "login", "kind": "text", "origins": ["https://a.test"], "description": "mine",
    }  # fmt: skip
    assert (await client.get(PLACE)).json() == made.json()
    listed = await client.get("/v1/secrets")
    assert listed.json() == {"items": [made.json()], "next_cursor": None}
    assert "hunter2" not in made.text + listed.text
    assert (await client.delete(PLACE)).status_code == 204
    for method in ("GET", "DELETE"):
        gone = await client.request(method, PLACE)
        assert (gone.status_code, gone.json()["code"]) == (404, "secret_not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"value": "hunter2"}, "origins"),
        ({"value": "hunter2", "origins": ["a.test"], "any_origin": True}, "origins"),
        ({"origins": ["a.test"]}, "value"),
        ({"value": "hunter2", "origins": ["ftp://a.test"]}, "origins"),
        ({"value": "hunter2", "any_origin": True, "more": 1}, "more"),
        ({"value": ["hunter2"], "any_origin": True}, "value"),
        ({"totp": "hunter2-is-no-key", "any_origin": True}, "totp"),
    ],
)
async def test_what_is_no_secret_is_refused_and_not_repeated(
    client: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    answer = await client.put(PLACE, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert field in json.dumps(answer.json()["errors"])
    assert "hunter2" not in answer.text
    assert (await client.get("/v1/secrets")).json()["items"] == []


async def test_a_secrets_name_is_a_name(client: httpx.AsyncClient) -> None:
    for name in ("a b", ".a", "a" * 65, "%00"):
        assert (await client.put(f"/v1/secrets/{name}", json=BODY)).status_code == 400, name


async def test_another_owners_secret_is_not_there(settings: Settings, service: FakeService) -> None:
    ann, bob = {"X-API-Key": ANN_KEY}, {"X-API-Key": BOB_KEY}
    async with direct(make(settings, service, api_keys=keys())) as client:
        assert (await client.put(PLACE, json=BODY, headers=ann)).is_success
        for method in ("GET", "DELETE"):
            answer = await client.request(method, PLACE, headers=bob)
            assert (answer.status_code, answer.json()["code"]) == (404, "secret_not_found")
        assert (await client.get("/v1/secrets", headers=bob)).json()["items"] == []
        assert (
            await client.put(PLACE, json={**BODY, "description": "bob's"}, headers=bob)
        ).is_success
        assert (await client.get(PLACE, headers=ann)).json()["description"] == "mine"
