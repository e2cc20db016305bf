"""The relay itself, without a browser."""

import asyncio
import ssl
from pathlib import Path

import pytest

from agent_browser.egress.relay import Relay
from agent_browser.egress.upstream import parse
from tests.egress import proxies
from tests.egress.proxies import NAME, PASSWORD
from tests.site import Site
from tests.site.server import self_signed

pytestmark = pytest.mark.anyio


async def asked(relay: Relay, *lines: str) -> bytes:
    """All that the relay answers to these lines."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(relay.server.split(":")[2]))
    writer.write("\r\n".join([*lines, "", ""]).encode())
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_trusted_proxy_behind_tls_passes_on(site: Site, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(certificate)
    async with proxies.http(wants_password=True, tls=ours) as proxy:
        upstream = parse(f"https://{NAME}:{PASSWORD}@127.0.0.1:{proxy.port}", None, None)
        relay = Relay(upstream, tls=ssl.create_default_context(cafile=certificate))
        await relay.start()
        url = site.url("/empty")
        answer = await asked(relay, f"GET {url} HTTP/1.1", "Host: x", "Connection: keep-alive")
        await relay.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer.lower()
    assert proxy.seen == [url]


@pytest.mark.parametrize(
    "line", ["GET / HTTP/1.1", "GET ftp://x/ HTTP/1.1", "nonsense", "CONNECT :1 HTTP/1.1"]
)
async def test_what_is_no_request_to_a_proxy_gets_no_answer(line: str) -> None:
    async with proxies.socks() as proxy:
        relay = Relay(parse(f"socks5://127.0.0.1:{proxy.port}", None, None))
        await relay.start()
        assert await asked(relay, line) == b""
        await relay.close()
    assert proxy.seen == []


async def test_a_closed_relay_ends_what_is_under_way_and_listens_no_more(site: Site) -> None:
    async with proxies.socks() as proxy:
        relay = Relay(parse(f"socks5://127.0.0.1:{proxy.port}", None, None))
        await relay.start()
        port = int(relay.server.split(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        target = site.origin.removeprefix("http://")
        writer.write(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        await relay.close()
        await relay.close()
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_it_knows_what_was_asked_and_not_answered_yet() -> None:
    taken, go_on = asyncio.Event(), asyncio.Event()

    async def slow(
        proxy: proxies.Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        taken.set()
        await go_on.wait()
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    async with proxies.listening(slow) as proxy:
        relay = Relay(parse(f"http://127.0.0.1:{proxy.port}", None, None))
        await relay.start()
        assert not relay.awaits("a.example:80")
        asking = asyncio.ensure_future(asked(relay, "GET http://a.example/ HTTP/1.1"))
        await taken.wait()
        assert relay.awaits("a.example:80")
        assert not relay.awaits("b.example:80")
        go_on.set()
        assert (await asking).startswith(b"HTTP/1.1 204 ")
        assert not relay.awaits("a.example:80")
        await relay.close()
