from collections.abc import Iterator

import httpx
import pytest

from agent_browser import errors
from agent_browser.api import problems
from agent_browser.errors import AgentBrowserError
from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio


def _tree(kind: type[AgentBrowserError] = AgentBrowserError) -> Iterator[type[AgentBrowserError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from _tree(below)


def test_every_error_class_has_a_status_but_the_one_that_is_never_a_problem() -> None:
    assert set(_tree()) - set(problems.STATUS) == {errors.ActionFailed}
    assert set(problems.STATUS) <= set(_tree())


def test_a_code_has_one_status_and_the_contract_s_is_it() -> None:
    by_code: dict[str, set[int]] = {}
    for kind, status in problems.STATUS.items():
        by_code.setdefault(kind.code, set()).add(status)
    assert {code: statuses for code, statuses in by_code.items() if len(statuses) > 1} == {}
    contract = {
        400: "invalid_request invalid_timeout invalid_url",
        401: "unauthorized",
        403: "forbidden egress_denied host_not_allowed",
        404: "session_not_found artifact_not_found",
        409: "option_needs_new_session idempotency_conflict",
        410: "session_expired session_ended",
        413: "payload_too_large",
        429: "session_queue_full rate_limited",
        502: "navigation_failed",
        503: "pool_full browser_lost",
        504: "deadline_exceeded",
    }
    for status, codes in contract.items():
        for code in codes.split():
            assert by_code[code] == {status}, code


def test_a_code_s_own_fields_never_take_the_place_of_the_common_ones() -> None:
    error = errors.NotFound("gone", status=200, code="x", functions=["open"])
    problem = problems.problem_of(error, "req_1").model_dump()
    assert (problem["status"], problem["code"]) == (404, "not_found")
    assert problem["functions"] == ["open"]
    assert problem["type"] == "/docs/errors#not_found"


async def test_a_refusal_says_when_to_come_back(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    async def full() -> None:
        raise errors.PoolFull("memory", retry_after=2.2)

    service.before = full
    response = await client.post("/v1/functions/snapshot")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "3"
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem.pop("request_id") == response.headers["x-request-id"]
    assert problem == {
        "type": "/docs/errors#pool_full",
        "title": "Pool full",
        "status": 503,
        "detail": "no room for another session (memory)",
        "code": "pool_full",
        "retryable": True,
        "recovery": "wait",
        "reason": "memory",
        "retry_after": 2.2,
    }


async def test_what_nobody_expected_is_500_without_a_word_of_it(
    client: httpx.AsyncClient, service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail() -> None:
        raise RuntimeError("secret at /srv/place")

    service.before = fail
    response = await client.post("/v1/functions/snapshot")
    assert response.status_code == 500
    problem = response.json()
    assert problem["code"] == "internal_error"
    assert problem["request_id"] == response.headers["x-request-id"]
    for word in ("secret", "/srv", "RuntimeError", "Traceback"):
        assert word not in response.text
    logged = capsys.readouterr()
    assert problem["request_id"] in logged.out + logged.err
    assert "secret at /srv/place" in logged.out + logged.err


async def test_wrong_fields_are_named_and_their_values_are_not(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/v1/functions/open",
        json={"input": {"url": "x", "proxy_password": {"hunter2": 1}, "widht": 3, "width": "wide"}},
    )
    assert response.status_code == 400
    problem = response.json()
    assert problem["code"] == "invalid_request"
    said = {error["field"]: error["message"] for error in problem["errors"]}
    assert said["input.widht"] == "there is no such field"
    assert set(said) == {"input.widht", "input.width", "input.proxy_password"}
    assert "hunter2" not in response.text
    assert "wide" not in response.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not JSON"),
        (b"[]", "dictionary"),
        (b'"text"', "dictionary"),
        (b'{"input": {"url": "\\ud800"}}', "input.url"),
        (b'\xff\xfe{"input"', "JSON"),
        (b'{"input": {}}', "input.url: Field required"),
        (b'{"input": {"url": "x", "geolocation": {"latitude": NaN, "longitude": 1}}}', "latitude"),
        (b"[" * 9_000, "JSON"),
    ],
)
async def test_a_body_that_makes_no_sense_is_an_invalid_request(
    client: httpx.AsyncClient, body: bytes, said: str
) -> None:
    response = await client.post(
        "/v1/functions/open", content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_request"
    assert said in response.json()["detail"]


async def test_long_field_names_and_many_faults_are_cut(client: httpx.AsyncClient) -> None:
    junk = {f"{n}" + "x" * 100: 1 for n in range(60)}
    response = await client.post("/v1/functions/open", json={"input": {"url": "x", **junk}})
    assert response.status_code == 400
    assert len(response.json()["errors"]) == 32
    assert len(response.json()["detail"]) < 1_000


async def test_an_address_where_nothing_is_answers_with_a_problem(
    client: httpx.AsyncClient,
) -> None:
    for path in ("/", "/v1", "/v1/sessions/", "/v1/functions/open/", "/docs/", "/static/x"):
        response = await client.get(path)
        assert response.status_code == 404, path
        assert response.json()["code"] == "not_found"


async def test_a_wrong_method_names_the_right_ones(client: httpx.AsyncClient) -> None:
    response = await client.put("/v1/sessions")
    assert response.status_code == 405
    assert response.json()["code"] == "method_not_allowed"
    assert response.headers["allow"] == "GET, POST"
    assert (await client.get("/v1/functions/open")).headers["allow"] == "POST"
