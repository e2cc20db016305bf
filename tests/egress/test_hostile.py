"""What a site, a proxy or a fault of our own does to one connection ends no other."""

import asyncio
import socket
from ipaddress import ip_address

import aiohappyeyeballs
import pytest

from agent_browser.egress.addresses import Address
from agent_browser.egress.dialing import Dialling
from agent_browser.egress.policy import Policy
from agent_browser.egress.ports import Egress, Port, Way
from agent_browser.egress.resolver import Resolver
from agent_browser.egress.sockets import MOST_ADDRESSES, by_turns
from agent_browser.egress.upstream import parse
from tests.egress import proxies
from tests.egress.client import Client, proxied, site

pytestmark = pytest.mark.anyio


async def _still_serves(port: Port) -> None:
    async with site() as there, Client(port) as client:
        assert (await client.get(there.origin)).body == b"ok"


@pytest.mark.parametrize("way", ["CONNECT", "GET"])
async def test_a_site_that_resets_as_it_accepts_ends_its_own_connection_alone(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    connecting = aiohappyeyeballs.start_connection

    async def reset_meanwhile(*args: object, **named: object) -> socket.socket:
        made: socket.socket = await connecting(*args, **named)  # type: ignore[arg-type]
        with pytest.raises(ConnectionResetError):
            await asyncio.get_running_loop().sock_recv(made, 1)
        return made

    async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_once = b"\x01\x00\x00\x00" + bytes(4)
        made = writer.get_extra_info("socket")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()

    async with proxied() as port:
        async with site(resets) as there, Client(port) as client:
            monkeypatch.setattr(aiohappyeyeballs, "start_connection", reset_meanwhile)
            target = there.target if way == "CONNECT" else f"{there.origin}/"
            client.send(f"{way} {target} HTTP/1.1", "Host: x")
            await client.rest()
            assert port.bytes_passed < 100
        monkeypatch.undo()
        await _still_serves(port)


@pytest.mark.parametrize(
    "answer",
    [b"\x05\x00\x00\x03\x03\xff\xfe\xfd\x00\x50", b"\x05\x00\x00\x09", b"\x04", b"\x05\x77"],
)
async def test_a_proxy_that_talks_nonsense_ends_its_own_connection_alone(answer: bytes) -> None:
    async def serve(
        proxy: proxies.Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read(99)
        writer.write(b"\x05\x00")
        await reader.read(99)
        writer.write(answer)

    async with proxies.listening(serve) as proxy, proxied() as port:
        before = port.policy
        port.bind(Way(before, parse(f"socks5://127.0.0.1:{proxy.port}", None, None)))
        async with Client(port) as client:
            assert (await client.connect("a.test:80")).status == 502
        fault = port.fault("a.test:80")
        assert fault is not None
        assert fault.reason == "net::ERR_TUNNEL_CONNECTION_FAILED"
        port.bind(Way(before))
        await _still_serves(port)


async def test_a_fault_of_our_own_ends_one_connection_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(*args: object) -> None:
        raise ZeroDivisionError

    async with Egress(Policy.of("open")) as egress:
        port, other = await egress.port(), await egress.port()
        with monkeypatch.context() as patched:
            patched.setattr(Dialling, "direct", broken)
            async with Client(port) as client:
                assert (await client.connect("127.0.0.1:80")).status == 502
        egress.start(broken)
        for one in (port, other):
            await _still_serves(one)


async def test_a_look_up_that_breaks_is_a_name_that_leads_nowhere() -> None:
    async def lookup(name: str) -> list[Address]:
        raise RuntimeError("can't start new thread")

    async with proxied(resolver=Resolver(lookup=lookup)) as port:
        async with Client(port) as client:
            assert (await client.connect("a.test:80")).status == 502
        await _still_serves(port)


def test_addresses_of_both_kinds_are_tried_however_many_there_are_of_one() -> None:
    sixes = [ip_address(f"2001:db8::{number:x}") for number in range(1, 20)]
    four = ip_address("192.0.2.1")
    ordered = by_turns([*sixes, four])
    assert four in ordered[:MOST_ADDRESSES]
    assert ordered[0] == sixes[0]
    assert sorted(map(str, ordered)) == sorted(map(str, [*sixes, four]))
    assert by_turns([]) == []
