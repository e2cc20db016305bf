"""A session's own proxy behind the port: of each kind, with name and password, and its faults."""

import asyncio
import ssl
from pathlib import Path

import pytest

from agent_browser.egress.faults import DeniedFault, ProxyFault
from agent_browser.egress.policy import Policy
from agent_browser.egress.ports import Egress, Port, Way
from agent_browser.egress.upstream import parse
from agent_browser.models.egress import EgressInput
from tests.egress import proxies
from tests.egress.client import Client, leading, proxied, site
from tests.egress.proxies import NAME, PASSWORD
from tests.site.server import self_signed

pytestmark = pytest.mark.anyio


def through(port: Port, url: str, policy: Policy | None = None) -> None:
    """From now on the port goes through that proxy."""
    port.bind(Way(policy or port.policy, parse(url, None, None)))


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_tunnels_and_plain_requests_go_through_a_proxy(scheme: str, asks: bool) -> None:
    made = proxies.http if scheme == "http" else proxies.socks
    who = f"{NAME}:{PASSWORD}@" if asks else ""
    async with site() as there, made(wants_password=asks) as proxy, proxied() as port:
        through(port, f"{scheme}://{who}127.0.0.1:{proxy.port}")
        async with Client(port) as client:
            assert (await client.connect(there.target)).status == 200
            client.send("GET / HTTP/1.1", "Host: x")
            assert (await client.answer()).body == b"ok"
        async with Client(port) as client:
            assert (await client.get(f"{there.origin}/x")).body == b"ok"
        seen = there.target if scheme == "socks5" else f"{there.origin}/x"
        assert proxy.seen == [there.target, seen]
        assert port.fault(there.target) is None
    assert b"authorization" not in there.heads[0].lower()


async def test_a_trusted_proxy_behind_tls_passes_on(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(certificate)
    theirs = ssl.create_default_context(cafile=str(certificate))
    async with (
        site() as there,
        proxies.http(wants_password=True, tls=ours) as proxy,
        Egress(Policy.of("open"), tls=theirs) as egress,
    ):
        port = await egress.port()
        through(port, f"https://{NAME}:{PASSWORD}@127.0.0.1:{proxy.port}")
        async with Client(port) as client:
            assert (await client.get(f"{there.origin}/")).body == b"ok"
        async with Client(port) as client:
            assert (await client.connect(there.target)).status == 200
            client.send("GET / HTTP/1.1", "Host: x")
            assert (await client.answer()).body == b"ok"
        assert proxy.seen == [f"{there.origin}/", there.target]


async def test_a_proxy_behind_tls_that_nobody_trusts_is_told(tmp_path: Path) -> None:
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(self_signed(tmp_path))
    async with proxies.http(tls=ours) as proxy, proxied() as port, Client(port) as client:
        through(port, f"https://127.0.0.1:{proxy.port}")
        assert (await client.connect("a.test:443")).status == 502
        fault = port.fault("a.test:443")
        assert fault is not None
        assert fault.reason == "net::ERR_PROXY_CERTIFICATE_INVALID"


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize(
    ("scheme", "word"), [("http", "PROXY_AUTH_REQUESTED"), ("socks5", "SOCKS_CONNECTION_FAILED")]
)
async def test_a_proxy_that_refuses_the_password_is_told(
    scheme: str, word: str, plain: bool
) -> None:
    made = proxies.http if scheme == "http" else proxies.socks
    async with made(wants_password=True) as proxy, proxied() as port, Client(port) as client:
        through(port, f"{scheme}://{NAME}:wrong@127.0.0.1:{proxy.port}")
        if plain:
            client.send("GET http://a.test/ HTTP/1.1", "Host: x")
            assert await client.rest() == b""
        else:
            assert (await client.connect("a.test:80")).status == 502
        fault = port.fault("a.test:80")
        assert isinstance(fault, ProxyFault)
        assert fault.reason == f"net::ERR_{word}"
        assert "wrong" not in str(fault)


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
async def test_a_proxy_that_is_not_there_is_told(scheme: str) -> None:
    async with site() as gone:
        pass
    async with proxied() as port, Client(port) as client:
        through(port, f"{scheme}://127.0.0.1:{gone.port}")
        assert (await client.connect("a.test:80")).status == 502
        fault = port.fault("a.test:80")
        assert isinstance(fault, ProxyFault)
        assert fault.reason == "net::ERR_PROXY_CONNECTION_FAILED"
        assert "refuses the connection" in fault.sentence


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_what_is_no_proxy_is_told(scheme: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        await reader.read()

    async with site(serve) as there, proxied() as port, Client(port) as client:
        through(port, f"{scheme}://{there.target}")
        assert (await client.connect("a.test:80")).status == 502
        fault = port.fault("a.test:80")
        assert isinstance(fault, ProxyFault)
        assert fault.reason == "net::ERR_TUNNEL_CONNECTION_FAILED"


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_site_that_the_proxy_does_not_reach_is_told(scheme: str) -> None:
    made = proxies.http if scheme == "http" else proxies.socks
    async with site() as gone:
        pass
    async with made() as proxy, proxied() as port, Client(port) as client:
        through(port, f"{scheme}://127.0.0.1:{proxy.port}")
        assert (await client.connect(gone.target)).status == 502
        fault = port.fault(gone.target)
        assert isinstance(fault, ProxyFault)
        assert "could not reach" in fault.sentence


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "inner.test", "2130706433"])
async def test_a_proxy_at_an_inner_address_is_not_dialled(scheme: str, host: str) -> None:
    resolver = leading(inner_test=["127.0.0.1", "169.254.169.254"])
    async with site() as inner, proxied(Policy.of("public-only"), resolver) as port:
        through(port, f"{scheme}://{host}:{inner.port}")
        for line in ("CONNECT example.test:80 HTTP/1.1", "GET http://example.test/ HTTP/1.1"):
            async with Client(port) as client:
                client.send(line, "Host: x")
                assert b" 200 " not in await client.rest()
            assert isinstance(port.fault("example.test:80"), DeniedFault)
        assert inner.connections == 0


async def test_a_proxy_is_bound_by_the_servers_rules_and_not_by_the_sessions_list() -> None:
    async with site() as there, proxies.http() as proxy, proxied() as port:
        session = port.policy.narrowed(EgressInput(allow=["a.test", there.target]))
        through(port, f"http://127.0.0.1:{proxy.port}", session)
        async with Client(port) as client:
            assert (await client.connect(there.target)).status == 200
        server = Policy.of("allowlist", [there.target])
        through(port, f"http://127.0.0.1:{proxy.port}", server)
        async with Client(port) as client:
            assert (await client.connect(there.target)).status == 502
        assert len(proxy.seen) == 1


async def test_the_port_of_this_server_is_no_proxy() -> None:
    async with Egress(Policy.of("open")) as egress:
        port, other = await egress.port(), await egress.port()
        through(port, other.server)
        async with Client(port) as client:
            assert (await client.connect("a.test:80")).status == 502
        assert isinstance(port.fault("a.test:80"), DeniedFault)


@pytest.mark.parametrize(
    "target", ["127.0.0.1:80", "[::1]:80", "0x7f.1:80", "localhost:80", "169.254.169.254:80",
               "metadata.google.internal:80", "b.test:80"],
)  # fmt: skip
async def test_what_is_asked_of_a_proxy_is_decided_too(target: str) -> None:
    server = Policy.of("public-only", ["127.0.0.1"])
    async with proxies.http() as proxy, proxied(server) as port, Client(port) as client:
        denied = [] if target.startswith(("127", "0x", "local")) else ["b.test"]
        session = port.policy.narrowed(EgressInput(policy="public-only", deny=["b.test"]))
        deny = session.narrowed(EgressInput(deny=["127.0.0.0/8"])) if not denied else session
        through(port, f"http://127.0.0.1:{proxy.port}", deny)
        assert (await client.connect(target)).status == 502
        assert isinstance(port.fault(target), DeniedFault)
        assert proxy.seen == []


async def test_a_name_behind_a_proxy_is_not_looked_up_here() -> None:
    async with proxies.http() as proxy, proxied(resolver=leading()) as port:
        through(port, f"http://127.0.0.1:{proxy.port}")
        async with Client(port) as client:
            assert (await client.connect("a.test:80")).status == 502
        assert proxy.seen == ["a.test:80"]


async def test_another_proxy_ends_what_goes_through_the_one_before() -> None:
    async with site() as there, proxies.http() as one, proxies.http() as two, proxied() as port:
        through(port, f"http://127.0.0.1:{one.port}")
        async with Client(port) as client:
            assert (await client.connect(there.target)).status == 200
            through(port, f"http://127.0.0.1:{one.port}")
            client.send("GET / HTTP/1.1", "Host: x")
            assert (await client.answer()).status == 200
            through(port, f"http://127.0.0.1:{two.port}")
            assert await client.rest() == b""


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
async def test_a_port_closes_while_its_proxy_keeps_silent(scheme: str) -> None:
    taken = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        taken.set()
        await reader.read()

    async with site(silent) as there, proxied() as port, Client(port) as client:
        through(port, f"{scheme}://{there.target}")
        client.send("CONNECT a.test:80 HTTP/1.1")
        await taken.wait()
        await port.close()
        assert await client.rest() == b""
        assert port.connections == 0


async def test_what_a_proxy_says_after_its_answer_belongs_to_the_tunnel() -> None:
    async def eager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 Yes\r\nX: y\r\n\r\nhello")
        await writer.drain()
        writer.write(await reader.readexactly(3))
        await reader.read()

    async with site(eager) as there, proxied() as port, Client(port) as client:
        through(port, f"http://{there.target}")
        assert (await client.connect("a.test:80")).status == 200
        client.writer.write(b"abc")
        assert await client.reader.readexactly(8) == b"helloabc"
