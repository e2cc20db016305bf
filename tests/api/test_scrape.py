"""The scraping route over a fake service: the stream itself, and who goes away from it."""

import json

import anyio
import httpx
import pytest
from fastapi import FastAPI

from agent_browser.models.scraping import ScrapeResult, ScrapeSummary
from agent_browser.settings import Settings
from tests.api.conftest import listening
from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio


async def test_each_line_is_json_and_the_last_is_the_summary(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/scrape", json={"urls": ["http://a/", "http://b/"]})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["cache-control"] == "no-store"
    assert "content-length" not in response.headers
    *results, summary = response.text.splitlines()
    assert {ScrapeResult.model_validate_json(line).index for line in results} == {0, 1}
    assert ScrapeSummary.model_validate_json(summary).ok == 2


async def test_a_line_comes_before_the_next_is_done(
    app: FastAPI, settings: Settings, service: FakeService
) -> None:
    going_on = anyio.Event()
    calls = 0

    async def hold() -> None:
        nonlocal calls
        calls += 1
        if calls > 2:
            await going_on.wait()

    service.before = hold
    body = {"urls": ["http://a/", "http://a/"], "concurrency": 1}
    async with (
        listening(app, settings) as url,
        httpx.AsyncClient(trust_env=False) as plain,
        plain.stream("POST", f"{url}/v1/scrape", json=body) as answer,
    ):
        lines = answer.aiter_lines()
        assert json.loads(await anext(lines))["index"] == 0
        going_on.set()
        assert len([line async for line in lines]) == 2


async def test_a_reader_that_goes_away_ends_the_work(
    app: FastAPI, settings: Settings, service: FakeService
) -> None:
    begun, ended = anyio.Event(), anyio.Event()

    async def hold() -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    service.before = hold
    async with listening(app, settings) as url, httpx.AsyncClient(trust_env=False) as plain:
        async with plain.stream("POST", f"{url}/v1/scrape", json={"urls": ["http://a/"]}):
            await begun.wait()
        with anyio.fail_after(5):
            await ended.wait()
        assert {session.state for session in service.sessions.values()} == {"ended"}


async def test_an_idempotency_key_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "once"}
    response = await client.post("/v1/scrape", json={"urls": ["http://a/"]}, headers=headers)
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_request"
    assert "stream" in response.json()["detail"]
