"""Attacks on the rules of binding, keys, Host and Origin."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from agent_browser.api import auth, listen
from agent_browser.api.listen import StartFailed
from agent_browser.api.origins import Origins
from agent_browser.errors import HostNotAllowed, Unauthorized
from agent_browser.service import LOCAL
from agent_browser.settings import Settings
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, make
from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio


@pytest.fixture
def locked(settings: Settings, service: FakeService) -> FastAPI:
    return make(settings, service, api_keys=keys())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_without_keys_only_loopback_is_bound(settings: Settings, host: str) -> None:
    with pytest.raises(StartFailed, match="API_KEYS"):
        listen.check_callers(settings.model_copy(update={"host": host}), has_callers=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_is_bound_without_keys(settings: Settings, host: str) -> None:
    with listen.listener(settings.model_copy(update={"host": host})) as listening:
        assert listen.url_of(listening).startswith("http://")


def test_with_keys_every_address_is_bound_and_the_url_is_usable_here(settings: Settings) -> None:
    exposed = settings.model_copy(update={"host": "0.0.0.0", "api_keys": keys()})
    listen.check_callers(exposed, has_callers=True)
    with listen.listener(exposed) as listening:
        assert listen.url_of(listening).startswith("http://127.0.0.1:")


def test_a_taken_port_is_said_with_its_cure(settings: Settings) -> None:
    with listen.listener(settings) as first:
        port = first.getsockname()[1]
        with pytest.raises(StartFailed, match=f"port {port} .* is taken.*--port"):
            listen.listener(settings.model_copy(update={"port": port}))


@pytest.mark.parametrize("host", ["", "no such host", "192.0.2.1"])
def test_an_address_of_another_machine_is_said_to_be_one(settings: Settings, host: str) -> None:
    with pytest.raises(StartFailed, match="not an address"):
        listen.listener(settings.model_copy(update={"host": host, "api_keys": keys()}))


ROUTES = [
    ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/docs"), ("GET", "/docs/errors"),
    ("GET", "/docs/reference.css"), ("GET", "/openapi.json"), ("GET", "/v1/sessions"),
    ("GET", "/v1/sessions/health"), ("POST", "/v1/functions/open"), ("GET", "/v1/recordings"),
    ("GET", "/v1/artifacts/art_x"), ("GET", "/nothing"), ("GET", "/healthz/"), ("GET", "//healthz"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_route_but_healthz_wants_a_key(locked: FastAPI, method: str, path: str) -> None:
    async with direct(locked) as client:
        response = await client.request(method, f"http://127.0.0.1:7070{path}")
        assert response.status_code == 401
        assert response.json()["code"] == "unauthorized"
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_every_route_that_there_is_wants_a_key(locked: FastAPI) -> None:
    async with direct(locked) as client:
        for path, methods in locked.openapi()["paths"].items():
            for method in methods:
                response = await client.request(method, path.replace("{", "").replace("}", ""))
                wanted = {"/healthz": 200, "/v1/links/{token}": 410}.get(path, 401)
                assert response.status_code == wanted, path


async def test_the_key_goes_in_either_header(locked: FastAPI, service: FakeService) -> None:
    async with direct(locked) as client:
        for headers in ({"Authorization": f"Bearer {ANN_KEY}"}, {"X-API-Key": ANN_KEY},
                        {"Authorization": f"bearer  {ANN_KEY}"}):  # fmt: skip
            response = await client.post("/v1/sessions", headers=headers)
            assert response.json()["owner"] == "ann"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {ANN_KEY}x"},
        {"Authorization": f"Bearer {ANN_KEY[:-1]}"},
        {"Authorization": ANN_KEY},
        {"Authorization": f"Basic {ANN_KEY}"},
        {"Authorization": "Bearer ", "X-API-Key": ANN_KEY},
        {"X-API-Key": "ann"},
        {"X-API-Key": ""},
        {"X-API-Key": f"ann:{ANN_KEY}"},
        [("X-API-Key", ANN_KEY), ("X-API-Key", BOB_KEY)],
    ],
)
async def test_a_wrong_key_is_refused(locked: FastAPI, headers: Any) -> None:
    async with direct(locked) as client:
        assert (await client.get("/v1/sessions", headers=headers)).status_code == 401
        assert (await client.get(f"/v1/sessions?key={ANN_KEY}")).status_code == 401


def test_keys_are_kept_hashed() -> None:
    held = auth.Keys({ANN_KEY: "ann"})
    assert ANN_KEY not in repr(vars(held))


async def test_without_keys_everybody_is_the_local_caller(settings: Settings) -> None:
    open_to_all = auth.Callers(settings)
    assert await open_to_all.caller(authorization=None, api_key=None) == LOCAL
    assert await open_to_all.caller(authorization="Bearer whatever", api_key=None) == LOCAL
    held = auth.Callers(settings.model_copy(update={"api_keys": keys()}))
    with pytest.raises(Unauthorized):
        await held.caller(authorization=None, api_key=None)


@contextmanager
def _allowed(expected: bool) -> Iterator[None]:
    if expected:
        yield
    else:
        with pytest.raises(HostNotAllowed):
            yield


@pytest.mark.parametrize(
    ("bound", "host", "expected"),
    [
        ("127.0.0.1", "127.0.0.1:7070", True),
        ("127.0.0.1", "LOCALHOST:7070", True),
        ("127.0.0.1", "[::1]:7070", True),
        ("127.0.0.1", "127.9.9.9", True),
        ("127.0.0.1", "good.example:99", True),
        ("127.0.0.1", "evil.example", False),
        ("127.0.0.1", "127.0.0.1.evil.example", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "evil.example#localhost", False),
        ("127.0.0.1", "user@localhost", False),
        ("127.0.0.1", "localhost:7070:7070", False),
        ("127.0.0.1", "192.168.1.5", False),
        ("127.0.0.1", "0.0.0.0", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", None, False),
        ("0.0.0.0", "192.168.1.5:7070", True),
        ("0.0.0.0", "[2001:db8::1]", True),
        ("0.0.0.0", "localhost", True),
        ("0.0.0.0", "evil.example", False),
        ("0.0.0.0", "1.2.3.4.evil.example", False),
        ("0.0.0.0", "0x7f000001", False),
        ("10.0.0.7", "10.0.0.7:7070", True),
    ],
)
def test_the_host_header_has_to_name_this_server(
    bound: str, host: str | None, expected: bool
) -> None:
    with _allowed(expected):
        Origins(bound, ["good.example"]).check(host=host, origin=None, fetch_site=None)


@pytest.mark.parametrize(
    ("origin", "fetch_site", "expected"),
    [
        (None, None, True),
        ("http://localhost:7070", "same-origin", True),
        ("https://localhost:7070", None, True),
        (None, "none", True),
        ("http://localhost:3000", None, False),
        ("http://evil.example", None, False),
        ("http://localhost:7070.evil.example", None, False),
        ("ftp://localhost:7070", None, False),
        ("null", None, False),
        ("", None, False),
        (None, "cross-site", False),
        (None, "same-site", False),
        ("http://localhost:7070", "cross-site", False),
    ],
)
def test_pages_of_other_origins_are_refused(
    origin: str | None, fetch_site: str | None, expected: bool
) -> None:
    with _allowed(expected):
        Origins("127.0.0.1").check(host="localhost:7070", origin=origin, fetch_site=fetch_site)


@pytest.mark.parametrize("path", ["/healthz", "/v1/sessions", "/docs"])
async def test_a_rebound_name_is_refused_on_every_route(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path, headers={"Host": "evil.example"})
    assert response.status_code == 403
    assert response.json()["code"] == "host_not_allowed"


async def test_a_page_elsewhere_can_t_make_a_session(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    attacks: list[dict[str, Any]] = [
        {"headers": {"Origin": "http://evil.example"}},
        {"headers": {"Sec-Fetch-Site": "cross-site"}},
        {"content": b"{}", "headers": {"Content-Type": "text/plain"}},
        {"content": b"{}", "headers": {"Content-Type": "text/plain; application/json"}},
        {"content": b"{}", "headers": {"Content-Type": ""}},
        {"content": b"{}"},
        {"data": {"name": "x"}},
        {"files": {"x": b"{}"}},
    ]
    for attack in attacks:
        response = await client.post("/v1/sessions", **attack)
        assert response.status_code in (400, 403), attack
    assert service.sessions == {}


async def test_no_answer_allows_another_origin_to_read_it(client: httpx.AsyncClient) -> None:
    preflight = await client.options(
        "/v1/sessions",
        headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert preflight.status_code == 403
    for response in (preflight, await client.get("/v1/sessions")):
        assert not any(name.startswith("access-control") for name in response.headers)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["cross-origin-resource-policy"] == "same-origin"
        assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_two_hosts_are_none(app: FastAPI) -> None:
    async with direct(app) as client:
        response = await client.get(
            "/v1/sessions", headers=[("Host", "localhost"), ("Host", "evil.example")]
        )
        assert response.status_code == 403


async def test_a_request_id_is_taken_if_harmless_and_made_if_not(
    client: httpx.AsyncClient,
) -> None:
    for sent in ("abc-123", "a" * 64):
        response = await client.get("/healthz", headers={"X-Request-Id": sent})
        assert response.headers["x-request-id"] == sent
    for sent in ("a b", "x" * 65, '"}{"level":"error"', "a\tb", "é"):
        response = await client.get("/healthz", headers={b"X-Request-Id": sent.encode()})
        assert response.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    "headers", [[], [(b"x-api-key", ANN_KEY.encode()), (b"origin", b"http://evil.example")]]
)
async def test_a_websocket_passes_the_same_gate(
    locked: FastAPI, headers: list[tuple[bytes, bytes]]
) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/v1/anything",
        "headers": [(b"host", b"localhost"), *headers],
        "query_string": b"",
    }
    await locked(scope, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]
    assert sent[0]["code"] == 1008
    assert json.dumps(sent)
