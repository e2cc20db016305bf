"""Both clients, on a transport in memory."""

import inspect
import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent_browser.client import (
    AnswerLost,
    AsyncClient,
    Client,
    ServerUnreachable,
    UnexpectedAnswer,
    wire,
)
from agent_browser.client.address import parse
from agent_browser.errors import (
    ArtifactNotFound,
    InvalidRequest,
    PoolFull,
    SessionEnded,
    Unavailable,
)
from agent_browser.models.artifacts import Artifact
from agent_browser.models.functions import InteractOutput, OpenOutput
from tests.client.wire import ARTIFACT, PAGE, RECORD, SESSION, Recorder, problem

KEY = "k" * 24
LIST: dict[str, object] = {"items": [], "next_cursor": None}
HEALTH = {
    "status": "ok", "live": 1, "opening": 0, "waiting": 0, "ended": 2, "capacity": 8, "warm": 4,
    "browsers": 2, "pressure": "none",
}  # fmt: skip
RECORDING = {**ARTIFACT, "session_id": SESSION}
CHECKPOINT = {"id": "ckp_x", "created_at": "2026-01-02T03:04:05Z", "cause": "demand", "size": 9}
PROFILE = {
    "name": "shop", "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
}  # fmt: skip
AT = "2026-01-02T03:04:05Z"
SECRET = {"name": "door", "kind": "text", "created_at": AT, "updated_at": AT}
TRAFFIC: dict[str, object] = {"bytes_up": 1, "bytes_down": 2, "denied": 0, "items": []}
LIMITS: dict[str, object] = {"owner": "ada", "limits": {"sessions": 3}, "given": {"sessions": 3}}
STATE = {"cookies": [], "tabs": [{"id": "t1", "url": "http://x/"}], "active": "t1"}

CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any], str, str, dict[str, Any]]] = [
    ("call", ("execute", {"code": "1"}), {}, "POST", "/v1/functions/execute", {}),
    ("open", ("example.com",), {"width": 9}, "POST", "/v1/functions/open", PAGE),
    ("snapshot", (SESSION,), {"limit": 9}, "POST", "/v1/functions/snapshot", PAGE),
    ("interact", (SESSION, "click"), {"ref": "@e1"}, "POST", "/v1/functions/interact",
     {"success": True, "action": "click"}),
    ("screenshot", (SESSION,), {}, "POST", "/v1/functions/screenshot",
     {"screenshot": ARTIFACT, "width": 1, "height": 1}),
    ("execute", (SESSION, "1"), {}, "POST", "/v1/functions/execute", {"result": "1", "value": 1}),
    ("read", (SESSION,), {"format": "text"}, "POST", "/v1/functions/read",
     {"format": "text", "url": "http://x/", "title": "", "content": "words"}),
    ("pdf", (SESSION,), {"format": "A5"}, "POST", "/v1/functions/pdf",
     {"pdf": ARTIFACT, "pages": 1}),
    ("compare", ("example.com", SESSION), {"tolerance": 3}, "POST", "/v1/compare",
     {"same": True, "a": {"url": "http://x/", "title": ""},
      "b": {"url": "http://y/", "title": ""}}),
    ("emulate", (SESSION,), {"offline": True}, "POST", "/v1/functions/emulate",
     {"emulation": {"width": 1, "height": 1}}),
    ("record", (SESSION, "start"), {"fps": 30}, "POST", "/v1/functions/record",
     {"action": "start", "recording": True}),
    ("trace", (SESSION, "stop"), {}, "POST", "/v1/functions/trace",
     {"action": "stop", "tracing": False, "trace": ARTIFACT}),
    ("requests", (SESSION,), {"status": "4xx"}, "POST", "/v1/functions/requests",
     {"requests": [], "total": 0, "kept": 0, "dropped": 0}),
    ("request", (SESSION, "r1"), {"body": False}, "POST", "/v1/functions/request",
     {"request": {"id": "r1", "method": "GET", "url": "u", "type": "fetch", "state": "done"}}),
    ("route", (SESSION,), {"rules": [{"action": "fulfil", "json": {"a": 1}}]}, "POST",
     "/v1/functions/route", {"rules": []}),
    ("har", (SESSION, "start"), {}, "POST", "/v1/functions/har", {"recording": True}),
    ("console", (SESSION,), {"level": "error"}, "POST", "/v1/functions/console",
     {"messages": [], "total": 0}),
    ("storage", (SESSION, "put"), {"key": "k", "value": None, "expires_in": "1m"}, "POST",
     "/v1/functions/storage", {"area": "local", "origin": "http://x"}),
    ("cookies", (SESSION,), {"text": ""}, "POST", "/v1/functions/cookies", {"changed": 0}),
    ("messages", (SESSION,), {"action": "start"}, "POST", "/v1/functions/messages",
     {"recording": True}),
    ("close", (SESSION,), {}, "POST", "/v1/functions/close", {"success": True}),
    ("create_session", (), {"name": "n"}, "POST", "/v1/sessions", RECORD),
    ("list_sessions", (), {"limit": 5}, "GET", "/v1/sessions?limit=5", LIST),
    ("get_session", (SESSION,), {}, "GET", f"/v1/sessions/{SESSION}", RECORD),
    ("update_session", (SESSION,), {"name": None, "pinned": True}, "PATCH",
     f"/v1/sessions/{SESSION}", RECORD),
    ("update_timeouts", (SESSION,), {"idle": "2h"}, "PATCH",
     f"/v1/sessions/{SESSION}/timeout", RECORD),
    ("renew_session", (SESSION,), {}, "POST", f"/v1/sessions/{SESSION}/renew", RECORD),
    ("keep_alive", (SESSION,), {}, "POST", f"/v1/sessions/{SESSION}/heartbeat", RECORD),
    ("actions", (SESSION,), {"limit": 2}, "GET", f"/v1/sessions/{SESSION}/actions?limit=2", LIST),
    ("end_session", (SESSION,), {}, "DELETE", f"/v1/sessions/{SESSION}", {}),
    ("hibernate", (SESSION,), {"force": True}, "POST", f"/v1/sessions/{SESSION}/hibernate", RECORD),
    ("resume", (SESSION,), {}, "POST", f"/v1/sessions/{SESSION}/resume", RECORD),
    ("fork", (SESSION,), {"name": "n"}, "POST", f"/v1/sessions/{SESSION}/fork", RECORD),
    ("checkpoint", (SESSION,), {}, "POST", f"/v1/sessions/{SESSION}/checkpoints", CHECKPOINT),
    ("checkpoints", (SESSION,), {}, "GET", f"/v1/sessions/{SESSION}/checkpoints",
     {"items": [CHECKPOINT], "next_cursor": None}),
    ("restore", (SESSION, "ckp_x"), {}, "POST",
     f"/v1/sessions/{SESSION}/checkpoints/ckp_x/restore", RECORD),
    ("get_state", (SESSION,), {}, "GET", f"/v1/sessions/{SESSION}/state", STATE),
    ("storage_state", (SESSION,), {}, "GET", f"/v1/sessions/{SESSION}/state?form=playwright",
     {"cookies": [], "origins": []}),
    ("put_state", (SESSION, STATE), {}, "PUT", f"/v1/sessions/{SESSION}/state", RECORD),
    ("traffic", (SESSION,), {}, "GET", f"/v1/sessions/{SESSION}/traffic", TRAFFIC),
    ("list_secrets", (), {}, "GET", "/v1/secrets", LIST),
    ("get_secret", ("door",), {}, "GET", "/v1/secrets/door", SECRET),
    ("put_secret", ("door",), {"value": "sesame", "any_origin": True}, "PUT", "/v1/secrets/door",
     SECRET),
    ("delete_secret", ("door",), {}, "DELETE", "/v1/secrets/door", {}),
    ("link", ("art_x",), {"expires_in": "10m"}, "POST", "/v1/artifacts/art_x/link",
     {"url": "/v1/links/x", "expires_at": AT}),
    ("usage", (), {"owner": "ada"}, "GET", "/v1/usage?owner=ada", {"owner": "ada", "quotas": []}),
    ("quotas", ("a/b",), {}, "GET", "/v1/quotas/a%2Fb", LIMITS),
    ("put_quotas", ("ada",), {"sessions": 3}, "PUT", "/v1/quotas/ada", LIMITS),
    ("audit", (), {"session": SESSION, "limit": 5}, "GET", f"/v1/audit?session={SESSION}&limit=5",
     LIST),
    ("list_profiles", (), {}, "GET", "/v1/profiles", LIST),
    ("get_profile", ("shop",), {}, "GET", "/v1/profiles/shop", PROFILE),
    ("put_profile", ("shop",), {"session_id": SESSION}, "PUT", "/v1/profiles/shop", PROFILE),
    ("profile_state", ("shop",), {}, "GET", "/v1/profiles/shop/state", STATE),
    ("profile_storage_state", ("shop",), {}, "GET", "/v1/profiles/shop/state?form=playwright",
     {"cookies": [], "origins": []}),
    ("delete_profile", ("shop",), {}, "DELETE", "/v1/profiles/shop", {}),
    ("list_recordings", (), {}, "GET", "/v1/recordings", LIST),
    ("get_recording", ("art_x",), {}, "GET", "/v1/recordings/art_x", RECORDING),
    ("delete_recording", ("art_x",), {}, "DELETE", "/v1/recordings/art_x", {}),
    ("downloads", (SESSION,), {"zip": True}, "POST", "/v1/functions/downloads", {}),
    ("list_uploads", (SESSION,), {}, "GET", f"/v1/sessions/{SESSION}/uploads", LIST),
    ("delete_upload", (SESSION, "a b.txt"), {}, "DELETE",
     f"/v1/sessions/{SESSION}/uploads/a%20b.txt", {}),
    ("health", (), {}, "GET", "/v1/sessions/health", HEALTH),
    ("is_alive", (), {}, "GET", "/healthz", {"status": "ok", "service": "agent-browser"}),
    ("readiness", (), {}, "GET", "/readyz", {"status": "ready", "detail": "d", "browser": "b"}),
]  # fmt: skip


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "args", "kwargs", "method", "path", "answer"), CALLS, ids=lambda x: str(x)[:24]
)
async def test_both_clients_send_the_same_and_read_the_same(
    name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    method: str,
    path: str,
    answer: dict[str, Any],
) -> None:
    blocking, awaiting = (Recorder(httpx.Response(200, json=answer)) for _ in range(2))
    with Client(api_key=KEY, transport=blocking) as client:
        one = getattr(client, name)(*args, **kwargs)
    async with AsyncClient(api_key=KEY, transport=awaiting) as asynchronous:
        other = await getattr(asynchronous, name)(*args, **kwargs)

    assert one == other
    for recorder in (blocking, awaiting):
        assert recorder.last.method == method
        assert str(recorder.last.url) == f"http://127.0.0.1:7070{path}"
        assert recorder.last.headers["authorization"] == f"Bearer {KEY}"
    assert blocking.last.content == awaiting.last.content


def test_both_clients_have_the_same_methods_and_each_is_tested() -> None:
    def public(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(member).parameters)
            for name, member in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert public(Client) == public(AsyncClient)
    elsewhere = {"send", "session", "download", "fetch", "disconnect", "upload", "scrape", "events"}
    assert set(public(Client)) == {call[0] for call in CALLS} | elsewhere


def test_answers_are_typed() -> None:
    with Client(transport=Recorder(httpx.Response(200, json=PAGE))) as client:
        page = client.open("example.com")

    assert isinstance(page, OpenOutput)
    assert page.elements[0].ref == "@e1"


def test_an_action_that_was_not_done_is_an_answer() -> None:
    body = {"success": False, "action": "click", "message": "Stale ref: @e1", "code": "stale_ref"}
    with Client(transport=Recorder(httpx.Response(200, json=body))) as client:
        output = client.interact(SESSION, "click", ref="@e1")

    assert output == InteractOutput.model_validate(body)


def test_a_refused_call_raises_its_class() -> None:
    refusal = problem(503, "pool_full", reason="memory", retry_after=5)
    with Client(transport=Recorder(refusal)) as client, pytest.raises(PoolFull) as caught:
        client.open("example.com")

    assert caught.value.fields["retry_after"] == 5


def test_an_idempotency_key_is_sent_as_a_header() -> None:
    recorder = Recorder(httpx.Response(200, json={}))
    with Client(transport=recorder) as client:
        client.call("close", session=SESSION, idempotency_key="once")

    assert recorder.last.headers["idempotency-key"] == "once"
    assert recorder.sent == {"session": SESSION, "input": {}}


def test_a_server_that_is_not_ready_says_why() -> None:
    said = problem(503, "unavailable", browser="", warnings=["no sandbox"], retry_after=5)
    with Client(transport=Recorder(said)) as client:
        readiness = client.readiness()

    assert not readiness.ready
    assert readiness.detail == "detail of unavailable"
    assert readiness.warnings == ["no sandbox"]


def test_readiness_of_nothing_is_an_error() -> None:
    with Client(f"http://127.0.0.1:{_closed_port()}") as client:
        with pytest.raises(ServerUnreachable):
            client.readiness()
        assert not client.is_alive()


def test_another_program_at_the_address_is_not_taken_for_a_server() -> None:
    with (
        Client(transport=Recorder(httpx.Response(200, json={"status": "ok"}))) as client,
        pytest.raises(UnexpectedAnswer),
    ):
        client.is_alive()


@pytest.mark.anyio
async def test_a_refused_connection_is_said_in_words() -> None:
    url = f"http://127.0.0.1:{_closed_port()}"
    with Client(url) as client, pytest.raises(ServerUnreachable, match="connection refused"):
        client.health()
    async with AsyncClient(url) as asynchronous:
        with pytest.raises(ServerUnreachable, match="connection refused") as caught:
            await asynchronous.health()

    assert isinstance(caught.value, Unavailable)
    assert caught.value.fields["url"] == url


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ReadTimeout("x"),
        httpx.ReadError("x"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_lost_answer_is_not_a_refused_call(failure: httpx.TransportError) -> None:
    def fail(_request: httpx.Request) -> httpx.Response:
        raise failure

    with (
        Client(transport=Recorder(fail)) as client,
        pytest.raises(AnswerLost, match="may have been done") as caught,
    ):
        client.close(SESSION)

    assert not caught.value.retryable


def test_the_environment_names_server_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_BROWSER_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AGENT_BROWSER_API_KEY", KEY)
    recorder = Recorder(httpx.Response(200, json=HEALTH))
    with Client(transport=recorder) as client:
        client.health()

    assert str(recorder.last.url).startswith("http://127.0.0.1:9/")
    assert recorder.last.headers["authorization"] == f"Bearer {KEY}"


def test_no_proxy_catches_what_goes_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://proxy.invalid:3128")
    url = f"http://127.0.0.1:{_closed_port()}"

    with Client(url) as client, pytest.raises(ServerUnreachable, match="connection refused"):
        client.health()
    assert wire.trusts_environment(parse("https://browsers.example"))


def test_certificates_are_always_checked() -> None:
    assert wire.verify(parse("https://browsers.example")) is True
    plain = wire.verify(parse("http://127.0.0.1:1"))
    assert isinstance(plain, ssl.SSLContext)
    assert plain.verify_mode is ssl.CERT_REQUIRED
    assert plain.check_hostname


def _serving(body: bytes) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _request: httpx.Response(200, content=body)


@pytest.mark.anyio
async def test_an_artifact_is_saved_as_a_file(tmp_path: Path) -> None:
    artifact = Artifact.model_validate(ARTIFACT)
    recorder = Recorder(_serving(b"abc"))
    with Client(transport=recorder) as client:
        assert client.download(artifact, tmp_path / "a.png") == tmp_path / "a.png"
        assert client.fetch(artifact.url) == b"abc"
    async with AsyncClient(transport=recorder) as asynchronous:
        await asynchronous.download(artifact, str(tmp_path / "b.png"))
        assert await asynchronous.fetch(artifact) == b"abc"

    assert _files(tmp_path) == {"a.png": b"abc", "b.png": b"abc"}
    assert {str(request.url) for request in recorder.requests} == {
        f"http://127.0.0.1:7070{ARTIFACT['url']}"
    }


def test_a_key_never_goes_to_another_host() -> None:
    recorder = Recorder(_serving(b"abc"))
    with Client(api_key=KEY, transport=recorder) as client:
        client.fetch("https://evil.example/v1/artifacts/a")

    assert recorder.last.url.host == "127.0.0.1"


def test_a_redirect_is_not_followed() -> None:
    recorder = Recorder(httpx.Response(302, headers={"location": "https://evil.example/"}))
    with Client(api_key=KEY, transport=recorder) as client, pytest.raises(UnexpectedAnswer):
        client.fetch("/v1/artifacts/a")

    assert len(recorder.requests) == 1


@pytest.mark.parametrize("body", [b"ab", b"abd", b""])
def test_a_file_that_is_not_whole_is_no_file(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "a.png").write_bytes(b"before")
    with Client(transport=Recorder(_serving(body))) as client, pytest.raises(UnexpectedAnswer):
        client.download(Artifact.model_validate(ARTIFACT), tmp_path / "a.png")

    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"before"


def test_an_artifact_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    recorder = Recorder(problem(404, "artifact_not_found"))
    with Client(transport=recorder) as client, pytest.raises(ArtifactNotFound):
        client.download("/v1/artifacts/a", tmp_path / "a.png")

    assert list(tmp_path.iterdir()) == []


def test_the_client_loads_neither_playwright_nor_fastapi() -> None:
    code = (
        "import sys, json; import agent_browser.client; "
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))

    assert "httpx" in loaded
    assert not loaded & {"playwright", "fastapi", "starlette", "uvicorn", "typer", "structlog"}


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _closed_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_a_lapsed_session_says_session_not_found() -> None:
    gone = problem(410, "session_ended", detail="session not found: ses_x has ended (idle).")
    recorder = Recorder(gone)
    with Client(transport=recorder) as client, pytest.raises(SessionEnded, match="not found"):
        client.snapshot(SESSION)


@pytest.mark.anyio
async def test_files_are_sent_as_a_form_of_their_names_and_bytes(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"this is {name}")
    paths: list[Path | str] = [tmp_path / "a.txt", str(tmp_path / "b.txt")]
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        assert str(request.url).endswith(f"/v1/sessions/{SESSION}/uploads")
        return httpx.Response(201, json=LIST)

    async def answer_later(request: httpx.Request) -> httpx.Response:
        bodies.append(await request.aread())
        return httpx.Response(201, json=LIST)

    with Client(transport=httpx.MockTransport(answer)) as client:
        assert client.upload(SESSION, *paths).items == []
        with pytest.raises(InvalidRequest):
            client.upload(SESSION)
    async with AsyncClient(transport=httpx.MockTransport(answer_later)) as asynchronous:
        assert (await asynchronous.upload(SESSION, *paths)).items == []
    assert len(bodies) == 2
    for body in bodies:
        assert b'filename="a.txt"' in body
        assert b"this is b.txt" in body
