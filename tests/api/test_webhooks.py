"""The routes of webhooks."""

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from fastapi import FastAPI

from agent_browser.models.sessions import SessionCreate
from agent_browser.service import LOCAL
from agent_browser.settings import Settings
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, make
from tests.api.fake import FakeService
from tests.webhooks.receiver import Receiver, receiving

pytestmark = pytest.mark.anyio


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def hooked(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with app.state.webhooks, direct(app) as client:
        yield client


async def test_a_webhook_is_made_found_changed_tried_and_deleted(
    hooked: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await hooked.post("/v1/webhooks", json={"url": receiver.url, "events": ["dialog"]})
    assert made.status_code == 201
    place = made.headers["location"]
    assert place == f"/v1/webhooks/{made.json()['id']}"
    assert made.json()["secret"].startswith("whsec_")
    shown = {name: value for name, value in made.json().items() if name != "secret"}
    assert (await hooked.get(place)).json() == shown
    assert (await hooked.get("/v1/webhooks")).json() == {"items": [shown], "next_cursor": None}
    changed = await hooked.patch(place, json={"events": ["*"]})
    assert changed.json()["events"] == ["*"]
    tried = (await hooked.post(f"{place}/test")).json()
    assert (tried["state"], tried["status"], tried["event_type"]) == (
        "delivered", 204, "webhook.test",
    )  # fmt: skip
    log = (await hooked.get(f"{place}/deliveries")).json()
    assert [item["id"] for item in log["items"]] == [tried["id"]]
    assert (await hooked.delete(place)).status_code == 204
    gone = await hooked.get(place)
    assert (gone.status_code, gone.json()["code"]) == (404, "webhook_not_found")


async def test_an_event_right_after_the_answer_is_sent(
    app: FastAPI, hooked: httpx.AsyncClient, receiver: Receiver
) -> None:
    await hooked.post("/v1/webhooks", json={"url": receiver.url})
    app.state.hub.publish("dialog", "ses_x", "local", {"n": 1})
    await receiver.until(1)
    assert receiver.events == [1]


async def test_only_a_session_of_ones_own_can_be_named(
    hooked: httpx.AsyncClient, service: FakeService, receiver: Receiver
) -> None:
    session = (await service.create(LOCAL, SessionCreate())).id
    body = {"url": receiver.url, "session": session}
    assert (await hooked.post("/v1/webhooks", json=body)).json()["session"] == session
    refused = await hooked.post("/v1/webhooks", json={**body, "session": "ses_unknown"})
    assert (refused.status_code, refused.json()["code"]) == (404, "session_not_found")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "ftp://a.test/"}, 400, "invalid_url"),
        ({"url": "http://169.254.169.254/"}, 403, "egress_denied"),
        ({"url": "http://a.test/", "events": []}, 400, "invalid_request"),
        ({"url": "http://a.test/", "events": ["nonsense"]}, 400, "invalid_request"),
        ({"url": "http://a.test/", "secret": "short"}, 400, "invalid_request"),
        ({"url": "http://a.test/", "secret": "whsec_no base64 at all"}, 400, "invalid_request"),
        ({"events": ["*"]}, 400, "invalid_request"),
        ({"url": "http://a.test/", "header": "x"}, 400, "invalid_request"),
    ],
)
async def test_what_can_not_be_is_refused(
    hooked: httpx.AsyncClient, body: dict[str, object], status: int, code: str
) -> None:
    answer = await hooked.post("/v1/webhooks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "short" not in answer.text
    assert (await hooked.get("/v1/webhooks")).json()["items"] == []


async def test_another_owners_webhook_is_not_there(
    settings: Settings, service: FakeService, receiver: Receiver
) -> None:
    app = make(settings, service, api_keys=keys())
    async with app.state.webhooks, direct(app) as client:
        ann, bob = {"X-API-Key": ANN_KEY}, {"X-API-Key": BOB_KEY}
        made = await client.post("/v1/webhooks", json={"url": receiver.url}, headers=ann)
        place = made.headers["location"]
        assert (await client.get("/v1/webhooks", headers=bob)).json()["items"] == []
        for method, path in (
            ("GET", place), ("PATCH", place), ("DELETE", place),
            ("GET", f"{place}/deliveries"), ("POST", f"{place}/test"),
        ):  # fmt: skip
            body: dict[str, str] | None = {} if method == "PATCH" else None
            answer = await client.request(method, path, headers=bob, json=body)
            assert answer.status_code == 404, (method, path)
        app.state.hub.publish("dialog", "ses_x", "bob", {"n": 1})
        app.state.hub.publish("dialog", "ses_y", "ann", {"n": 2})
        await receiver.until(1)
        await anyio.wait_all_tasks_blocked()
        assert receiver.events == [2]
