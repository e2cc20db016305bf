"""A port that is closed, or left by its browser, in the middle of anything leaves nothing."""

import asyncio
import gc
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address

import psutil
import pytest

from agent_browser.egress.addresses import Address
from agent_browser.egress.policy import Policy
from agent_browser.egress.ports import Egress, Port
from agent_browser.egress.resolver import Resolver
from tests.egress.client import Client, Site, site

pytestmark = pytest.mark.anyio


class Stage:
    """What a connection is in the middle of: `reached` once it is."""

    def __init__(self, timers: float = math.inf) -> None:
        self.reached = asyncio.Event()
        self._timers = timers
        """So many are armed at the port when it is reached."""

    def later(self, seconds: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        self._timers -= 1
        if self._timers == 0:
            self.reached.set()
        return asyncio.get_running_loop().call_later(seconds, then)

    async def lookup(self, name: str) -> list[Address]:
        if name == "never.test":
            self.reached.set()
            await asyncio.Event().wait()
        return [ip_address("127.0.0.1")]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/answering" in head:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf")
        if b"/chunks" in head:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        self.reached.set()
        await reader.read()


PHASES: dict[str, Callable[[Site], bytes]] = {
    "nothing": lambda there: b"",
    "half a head": lambda there: b"GET http://a.te",
    "looked up": lambda there: b"CONNECT never.test:80 HTTP/1.1\r\n\r\nearly",
    "plain, looked up": lambda there: b"GET http://never.test/ HTTP/1.1\r\n\r\n",
    "half a body": lambda there: (
        b"POST http://a.test:%d/ HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf" % there.port
    ),
    "not answered": lambda there: b"GET http://a.test:%d/ HTTP/1.1\r\n\r\n" % there.port,
    "more asked": lambda there: b"GET http://a.test:%d/ HTTP/1.1\r\n\r\n" % there.port * 3,
    "half answered": lambda there: b"GET http://a.test:%d/answering HTTP/1.1\r\n\r\n" % there.port,
    "half a chunk": lambda there: b"GET http://a.test:%d/chunks HTTP/1.1\r\n\r\n" % there.port,
    "a tunnel": lambda there: (
        b"CONNECT a.test:%d HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n" % there.port
    ),
}


@asynccontextmanager
async def in_the_middle(phase: str) -> AsyncIterator[tuple[Egress, Port, Client]]:
    stage = Stage({"nothing": 1, "half a head": 2}.get(phase, math.inf))
    async with site(stage.serve) as there:
        resolver = Resolver(lookup=stage.lookup)
        async with Egress(Policy.of("open"), resolver, later=stage.later) as egress:
            port = await egress.port()
            async with Client(port) as client:
                client.writer.write(PHASES[phase](there))
                await stage.reached.wait()
                yield egress, port, client
        assert port.connections == 0
        assert not any(port.awaited.values())


async def _left_behind() -> tuple[int, int]:
    """Files open and tasks there, once all that was about to end has ended."""
    for _ in range(20):
        await asyncio.sleep(0)
    gc.collect()
    return psutil.Process().num_fds(), len(asyncio.all_tasks())


@pytest.mark.parametrize("how", ["the port is closed", "the browser goes", "the browser resets"])
@pytest.mark.parametrize("phase", PHASES)
async def test_nothing_is_left_whenever_it_ends(phase: str, how: str) -> None:
    async with in_the_middle("a tunnel") as (_, port, _):
        await port.close()
    before = await _left_behind()
    for _ in range(3):
        async with in_the_middle(phase) as (_, port, client):
            if how == "the port is closed":
                await port.close()
                await port.close()
                await client.rest()
            elif how == "the browser goes":
                client.writer.close()
            else:
                client.writer.transport.abort()
    assert await _left_behind() == before


@pytest.mark.parametrize("phase", ["looked up", "plain, looked up"])
async def test_nobody_goes_on_to_dial_for_a_browser_that_is_gone(phase: str) -> None:
    async with in_the_middle(phase) as (_, port, client):
        assert len(_dialling()) == 1
        client.writer.transport.abort()
        await port.close()
        await _left_behind()
        assert _dialling() == []


def _dialling() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if "Egress.start" in task.get_name()]


async def test_an_end_in_the_middle_of_all_of_them_leaves_nothing_either() -> None:
    await _all_at_once()  # what is made once for the process is there then
    before = await _left_behind()
    await _all_at_once()
    assert await _left_behind() == before


async def _all_at_once() -> None:
    stage = Stage()
    async with site(stage.serve) as there:
        async with Egress(Policy.of("open"), Resolver(lookup=stage.lookup)) as egress:
            ports = [await egress.port() for _ in range(5)]
            clients = [await Client(port).__aenter__() for port in ports for _ in PHASES]
            for client, phase in zip(clients, [*PHASES] * 5, strict=True):
                client.writer.write(PHASES[phase](there))
            await stage.reached.wait()
        for client in clients:
            await client.rest()
            await client.__aexit__(None, None, None)
