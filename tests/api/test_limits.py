"""Bounds, attacked over a real connection."""

import json
import socket
from collections.abc import AsyncIterator, Iterator

import anyio
import httpx
import pytest
from fastapi import FastAPI

from agent_browser.api import listen, wire
from agent_browser.api.limits import BoundedBody
from agent_browser.errors import DeadlineExceeded
from agent_browser.settings import Settings
from tests.api.conftest import listening, make
from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def url(app: FastAPI, settings: Settings) -> AsyncIterator[str]:
    async with listening(app, settings) as address:
        yield address


async def _raw(url: str, *parts: bytes) -> bytes:
    """What comes back for these bytes, until the server closes the connection."""
    async with await anyio.connect_tcp("127.0.0.1", int(url.rpartition(":")[2])) as stream:
        received = b""
        with anyio.fail_after(10):
            try:
                for part in parts:
                    await stream.send(part)
                while True:
                    received += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return received


async def test_a_body_at_the_bound_is_taken(url: str) -> None:
    body = json.dumps({"input": {"code": ""}})
    body = json.dumps({"input": {"code": "x" * (10_000 - len(body))}})
    assert len(body) == 10_000
    async with httpx.AsyncClient(base_url=url) as client:
        response = await client.post("/v1/functions/execute", content=body, headers=JSON)
        assert response.status_code == 200


async def test_a_body_over_the_bound_is_413_by_its_length(url: str, service: FakeService) -> None:
    async with httpx.AsyncClient(base_url=url) as client:
        response = await client.post("/v1/functions/execute", content=b"x" * 10_001, headers=JSON)
    assert response.status_code == 413
    assert response.json()["code"] == "payload_too_large"
    assert response.json()["limit"] == 10_000
    assert service.calls == []


async def test_a_length_that_nobody_means_is_refused_before_a_byte_is_read(url: str) -> None:
    answer = await _raw(
        url,
        b"POST /v1/functions/execute HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: application/json\r\nContent-Length: 99999999999\r\n"
        b"Expect: 100-continue\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_chunked_body_over_the_bound_is_413(url: str, service: FakeService) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 1_000

    async with httpx.AsyncClient(base_url=url) as client:
        response = await client.post("/v1/functions/execute", content=chunks(), headers=JSON)
    assert response.status_code == 413
    assert response.json()["code"] == "payload_too_large"
    assert service.calls == []


async def test_a_body_that_does_not_come_is_a_deadline() -> None:
    async def receive() -> dict[str, object]:
        await anyio.sleep_forever()
        raise AssertionError

    with pytest.raises(DeadlineExceeded, match="request body"):
        await BoundedBody(receive, 100, seconds=0.01)()


async def test_waiting_for_the_caller_to_leave_has_no_deadline() -> None:
    messages: Iterator[dict[str, object]] = iter(
        [{"type": "http.request", "body": b"x"}, {"type": "http.disconnect"}],
    )

    async def receive() -> dict[str, object]:
        await anyio.sleep(0.02)
        return next(messages)

    body = BoundedBody(receive, 100, seconds=0.03)
    assert (await body())["body"] == b"x"
    assert (await body())["type"] == "http.disconnect"


@pytest.mark.parametrize("head", [b"X: " + b"a" * 200_000, b"X: y\r\n" * 30_000])
async def test_an_endless_head_ends_the_connection(url: str, head: bytes) -> None:
    answer = await _raw(url, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")


async def test_a_head_that_never_ends_is_given_up(
    app: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.05)
    async with listening(app, settings) as url:
        assert await _raw(url) == b""
        assert await _raw(url, b"GET /healthz HTTP/1.1\r\nHost: ") == b""
        whole = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        assert (await _raw(url, whole, b"GET /heal")).startswith(b"HTTP/1.1 200 ")


async def test_a_long_body_is_not_taken_for_a_head_and_a_rest_is_not_cut_short(
    settings: Settings, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.05)
    app = make(settings, service, max_body=10_000_000)
    body = json.dumps({"input": {"code": "x" * 1_000_000}}).encode()
    async with listening(app, settings) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            for _ in range(2):
                response = await client.post("/v1/functions/execute", content=body, headers=JSON)
                assert response.status_code == 200
        head = b"Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
        head = b"POST /v1/functions/execute HTTP/1.1\r\n" + head
        head += b"Content-Length: %d\r\n" % len(body)
        end = b"Connection: close\r\n\r\n"
        answer = await _raw(url, (head + b"\r\n" + body) * 3 + head + end + body)
        assert answer.count(b"HTTP/1.1 200 ") == 4
        async with await anyio.connect_tcp("127.0.0.1", int(url.rpartition(":")[2])) as stream:
            for _ in range(2):
                await stream.send(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                assert (await stream.receive()).startswith(b"HTTP/1.1 200 ")
                with anyio.move_on_after(0.1):  # twice what a head may take
                    await stream.receive()


async def test_a_connection_serves_many_requests(url: str) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    answer = await _raw(url, (request + b"\r\n") * 20 + request + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 ") == 21


@pytest.mark.parametrize(
    "head",
    [
        b"Host: 127.0.0.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Host: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n",
        b"Host: 127.0.0.1\r\nContent-Length: -2\r\n",
        b"Host: 127.0.0.1\r\nHost: evil.example\r\n",
        b"",
        b"nonsense\r\n",
    ],
)
async def test_requests_that_two_parsers_could_read_differently_are_refused(
    url: str, head: bytes, service: FakeService
) -> None:
    start = b"POST /v1/sessions HTTP/1.1\r\nConnection: close\r\n"
    answer = await _raw(url, start + head + b"Content-Type: application/json\r\n\r\n{}")
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 403 "))
    assert service.sessions == {}


async def test_an_answer_does_not_wait_for_the_caller_s_acknowledgement(
    settings: Settings,
) -> None:
    with listen.listener(settings) as listening:
        assert listening.proto == socket.IPPROTO_TCP


async def test_the_answer_does_not_name_the_server_s_software(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as client:
        assert "server" not in (await client.get("/healthz")).headers
