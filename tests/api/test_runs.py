"""Runs and operations over HTTP, with a fake service behind them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI

from agent_browser.keyring.keyring import Keyring
from agent_browser.models.keys import KeyCreate
from agent_browser.models.running import Operation, OperationBrief, RunSummary, StepResult
from agent_browser.service import LOCAL
from agent_browser.settings import Settings
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, listening, make
from tests.api.fake import FakeService
from tests.fakes.papers import FakePapers

pytestmark = pytest.mark.anyio
OPEN = {"function": "open", "input": {"url": "http://a/"}}
SNAPSHOT = {"function": "snapshot"}
STEPS = {"steps": [OPEN, SNAPSHOT]}
AT_ONCE = {"Prefer": "respond-async"}


@pytest.fixture
async def app(settings: Settings, service: FakeService) -> AsyncIterator[FastAPI]:
    made = make(settings, service)
    async with made.state.operations:
        yield made


@pytest.fixture
async def session(client: httpx.AsyncClient) -> str:
    return str((await client.post("/v1/sessions")).json()["id"])


class Hold:
    """Holds the service's calls from the given one on, until it is let go."""

    def __init__(self, service: FakeService, number: int = 1) -> None:
        self.begun, self.go = anyio.Event(), anyio.Event()
        self._left = number
        service.before = self._wait

    async def _wait(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self.begun.set()
            await self.go.wait()


@asynccontextmanager
async def plain() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        yield client


async def test_a_line_for_each_step_and_a_summary(client: httpx.AsyncClient, session: str) -> None:
    response = await client.post(f"/v1/sessions/{session}/run", json=STEPS)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    first, second, last = response.text.splitlines()
    assert StepResult.model_validate_json(first).url == "http://a/"
    assert StepResult.model_validate_json(second).index == 1
    summary = RunSummary.model_validate_json(last)
    assert (summary.status, summary.session_id) == ("succeeded", session)
    assert response.headers["location"] == f"/v1/operations/{summary.id}"
    operation = Operation.model_validate((await client.get(response.headers["location"])).json())
    assert operation.steps == [StepResult.model_validate_json(line) for line in (first, second)]


async def test_a_body_with_a_url_is_open(client: httpx.AsyncClient, session: str) -> None:
    response = await client.post(f"/v1/sessions/{session}/run", json={"url": "http://a/"})
    assert response.headers["content-type"] == "application/json"
    assert response.json()["title"] == "A page"
    response = await client.post("/v1/sessions/new/run", json={"url": "http://a/"})
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"url"}),
        ([], {""}),
        ({"url": "x", "colour": 1}, {"colour"}),
        ({"steps": []}, {"steps"}),
        ({"steps": [OPEN], "url": "x"}, {"url"}),
        (
            {"steps": [{"function": "open"}, {"function": "x"}, {**SNAPSHOT, "input": {"a": 1}}]},
            {"steps.0.input.url", "steps.1.function", "steps.2.input.a"},
        ),
    ],
)
async def test_what_is_wrong_is_told_by_field_and_nothing_is_done(
    client: httpx.AsyncClient, service: FakeService, session: str, body: Any, fields: set[str]
) -> None:
    response = await client.post(f"/v1/sessions/{session}/run", json=body)
    assert response.status_code == 400
    assert {error["field"] for error in response.json()["errors"]} == fields
    assert service.calls == []


async def test_a_new_session_is_made_for_it_and_stays(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    response = await client.post("/v1/sessions/new/run", json=STEPS)
    summary = json.loads(response.text.splitlines()[-1])
    assert service.sessions[summary["session_id"]].state == "live"


async def test_a_preference_among_others_is_heeded(client: httpx.AsyncClient, session: str) -> None:
    several = [("Prefer", "return=minimal"), ("Prefer", "wait=5, Respond-Async;x=1")]
    headers = httpx.Headers(several)
    response = await client.post(f"/v1/sessions/{session}/run", json=STEPS, headers=headers)
    assert response.status_code == 202


async def test_asked_for_it_answers_at_once(
    client: httpx.AsyncClient, service: FakeService, session: str
) -> None:
    hold = Hold(service)
    response = await client.post(f"/v1/sessions/{session}/run", json=STEPS, headers=AT_ONCE)
    assert response.status_code == 202
    assert response.headers["preference-applied"] == "respond-async"
    brief = OperationBrief.model_validate(response.json())
    assert (brief.status, brief.session_id) == ("running", session)
    assert response.headers["location"] == f"/v1/operations/{brief.id}"
    await hold.begun.wait()
    listed = (await client.get("/v1/operations?status=running")).json()["items"]
    assert [one["id"] for one in listed] == [brief.id]
    hold.go.set()
    followed = await client.get(f"/v1/operations/{brief.id}/events")
    assert followed.text.count("event: step") == 2


async def test_what_keeps_it_from_beginning_is_a_problem(
    client: httpx.AsyncClient, session: str
) -> None:
    for address, status, code in [
        (f"/v1/sessions/{'x' * 30}/run", 404, "session_not_found"),
        (f"/v1/sessions/{session}/run", 410, "session_ended"),
    ]:
        if status == 410:
            await client.post(f"/v1/sessions/{session}/close")
        for headers in ({}, AT_ONCE):
            response = await client.post(address, json=STEPS, headers=headers)
            assert (response.status_code, response.json()["code"]) == (status, code)


async def test_who_was_cut_off_goes_on_where_it_was(
    app: FastAPI, settings: Settings, service: FakeService
) -> None:
    hold = Hold(service, number=2)
    async with listening(app, settings) as url, plain() as client:
        made = (await client.post(f"{url}/v1/sessions")).json()["id"]
        async with client.stream("POST", f"{url}/v1/sessions/{made}/run", json=STEPS) as answer:
            assert json.loads(await anext(answer.aiter_lines()))["index"] == 0
            address = url + answer.headers["location"]
        await hold.begun.wait()
        async with client.stream(
            "GET", f"{address}/events", headers={"Last-Event-ID": "1"}
        ) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["x-accel-buffering"] == "no"
            hold.go.set()
            told = [line async for line in answer.aiter_lines()]
        again = await client.get(f"{address}/events", headers={"Last-Event-ID": "3"})
        assert again.status_code == 204, "an event source is not to come for ever"
    data = [json.loads(line[6:]) for line in told if line.startswith("data: ")]
    assert [line for line in told if not line.startswith("data")] == [
        "id: 2", "event: step", "", "id: 3", "event: summary", "",
    ]  # fmt: skip
    assert data[0]["index"] == 1
    assert data[1]["status"] == "succeeded"


async def test_a_client_that_goes_away_for_good_aborts_what_it_asked_to_be_aborted(
    settings: Settings, service: FakeService
) -> None:
    app = make(settings, service, reconnect_grace=0.0)
    hold = Hold(service)
    async with app.state.operations, listening(app, settings) as url, plain() as client:
        made = (await client.post(f"{url}/v1/sessions")).json()["id"]
        for on_disconnect, status in [("continue", "succeeded"), ("abort", "aborted")]:
            body = {**STEPS, "on_disconnect": on_disconnect}
            async with client.stream("POST", f"{url}/v1/sessions/{made}/run", json=body) as answer:
                await hold.begun.wait()
                address = url + answer.headers["location"]
            if on_disconnect == "continue":
                hold.go.set()
            follow = await client.get(f"{address}/events")
            assert f'"status":"{status}"' in follow.text
            hold = Hold(service)


async def test_what_a_step_gave_is_withheld_from_a_key_without_its_right(
    settings: Settings, service: FakeService
) -> None:
    ring = Keyring(FakePapers())
    ann, viewer = await _key(ring), await _key(ring, role="viewer")
    app = make(settings, service, keyring=ring)
    steps = {"steps": [{"function": "execute", "input": {"code": "1"}}, SNAPSHOT]}
    async with app.state.operations, direct(app) as client:
        begun = await client.post("/v1/sessions/new/run", json=steps, headers=ann)
        place = begun.headers["location"]
        assert json.loads(begun.text.splitlines()[0])["output"] is not None
        for path in (place, f"{place}/events"):
            whole = (await client.get(path, headers=ann)).text
            less = (await client.get(path, headers=viewer)).text
            assert "withheld" not in whole
            assert less.count("withheld: it needs the right execute") == 1
        first, second = (await client.get(place, headers=viewer)).json()["steps"]
        assert (first["output"], second["output"] is None) == (None, False)


@pytest.mark.parametrize("way", ["lines", "events"])
async def test_the_lines_of_a_run_end_with_the_key_and_the_run_goes_on(
    settings: Settings, service: FakeService, way: str
) -> None:
    ring = Keyring(FakePapers())
    ann, late = await _key(ring), await _key(ring)
    app, hold = make(settings, service, keyring=ring), Hold(service, number=2)
    async with app.state.operations, listening(app, settings) as url, plain() as client:
        made = (await client.post(f"{url}/v1/sessions", headers=ann)).json()["id"]
        run = f"{url}/v1/sessions/{made}/run"
        by = late if way == "lines" else ann
        async with client.stream("POST", run, json=STEPS, headers=by) as answer:
            lines = answer.aiter_lines()
            assert json.loads(await anext(lines))["index"] == 0
            place = url + answer.headers["location"]
            await hold.begun.wait()
            if way == "events":
                async with client.stream("GET", f"{place}/events", headers=late) as other:
                    lines = other.aiter_lines()
                    assert await anext(lines) == "id: 1"
                    await _revoke(ring)
                    assert "summary" not in "".join([line async for line in lines])
            else:
                await _revoke(ring)
                assert [line async for line in lines] == []
        hold.go.set()
        assert '"status":"succeeded"' in (await client.get(f"{place}/events", headers=ann)).text


async def _key(ring: Keyring, **fields: str) -> dict[str, str]:
    request = {"name": "x", "role": "admin", "owner": "ann"} | fields
    return {"X-API-Key": (await ring.create(LOCAL, KeyCreate.model_validate(request))).key}


async def _revoke(ring: Keyring) -> None:
    """The key that was made last."""
    await ring.revoke(list(ring._kept)[-1])


async def test_a_quiet_stream_says_that_it_is_alive(
    settings: Settings, service: FakeService
) -> None:
    app = make(settings, service, event_heartbeat=0.001)
    hold = Hold(service)
    async with app.state.operations, listening(app, settings) as url, plain() as client:
        made = (await client.post(f"{url}/v1/sessions")).json()["id"]
        begun = await client.post(f"{url}/v1/sessions/{made}/run", json=STEPS, headers=AT_ONCE)
        address = f"{url}{begun.headers['location']}/events"
        async with client.stream("GET", address) as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == ": alive"
            hold.go.set()
            assert "event: summary" in [line async for line in lines]


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "9" * 9])
async def test_a_made_up_event_id_is_refused(
    client: httpx.AsyncClient, session: str, given: str
) -> None:
    begun = await client.post(f"/v1/sessions/{session}/run", json=STEPS, headers=AT_ONCE)
    response = await client.get(
        f"{begun.headers['location']}/events", headers={"Last-Event-ID": given}
    )
    assert response.status_code == 400


async def test_it_is_cancelled_and_erased(
    client: httpx.AsyncClient, service: FakeService, session: str
) -> None:
    hold = Hold(service)
    begun = await client.post(f"/v1/sessions/{session}/run", json=STEPS, headers=AT_ONCE)
    address = begun.headers["location"]
    await hold.begun.wait()
    cancelled = (await client.post(f"{address}/cancel")).json()
    assert (cancelled["status"], cancelled["reason"]) == ("aborted", "cancelled")
    assert (await client.post(f"{address}/cancel", json={})).json() == cancelled
    assert (await client.delete(address)).status_code == 204
    for method, path in [
        ("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("DELETE", ""),
    ]:  # fmt: skip
        response = await client.request(method, address + path)
        assert (response.status_code, response.json()["code"]) == (404, "operation_not_found")


async def test_a_purged_session_leaves_no_operation(
    client: httpx.AsyncClient, session: str
) -> None:
    await client.post(f"/v1/sessions/{session}/run", json=STEPS)
    await client.delete(f"/v1/sessions/{session}?purge=true")
    assert (await client.get("/v1/operations")).json()["items"] == []


async def test_another_owner_s_is_not_found(settings: Settings, service: FakeService) -> None:
    app = make(settings, service, api_keys=keys())
    ann, bob = ({"X-API-Key": key} for key in (ANN_KEY, BOB_KEY))
    async with app.state.operations, direct(app) as client:
        begun = await client.post("/v1/sessions/new/run", json=STEPS, headers={**ann, **AT_ONCE})
        address = begun.headers["location"]
        for path in (address, f"{address}/events"):
            assert (await client.get(path, headers=bob)).status_code == 404
        assert (await client.get("/v1/operations", headers=bob)).json()["items"] == []
        assert len((await client.get("/v1/operations", headers=ann)).json()["items"]) == 1


async def test_sent_again_under_its_key_it_is_followed_and_not_done_again(
    app: FastAPI, settings: Settings, service: FakeService
) -> None:
    hold = Hold(service, number=2)
    once = {"Idempotency-Key": "one-purchase"}
    async with listening(app, settings) as url, plain() as client:
        made = (await client.post(f"{url}/v1/sessions")).json()["id"]
        address = f"{url}/v1/sessions/{made}/run"
        async with client.stream("POST", address, json=STEPS, headers=once) as answer:
            assert "idempotency-replayed" not in answer.headers
            assert json.loads(await anext(answer.aiter_lines()))["index"] == 0
        await hold.begun.wait()
        hold.go.set()
        again = await client.post(address, json=STEPS, headers=once)
        assert again.headers["idempotency-replayed"] == "true"
        assert len(again.text.splitlines()) == 3
        at_once = await client.post(address, json=STEPS, headers={**once, **AT_ONCE})
        assert at_once.status_code == 202
        assert at_once.headers["location"] == again.headers["location"]
        other = await client.post(address, json={"steps": [OPEN]}, headers=once)
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert len(service.calls) == 2


async def test_a_key_works_on_the_other_form_as_on_every_post(
    client: httpx.AsyncClient, service: FakeService, session: str
) -> None:
    for replayed in (None, "true"):
        response = await client.post(
            f"/v1/sessions/{session}/run",
            json={"url": "http://a/"},
            headers={"Idempotency-Key": "x"},
        )
        assert response.headers.get("idempotency-replayed") == replayed
    assert len(service.calls) == 1
