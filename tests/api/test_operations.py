from html.parser import HTMLParser

import httpx
import pytest
from fastapi import FastAPI

from agent_browser.api import problems
from agent_browser.api.metrics import Metrics
from agent_browser.pool.stats import PoolStatistics
from agent_browser.service import Readiness
from agent_browser.settings import Settings
from tests.api.conftest import listening
from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio


async def test_alive_is_answered_without_asking_anybody(client: httpx.AsyncClient) -> None:
    response = await client.get("/healthz")
    assert response.json() == {"status": "ok", "service": "agent-browser"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_head_is_answered_like_get_without_a_body(
    app: FastAPI, settings: Settings, path: str
) -> None:
    async with listening(app, settings) as url, httpx.AsyncClient(trust_env=False) as plain:
        head, get = await plain.head(url + path), await plain.get(url + path)
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["content-type"] == get.headers["content-type"]


async def test_ready_says_which_browser_answered_and_what_to_know(
    client: httpx.AsyncClient,
) -> None:
    response = await client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "detail": "1 browser answers",
        "browser": "HeadlessChrome/156",
        "warnings": ["no sandbox"],
    }


async def test_not_ready_is_503_with_the_reason(
    client: httpx.AsyncClient, service: FakeService, app: FastAPI
) -> None:
    service.ready = Readiness(False, "no browser answers", "")
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["detail"] == "no browser answers"
    assert "retry-after" in response.headers
    service.ready = Readiness(True, "1 browser answers", "x")
    app.state.draining = True
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert "shutting down" in response.json()["detail"]


async def test_metrics_count_time_and_read_the_pool(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    metrics: Metrics = app.state.metrics
    metrics.watch(
        lambda: PoolStatistics(
            live=3, opening=1, waiting=2, ended=9, capacity=20, warm=4, browsers=(), hibernated=7
        )
    )
    metrics.opened(warm=True, seconds=0.004)
    metrics.ended(reason="idle")
    metrics.called(function="interact", action="click", outcome="failed", seconds=0.02)
    metrics.waited(seconds=1.5)
    metrics.refused(reason="memory")
    metrics.launched(seconds=0.2)
    metrics.lost()
    metrics.recycled(reason="contexts")
    metrics.hibernated(reason="idle", seconds=0.04)
    metrics.resumed(outcome="ok", seconds=0.12)
    metrics.resumed(outcome="failed", seconds=3.0)
    metrics.checkpointed(outcome="ok", seconds=0.003, written=1804)
    metrics.checkpointed(outcome="failed", seconds=0.001, written=0)
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'agent_browser_sessions{state="live"} 3.0',
        'agent_browser_sessions{state="waiting"} 2.0',
        'agent_browser_sessions{state="hibernated"} 7.0',
        "agent_browser_capacity 20.0",
        "agent_browser_warm_contexts 4.0",
        'agent_browser_sessions_opened_total{warm="true"} 1.0',
        'agent_browser_sessions_ended_total{reason="idle"} 1.0',
        'agent_browser_calls_total{action="click",function="interact",outcome="failed"} 1.0',
        'agent_browser_opens_refused_total{reason="memory"} 1.0',
        "agent_browser_browser_launches_total 1.0",
        "agent_browser_browser_losses_total 1.0",
        'agent_browser_browser_recycles_total{reason="contexts"} 1.0',
        'agent_browser_open_duration_seconds_bucket{le="0.005",warm="true"} 1.0',
        'agent_browser_call_duration_seconds_count{function="interact"} 1.0',
        "agent_browser_wait_duration_seconds_sum 1.5",
        "agent_browser_browser_launch_duration_seconds_count 1.0",
        'agent_browser_hibernations_total{reason="idle"} 1.0',
        'agent_browser_hibernation_duration_seconds_bucket{le="0.05",reason="idle"} 1.0',
        'agent_browser_resumes_total{outcome="failed"} 1.0',
        'agent_browser_resume_duration_seconds_sum{outcome="ok"} 0.12',
        'agent_browser_checkpoints_total{outcome="failed"} 1.0',
        'agent_browser_checkpoint_duration_seconds_count{outcome="ok"} 1.0',
        "agent_browser_checkpoint_bytes_total 1804.0",
    ):
        assert line in response.text.splitlines(), line


class _Page(HTMLParser):
    """What a page loads, and its fragments."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.ids: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        named = dict(attrs)
        self.attributes |= named.keys()
        self.ids |= {value for name, value in attrs if name == "id" and value}
        if tag in ("link", "img", "script", "iframe"):
            self.loads.append(named.get("href") or named.get("src") or "")


@pytest.mark.parametrize("path", ["/docs", "/docs/errors"])
async def test_the_reference_works_offline_and_without_scripts(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" not in response.headers["content-security-policy"]
    page = _Page(response.text)
    assert page.loads == ["/docs/reference.css"]
    assert "script" not in page.tags
    assert not {name for name in page.attributes if name.startswith("on") or name == "style"}
    assert (await client.get(page.loads[0])).headers["content-type"].startswith("text/css")


async def test_the_reference_has_every_operation_and_every_code(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    operations = _Page((await client.get("/docs")).text).ids
    for methods in app.openapi()["paths"].values():
        for operation in methods.values():
            assert operation["operationId"] in operations
    codes = _Page((await client.get("/docs/errors")).text).ids
    assert {kind.code for kind in problems.STATUS} <= codes


async def test_no_other_style_sheet_is_served(client: httpx.AsyncClient) -> None:
    for name in ("other", "..%2f..%2fapp", "reference.css%00"):
        assert (await client.get(f"/docs/{name}.css")).status_code in (400, 404)
