"""An owner's bytes: all its ports count on one meter, and end what goes on when that is spent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from ipaddress import ip_address

import pytest

from agent_browser.egress.addresses import Address
from agent_browser.egress.policy import Policy
from agent_browser.egress.port import SPENT
from agent_browser.egress.ports import Egress, Port
from agent_browser.egress.resolver import Resolver
from agent_browser.quotas.meter import Meter
from tests.egress.client import Client, proxied, site

pytestmark = pytest.mark.anyio
PIECE = 10_000


class Account:
    """Who gives so many bytes, and is told."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.begun = self.spent = 0
        self.meter = Meter(lambda: self.limit - self.meter.passed, self._began, self._spent)
        self.meter.renew()

    def _began(self) -> None:
        self.begun += 1

    def _spent(self) -> None:
        self.spent += 1


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Each line that it is sent is worth a piece."""
    while await reader.readline():
        writer.write(bytes(PIECE))
        await writer.drain()


@asynccontextmanager
async def counted(account: Account, count: int) -> AsyncIterator[list[Port]]:
    """So many ports of one owner's, and one of another's."""
    async with Egress(Policy.of("open")) as egress:
        ports = [await egress.port() for _ in range(count + 1)]
        for port in ports[:count]:
            port.count(account.meter)
        yield ports


async def test_ports_of_one_owner_pass_together_what_one_may_and_are_cut_when_that_is_spent() -> (
    None
):
    account = Account(100_000)
    async with site(endless) as there, counted(account, 2) as ports, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(port)) for port in ports]
        for client in clients:
            await client.connect(there.target)
        for _ in range(4):
            for client in clients:
                client.writer.write(b"\n")
                await client.reader.readexactly(PIECE)
        assert account.meter.passed == 2 * 4 * (PIECE + 1)
        assert (account.begun, account.spent) == (1, 0)
        for client in clients[:2]:
            client.writer.write(b"\n\n\n")
        for client in clients[:2]:
            await client.rest()  # it has an end
        assert account.spent == 1
        clients[2].writer.write(b"\n")
        await clients[2].reader.readexactly(PIECE)
        assert [port.connections for port in ports] == [0, 0, 2]


async def test_a_download_of_any_size_is_cut_within_what_is_on_its_way() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(bytes(65_536))
            await writer.drain()

    account = Account(1_000_000)
    async with site(flood) as there, counted(account, 1) as ports, Client(ports[0]) as client:
        client.send(f"GET {there.origin}/ HTTP/1.1", "Host: x")
        await client.rest()
        assert 1_000_000 <= account.meter.passed < 2_000_000
        assert ports[0].connections == 0


async def test_an_upload_is_cut_too() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass

    account = Account(1_000_000)
    async with site(swallow) as there, counted(account, 1) as ports, Client(ports[0]) as client:
        await client.connect(there.target)
        with suppress(ConnectionError):
            while not client.reader.at_eof():
                client.writer.write(bytes(65_536))
                await client.writer.drain()
        assert 1_000_000 <= account.meter.passed < 3_000_000


async def test_who_is_over_begins_nothing_until_there_is_more() -> None:
    account = Account(10)
    async with site() as there, counted(account, 1) as ports:
        async with Client(ports[0]) as client:
            client.send(f"GET {there.origin} HTTP/1.1", "Host: x")
            await client.rest()
        async with Client(ports[0]) as client:
            client.send(f"GET {there.origin} HTTP/1.1", "Host: x")
            assert await client.rest() == b""
        fault = ports[0].fault(there.target)
        assert fault is not None
        assert SPENT in fault.sentence
        async with Client(ports[0]) as client:
            assert (await client.connect(there.target)).status == 502
        assert there.connections == 1
        account.limit = 100_000
        async with Client(ports[0]) as client:
            assert (await client.get(there.origin)).status == 200


async def test_a_connection_that_is_being_made_when_all_is_spent_comes_to_nothing() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def lookup(name: str) -> list[Address]:
        asked.set()
        await go_on.wait()
        return [ip_address("127.0.0.1")]

    account = Account(100)
    async with (
        site() as there,
        proxied(resolver=Resolver(lookup=lookup)) as port,
        Client(port) as client,
    ):
        port.count(account.meter)
        client.send(f"GET http://a.test:{there.port}/ HTTP/1.1", "Host: x")
        await asked.wait()
        account.meter.take(100)
        go_on.set()
        assert await client.rest() == b""
        assert there.heads == []


async def test_a_port_that_is_closed_counts_no_more() -> None:
    account = Account(100)
    async with counted(account, 1) as ports:
        assert account.meter.is_used
        await ports[0].close()
        assert not account.meter.is_used


def test_a_meter_asks_only_when_it_may_be_spent() -> None:
    asked: list[float] = []

    def left() -> float:
        asked.append(100 - meter.passed)
        return asked[-1]

    cuts: list[str] = []
    meter = Meter(left, _idly, lambda: cuts.append("told"))
    meter.renew()
    meter.join(lambda: cuts.append("cut"))
    for _ in range(99):
        meter.take(1)
    assert asked == [100]
    meter.take(1)
    meter.take(50)
    assert asked == [100, 0]
    assert cuts == ["cut", "told"]
    assert meter.settle() == 150
    assert meter.settle() == 0


def _idly() -> None:
    """Nobody wants to know."""
