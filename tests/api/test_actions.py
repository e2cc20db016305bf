"""The log over HTTP: in pages, and whole."""

import json
from datetime import UTC, datetime

import httpx
import pytest

from agent_browser.models.actions import Action
from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio


async def logged(client: httpx.AsyncClient, service: FakeService, count: int) -> str:
    session: str = (await client.post("/v1/sessions", json={})).json()["id"]
    for number in range(count):
        service.archive.put_action(
            Action(
                id=0,
                session_id=session,
                at=datetime(2026, 11, 21, 12, 0, number, tzinfo=UTC),
                function="execute",
                input={"code": f"{number}"},
                outcome="ok",
                milliseconds=1.5,
            )
        )
    return session


async def test_pages_follow_on_each_other_oldest_first(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    session = await logged(client, service, 5)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        parameters = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        answer = await client.get(f"/v1/sessions/{session}/actions", params=parameters)
        assert answer.status_code == 200
        page = answer.json()
        seen += [item["input"]["code"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["0", "1", "2", "3", "4"]


async def test_the_whole_of_it_comes_as_lines(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    session = await logged(client, service, 3)
    answer = await client.get(
        f"/v1/sessions/{session}/actions", headers={"Accept": "application/x-ndjson"}
    )
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["input"]["code"] for line in lines] == ["0", "1", "2"]
    assert lines[0]["at"] == "2026-11-21T12:00:00.000Z"


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
async def test_a_session_that_is_not_there_has_none(client: httpx.AsyncClient, accept: str) -> None:
    answer = await client.get("/v1/sessions/ses_x/actions", headers={"Accept": accept})
    assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=many", "cursor=made-up"])
async def test_a_question_that_makes_no_sense_is_told(
    client: httpx.AsyncClient, service: FakeService, query: str
) -> None:
    session = await logged(client, service, 1)
    answer = await client.get(f"/v1/sessions/{session}/actions?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
