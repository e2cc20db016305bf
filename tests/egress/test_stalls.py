"""Who takes nothing of what is sent to it is given up, and counts as long as it is there."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from agent_browser.egress.far import Far
from agent_browser.egress.heads import Target
from agent_browser.egress.policy import Policy
from agent_browser.egress.ports import Bounds, Egress, Port
from agent_browser.egress.sockets import GONE_AFTER
from tests.egress.client import Client, site

pytestmark = pytest.mark.anyio

STALL, DRAIN = 1_001.0, 1_002.0
MUCH = 30_000_000


@dataclass
class Watches:
    """The timers of a port, which run out when they are told to."""

    armed: dict[float, list[asyncio.TimerHandle]] = field(default_factory=dict)
    is_armed: dict[float, asyncio.Event] = field(default_factory=dict)
    then: dict[float, Callable[[], None]] = field(default_factory=dict)

    def event(self, seconds: float) -> asyncio.Event:
        return self.is_armed.setdefault(seconds, asyncio.Event())

    def later(self, seconds: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        timer = asyncio.get_running_loop().call_later(3_600, then)
        self.armed.setdefault(seconds, []).append(timer)
        self.then[seconds] = then
        self.event(seconds).set()
        return timer

    def live(self, seconds: float) -> list[asyncio.TimerHandle]:
        return [timer for timer in self.armed.get(seconds, []) if not timer.cancelled()]

    async def runs_out(self, seconds: float) -> None:
        """The time of the one armed last is over."""
        await self.event(seconds).wait()
        timer = self.live(seconds)[-1]
        timer.cancel()
        self.then[seconds]()


@asynccontextmanager
async def deaf() -> AsyncIterator[tuple[int, list[socket.socket]]]:
    """A site that takes connections and reads nothing; its port, and what it took."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    listening.bind(("127.0.0.1", 0))
    listening.listen(100)
    listening.setblocking(False)
    taken: list[socket.socket] = []

    async def take() -> None:
        while True:
            taken.append((await asyncio.get_running_loop().sock_accept(listening))[0])

    taking = asyncio.ensure_future(take())
    try:
        yield listening.getsockname()[1], taken
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        for one in (listening, *taken):
            one.close()


@asynccontextmanager
async def watched(connections: int = 512) -> AsyncIterator[tuple[Port, Watches]]:
    watches = Watches()
    bounds = Bounds(connections=connections, stall=STALL, drain=DRAIN)
    async with Egress(Policy.of("open"), bounds=bounds, later=watches.later) as egress:
        yield await egress.port(), watches


async def _begun(client: Client, number: int, *, tunnel: bool) -> None:
    """It sends more than anybody keeps for it."""
    if tunnel:
        await client.connect(f"127.0.0.1:{number}")
    else:
        url = f"http://127.0.0.1:{number}/"
        client.send(f"POST {url} HTTP/1.1", "Host: x", f"Content-Length: {MUCH}")
    client.writer.write(bytes(MUCH))


async def _given_up(port: Port, watches: Watches, seconds: float) -> None:
    """That time runs out, until nobody is there: what the system took meanwhile counts as taken."""
    for _ in range(20):
        if watches.live(seconds):
            await watches.runs_out(seconds)
        for _ in range(50):
            await asyncio.sleep(0)
        if not port.connections:
            return


@pytest.mark.parametrize("tunnel", [True, False])
async def test_a_site_that_takes_nothing_is_given_up_and_the_browser_that_went_with_it(
    tunnel: bool,
) -> None:
    async with deaf() as (number, _), watched() as (port, watches), Client(port) as client:
        await _begun(client, number, tunnel=tunnel)
        await watches.event(STALL).wait()
        client.writer.transport.abort()  # and nobody sees it go, who does not read
        await _given_up(port, watches, STALL)
        assert port.connections == 0
        assert not watches.live(STALL)


class Slow(asyncio.Transport):
    """A connection whose other side takes as much as it is told to."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left
        self.is_aborted = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return self.left

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


async def test_a_side_that_takes_a_little_each_time_is_not_given_up() -> None:
    async with watched() as (port, watches):
        far, slow = Far(port, Target("a.test", 80), port.tallies.of("a.test:80"), None), Slow(1_000)
        far._transport = slow
        far.pause_writing()
        for _ in range(5):
            slow.left -= 1
            await watches.runs_out(STALL)
            assert not slow.is_aborted
        await watches.runs_out(STALL)
        assert slow.is_aborted
        assert not watches.live(STALL)


async def test_what_is_left_for_a_site_after_the_browser_went_waits_a_bounded_time() -> None:
    async with deaf() as (number, _), watched() as (port, watches), Client(port) as client:
        await _begun(client, number, tunnel=True)
        await watches.event(STALL).wait()
        for near in list(port._nears):
            near.end()
        await watches.event(DRAIN).wait()
        await _given_up(port, watches, DRAIN)
        assert port.connections == 0


async def test_a_browser_that_takes_nothing_is_given_up_and_the_site_hears_of_it() -> None:
    over = asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            while True:
                writer.write(bytes(65_536))
                await writer.drain()
        finally:
            over.set()

    async with site(flood) as there, watched() as (port, watches), Client(port) as client:
        await client.connect(there.target)
        client.send("GET / HTTP/1.1", "Host: x")
        await watches.event(STALL).wait()
        await _given_up(port, watches, STALL)
        await over.wait()
        assert port.connections == 0


async def test_connections_beyond_count_whatever_became_of_the_browsers() -> None:
    async with (
        deaf() as (number, _),
        site() as there,
        watched(connections=1) as (port, watches),
    ):
        async with Client(port) as client:
            await _begun(client, number, tunnel=True)
            await watches.event(STALL).wait()
            for near in list(port._nears):
                near.end()
            client.writer.transport.abort()
        for _ in range(50):
            await asyncio.sleep(0)
        assert port.connections == 1
        async with Client(port) as client:
            assert (await client.connect(there.target)).status == 502
        fault = port.fault(there.target)
        assert fault is not None
        assert fault.reason == "net::ERR_INSUFFICIENT_RESOURCES"
        assert there.connections == 0


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system knows none")
async def test_the_system_gives_up_who_takes_nothing_at_both_ends() -> None:
    async with site() as there, watched() as (port, _), Client(port) as client:
        await client.get(there.origin)
        for end in (*port._nears, *port._fars):
            assert end._transport is not None
            made = end._transport.get_extra_info("socket")
            after = made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert after == GONE_AFTER * 1_000
