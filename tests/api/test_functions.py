import anyio
import httpx
import pytest
from fastapi import FastAPI

from agent_browser.models.catalogue import INPUTS
from agent_browser.models.functions import ExecuteInput, OpenInput, ScreenshotInput, SnapshotInput
from agent_browser.settings import Settings
from tests.api.conftest import listening
from tests.api.fake import PIXEL, FakeService

pytestmark = pytest.mark.anyio


async def test_open_in_a_new_session_answers_with_its_id_beside_the_output(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    response = await client.post(
        "/v1/functions/open",
        json={"session": "new", "session_timeout": "90s", "input": {"url": "example.com"}},
    )
    assert response.status_code == 200
    answer = response.json()
    assert answer["session_id"] in service.sessions
    assert (answer["url"], answer["title"], answer["status"]) == ("example.com", "A page", 200)
    (call,) = service.calls
    assert (call.function, call.timeout) == ("open", 90.0)
    assert call.input == OpenInput(url="example.com")


async def test_run_is_open(client: httpx.AsyncClient, service: FakeService) -> None:
    response = await client.post("/v1/functions/run", json={"input": {"url": "example.com"}})
    assert response.status_code == 200
    assert service.calls[0].function == "run"


@pytest.mark.parametrize("body", [None, b"", b"{}", b'{"input": {}}'])
async def test_what_needs_nothing_takes_an_empty_body(
    client: httpx.AsyncClient, service: FakeService, body: bytes | None
) -> None:
    headers = {"Content-Type": "application/json"} if body else {}
    response = await client.post("/v1/functions/snapshot", content=body, headers=headers)
    assert response.status_code == 200
    assert service.calls[0].input == SnapshotInput()


async def test_close_in_a_session_s_own_address_needs_no_body(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    id = (await client.post("/v1/sessions")).json()["id"]
    for _ in range(2):
        response = await client.post(f"/v1/sessions/{id}/close")
        assert (response.status_code, response.json()["success"]) == (200, True)
    response = await client.post(f"/v1/sessions/{id}/execute", json={"code": "1+1"})
    assert response.status_code == 410
    assert response.json()["end_reason"] == "closed"
    assert "session not found" in response.json()["detail"]


async def test_a_function_on_a_session_is_called_with_its_input(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    id = (await client.post("/v1/sessions")).json()["id"]
    response = await client.post(f"/v1/sessions/{id}/execute", json={"code": "1+1"})
    assert response.json() == {
        "session_id": id, "dialog": None, "file_chooser": None, "result": "2", "value": 2,
        "error": None,
    }  # fmt: skip
    assert service.calls[0].input == ExecuteInput(code="1+1")


async def test_a_screenshot_is_an_artifact_or_with_accept_the_picture_itself(
    client: httpx.AsyncClient,
) -> None:
    id = (await client.post("/v1/sessions")).json()["id"]
    answer = (await client.post(f"/v1/sessions/{id}/screenshot")).json()
    assert (await client.get(answer["screenshot"]["url"])).content == PIXEL
    for accept, kind in [("image/*", "png"), ("image/jpeg", "jpeg"), ("image/webp, */*", "webp")]:
        picture = await client.post(f"/v1/sessions/{id}/screenshot", headers={"Accept": accept})
        assert picture.content == PIXEL
        assert picture.headers["content-type"] == f"image/{kind}"
    both = await client.post(
        f"/v1/sessions/{id}/screenshot", headers={"Accept": "application/json, image/*"}
    )
    assert "screenshot" in both.json()


async def test_the_body_s_type_wins_over_accept_s(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    id = (await client.post("/v1/sessions")).json()["id"]
    picture = await client.post(
        f"/v1/sessions/{id}/screenshot", json={"type": "png"}, headers={"Accept": "image/jpeg"}
    )
    assert picture.headers["content-type"] == "image/png"
    assert ScreenshotInput(type="png").model_fields_set == {"type"}


@pytest.mark.parametrize(
    "path", ["/v1/functions/fly", "/v1/sessions/ses_AAAAAAAAAAAAAAAAAAAAAA/fly"]
)
async def test_an_unknown_function_is_404_and_the_functions_are_named(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.post(path, json={})
    assert response.status_code == 404
    problem = response.json()
    assert problem["code"] == "not_found"
    assert problem["functions"] == list(INPUTS)


async def test_new_is_no_session_s_id_in_an_address(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    response = await client.post("/v1/sessions/new/snapshot")
    assert response.status_code == 404
    assert response.json()["code"] == "session_not_found"
    assert service.sessions == {}


async def test_half_a_surrogate_pair_from_a_page_is_no_error(
    client: httpx.AsyncClient, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent_browser.models.functions import ExecuteOutput, FunctionOutput

    async def output(*_: object) -> FunctionOutput:
        return ExecuteOutput(result="a\ud800b", value={"\udc00": ["x\ud83d"]})

    monkeypatch.setattr(service, "_output", output)
    response = await client.post("/v1/functions/execute", json={"input": {"code": "x"}})
    assert response.status_code == 200
    assert response.json()["result"] == "a\ufffdb"
    assert response.json()["value"] == {"\ufffd": ["x\ufffd"]}


async def test_a_caller_that_goes_away_cancels_its_call(
    app: FastAPI, settings: Settings, service: FakeService
) -> None:
    begun, cancelled = anyio.Event(), anyio.Event()

    async def hang() -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    service.before = hang
    body = b'{"input": {"url": "example.com"}}'
    head = f"POST /v1/functions/open HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    async with listening(app, settings) as url:
        async with await anyio.connect_tcp("127.0.0.1", int(url.rpartition(":")[2])) as stream:
            await stream.send(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
            with anyio.fail_after(5):
                await begun.wait()
        with anyio.fail_after(5):
            await cancelled.wait()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("image/png;q=0", "application/json"),
        ("image/*;q=0.0, */*", "application/json"),
        ("image/webp;q=0.5", "image/webp"),
        ("application/json;q=0, image/png", "image/png"),
    ],
)
async def test_a_quality_of_0_is_not_accepted(
    client: httpx.AsyncClient, accept: str, kind: str
) -> None:
    made = await client.post("/v1/sessions", json={})
    path = f"/v1/sessions/{made.json()['id']}/screenshot"
    answer = await client.post(path, json={}, headers={"Accept": accept})
    assert answer.headers["content-type"] == kind


@pytest.mark.anyio
async def test_a_picture_that_is_kept_nowhere_can_not_be_unchanged(
    client: httpx.AsyncClient,
) -> None:
    made = await client.post("/v1/sessions", json={})
    path = f"/v1/sessions/{made.json()['id']}/screenshot"
    answer = await client.post(path, json={"if_changed": True}, headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
