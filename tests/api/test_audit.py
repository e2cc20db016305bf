"""What goes into the audit log, and what never does."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from agent_browser.api.audit import STRANGERS
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from agent_browser.store.audit import AuditLog
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, make
from tests.api.fake import FakeService
from tests.databases import opened, settings_of

pytestmark = pytest.mark.anyio
ANN, BOB = {"X-API-Key": ANN_KEY}, {"X-API-Key": BOB_KEY}
CANARY = "canary-7f3d9"


@pytest.fixture
async def locked(
    settings: Settings, service: FakeService, tmp_path: Path
) -> AsyncIterator[FastAPI]:
    async with opened(settings_of(tmp_path, None)) as archive:
        trail = AuditLog(archive.database, archive.writer, settings)
        yield make(settings, service, api_keys=keys(), admins=("bob",), trail=trail)


async def _log(client: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await client.get("/v1/audit", headers=BOB, params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_what_changes_something_says_who_what_when_and_what_came_of_it(
    locked: FastAPI,
) -> None:
    async with direct(locked) as client:
        asked = {**ANN, "X-Client-Name": "the bot", "X-Request-Id": "req_mine"}
        body = {"session": "new", "input": {"url": f"https://x.example/?q={CANARY}"}}
        done = await client.post("/v1/functions/open", headers=asked, json=body)
        [entry] = await _log(client)
        assert entry["at"]
        assert {name: entry[name] for name in entry if name not in ("at", "id", "address")} == {
            "owner": "ann", "key": "ann", "name": "ann", "client": "the bot", "method": "POST",
            "route": "/v1/functions/open", "action": "open",
            "session_id": done.json()["session_id"], "subject": None, "status": 200, "code": None,
            "request_id": "req_mine",
        }  # fmt: skip
        assert entry["address"] == "127.0.0.1"


async def test_what_only_looks_is_not_in_it_but_what_acts_and_what_is_refused_is(
    locked: FastAPI, service: FakeService
) -> None:
    async with direct(locked) as client:
        session = (await client.post("/v1/sessions", headers=ANN)).json()["id"]
        await client.post(f"/v1/sessions/{session}/snapshot", headers=ANN, json={})
        await client.get("/v1/sessions", headers=ANN)
        await client.post(f"/v1/sessions/{session}/heartbeat", headers=ANN)
        click = {"action": "click", "ref": "@e1"}
        await client.post(f"/v1/sessions/{session}/interact", headers=ANN, json=click)
        await client.get("/v1/audit", headers=ANN)
        await client.get("/v1/sessions")
        found = [(one["action"], one["status"], one["code"]) for one in await _log(client)]
        assert found == [
            ("GET", 401, "unauthorized"),
            ("GET", 403, "forbidden"),
            ("interact", 200, None),
            ("create_session", 201, None),
        ]
        [mine] = await _log(client, session=session)
        assert mine["action"] == "interact"
        assert len(await _log(client, action="create_session", owner="ann")) == 1
        assert await _log(client, owner="carl") == []


async def test_what_an_admin_reads_of_states_and_videos_is_in_it(locked: FastAPI) -> None:
    async with direct(locked) as client:
        for caller in (ANN, BOB):
            await client.get("/v1/recordings", headers=caller)
            await client.get("/v1/profiles/shop/state", headers=caller)
            await client.get("/v1/sessions", headers=caller)
        found = [(one["owner"], one["action"], one["subject"]) for one in await _log(client)]
        assert found == [("bob", "get_profile_state", "shop"), ("bob", "list_recordings", None)]


async def test_what_an_admin_does_with_others_things_is_in_it_looks_too(
    locked: FastAPI, store: ArtifactStore
) -> None:
    async with locked.state.operations, direct(locked) as client:
        session = (await client.post("/v1/sessions", headers=ANN)).json()["id"]
        steps = {"steps": [{"function": "snapshot"}]}
        begun = await client.post(f"/v1/sessions/{session}/run", headers=ANN, json=steps)
        operation = begun.headers["location"]
        kept = await store.put(
            b"x", owner="ann", session_id=session, content_type="image/png", filename="x.png"
        )
        own = (await client.post("/v1/sessions", headers=BOB)).json()["id"]
        before = len(await _log(client))
        for caller in (ANN, BOB):
            for path in (f"/v1/sessions/{session}/snapshot", f"/v1/sessions/{own}/snapshot"):
                await client.post(path, headers=caller, json={})
            for path in (operation, f"{operation}/events", kept.url, f"/v1/sessions/{session}",
                         f"/v1/sessions/{own}", f"/v1/sessions/{session}/events?follow=false",
                         "/v1/sessions", "/v1/operations", "/v1/sessions?owner=bob"):  # fmt: skip
                await client.get(path, headers=caller)
        image = {**BOB, "Accept": "image/png"}
        await client.post(f"/v1/sessions/{session}/screenshot", headers=image, json={})
        await client.get("/v1/sessions?owner=*", headers=BOB)
        await client.post(f"/v1/sessions/{session}/heartbeat", headers=BOB)
        log = await _log(client)
        new = [one for one in log[: len(log) - before] if one["status"] < 400]
        assert {one["owner"] for one in new} == {"bob"}
        assert [(one["action"], one["session_id"]) for one in reversed(new)] == [
            ("snapshot", session),
            ("get_operation", None),
            ("follow_operation", None),
            ("get_artifact", None),
            ("get_session", session),
            ("follow_session", session),
            ("screenshot", session),
            ("list_sessions", None),
        ]


async def test_no_body_no_secret_and_no_address_that_was_asked_for_is_in_it(
    locked: FastAPI,
) -> None:
    async with direct(locked) as client:
        for path, body in (
            ("/v1/functions/open", {"session": "new", "input": {"url": f"https://{CANARY}.test"}}),
            ("/v1/functions/execute", {"session": "new", "input": {"code": CANARY}}),
            (f"/v1/functions/{CANARY}", {}),
            (f"/v1/{CANARY}?q={CANARY}", {CANARY: CANARY}),
        ):
            headers = {**ANN, "Authorization": f"Bearer {CANARY}", "X-Control-Token": CANARY}
            await client.post(path, headers=ANN | {"X-Control-Token": CANARY}, json=body)
            headers.pop("X-API-Key")
            await client.post(path, headers=headers, json=body)
        await client.get(f"/v1/links/{CANARY}{'A' * 80}")
        await client.post(f"/v1/links/{CANARY}{'A' * 80}")
        answer = await client.get("/v1/audit", headers=BOB)
        assert len(answer.json()["items"]) >= 8
        assert CANARY not in answer.text
        assert ANN_KEY not in answer.text


async def test_strangers_can_not_fill_it(locked: FastAPI) -> None:
    async with direct(locked) as client:
        for _ in range(STRANGERS + 50):
            await client.get("/v1/sessions")
        query = {"limit": "1000"}
        assert len(await _log(client, **query)) <= STRANGERS
        await client.post("/v1/sessions", headers=ANN)
        assert (await _log(client))[0]["action"] == "create_session"


@pytest.mark.parametrize(
    "query", ["since=yesterday", "limit=0", "limit=1001", "cursor=made-up", "until="]
)
async def test_a_question_that_is_none_is_refused(locked: FastAPI, query: str) -> None:
    async with direct(locked) as client:
        assert (await client.get(f"/v1/audit?{query}", headers=BOB)).status_code == 400


async def test_times_are_bounds_whatever_their_zone(locked: FastAPI) -> None:
    async with direct(locked) as client:
        await client.post("/v1/sessions", headers=ANN)
        assert await _log(client, since="2999-01-01T00:00:00+02:00") == []
        assert len(await _log(client, until="2999-01-01T00:00:00")) == 1
