"""Bytes on their way: no more in memory than may be, counted to the last, no faster than bound."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_browser.egress.ends import HIGH
from agent_browser.egress.policy import Policy
from agent_browser.egress.ports import Egress, Port, Way
from agent_browser.egress.rates import BURST_SECONDS, Bucket
from agent_browser.egress.tallies import MOST_HOSTS, OTHERS, Tallies
from tests.egress.client import Client, Serve, proxied, site
from tests.fakes.clock import ManualClock

pytestmark = pytest.mark.anyio

READ = 256 * 1024
"""What comes in one piece at most."""
MUCH = 32 * 1024 * 1024


def sending(size: int) -> Serve:
    """A site that answers with so many bytes, as fast as they are taken."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // READ):
            writer.write(bytes(READ))
            await writer.drain()
        writer.write(bytes(size % READ))
        await reader.read()

    return serve


async def _turns(count: int) -> None:
    """Others have so many turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("tunnel", [True, False])
async def test_a_slow_reader_makes_no_memory_grow(tunnel: bool) -> None:
    async with site(sending(MUCH)) as there, proxied() as port, Client(port) as client:
        if tunnel:
            await client.connect(there.target)
            client.send("GET / HTTP/1.1", "Host: x")
        else:
            client.send(f"GET {there.origin}/ HTTP/1.1", "Host: x")
        got, most = len((await client.head()).body), 0
        while got < MUCH:
            await _turns(5)
            most = max(most, port.waiting)
            got += len(await client.reader.read(READ // 2))
        assert 0 < most <= HIGH + READ


@pytest.mark.parametrize("tunnel", [True, False])
async def test_a_slow_site_makes_no_memory_grow(tunnel: bool) -> None:
    whole = asyncio.Event()
    most = 0

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most
        await reader.readuntil(b"\r\n\r\n")
        left = MUCH
        while left:
            await _turns(5)
            most = max(most, port.waiting)
            left -= len(await reader.read(min(left, READ // 2)))
        whole.set()

    async with site(slow) as there, proxied() as port, Client(port) as client:
        if tunnel:
            await client.connect(there.target)
            client.send("POST / HTTP/1.1", "Host: x")
        else:
            client.send(f"POST {there.origin}/ HTTP/1.1", "Host: x", f"Content-Length: {MUCH}")
        for _ in range(MUCH // READ):
            client.writer.write(bytes(READ))
            await client.writer.drain()
        await whole.wait()
    assert 0 < most <= HIGH + READ


async def test_a_tunnels_bytes_are_counted_to_the_last() -> None:
    async with site(sending(100_000)) as there, proxied() as port, Client(port) as client:
        await client.connect(there.target)
        client.writer.write(b"GET / HTTP/1.1\r\n\r\n")
        head = (await client.head()).head
        await client.reader.readexactly(100_000)
        (item,) = port.traffic().items
        assert (item.host, item.requests, item.denied) == (there.target, 1, 0)
        assert (item.bytes_up, item.bytes_down) == (18, len(head) + 100_000)
        assert port.bytes_passed == item.bytes_up + item.bytes_down


async def test_plain_requests_are_counted_as_they_went_and_came() -> None:
    async with site() as there, site() as other, proxied() as port, Client(port) as client:
        for _ in range(3):
            answer = await client.get(there.origin)
        await client.get(other.origin)
        traffic = port.traffic()
        size = sum(map(len, there.heads))
        first = traffic.items[0]
        assert (first.host, first.requests) == (there.target, 3)
        assert (first.bytes_up, first.bytes_down) == (size, 3 * len(answer.head + answer.body))
        assert traffic.bytes_up == size + len(other.heads[0])


async def test_what_is_refused_is_counted_and_has_no_bytes() -> None:
    async with proxied(Policy.of("public-only")) as port:
        for _ in range(2):
            async with Client(port) as client:
                await client.connect("10.0.0.1:80")
        traffic = port.traffic()
        assert (traffic.denied, traffic.bytes_up, traffic.bytes_down) == (2, 0, 0)
        assert [(item.host, item.requests, item.denied) for item in traffic.items] == [
            ("10.0.0.1:80", 2, 2)
        ]


def test_hosts_beyond_the_first_thousand_are_counted_together() -> None:
    tallies = Tallies()
    for number in range(MOST_HOSTS + 50):
        tallies.of(f"h{number}:80").up += 1
    tallies.of("h3:80").up += 1
    shown = tallies.shown()
    assert len(shown.items) == MOST_HOSTS + 1
    assert (shown.items[0].host, shown.items[0].bytes_up) == (OTHERS, 50)
    assert shown.bytes_up == MOST_HOSTS + 51


@dataclass
class Timer:
    """One that is called by hand."""

    at: float
    then: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class Timers:
    """Those of an egress; time goes on when they are called."""

    clock: ManualClock = field(default_factory=ManualClock)
    armed: list[Timer] = field(default_factory=list)
    is_armed: asyncio.Event = field(default_factory=asyncio.Event)

    def later(self, seconds: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        timer = Timer(self.clock.monotonic() + seconds, then)
        self.armed.append(timer)
        self.is_armed.set()
        return timer  # type: ignore[return-value]

    async def run(self) -> None:
        """Call each when it is due, those of a bucket alone: the others are minutes away."""
        while True:
            await self.is_armed.wait()
            self.is_armed.clear()
            for timer in [one for one in self.armed if one.at < self.clock.monotonic() + 20]:
                self.armed.remove(timer)
                self.clock.advance(max(0.0, timer.at - self.clock.monotonic()))
                if not timer.is_cancelled:
                    timer.then()


@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("tunnel", [True, False])
async def test_a_rate_bounds_what_passes(tunnel: bool, upwards: bool) -> None:
    size, rate = 400_000, 20_000
    timers = Timers()
    whole = asyncio.Event()

    async def taking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(size)
        whole.set()

    async with (
        site(taking if upwards else sending(size)) as there,
        Egress(Policy.of("open"), clock=timers.clock, later=timers.later) as egress,
    ):
        port: Port = await egress.port()
        up, down = (rate, None) if upwards else (None, rate)
        port.bind(Way(port.policy, download_rate=down, upload_rate=up))
        ticking = asyncio.ensure_future(timers.run())
        began = timers.clock.monotonic()
        async with Client(port) as client:
            url = "/" if tunnel else f"{there.origin}/"
            if tunnel:
                await client.connect(there.target)
            client.send(f"POST {url} HTTP/1.1", "Host: x", f"Content-Length: {size * upwards}")
            if upwards:
                client.writer.write(bytes(size))
                await whole.wait()
            else:
                await client.head()
                await client.reader.readexactly(size)
            taken = timers.clock.monotonic() - began
            assert size / rate - BURST_SECONDS - 0.1 <= taken <= size / rate + 0.1
            assert port.waiting <= READ + HIGH
        ticking.cancel()


async def test_what_a_site_sent_before_it_ended_comes_at_its_rate_and_whole() -> None:
    timers = Timers()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(50_000))
        await writer.drain()

    async with (
        site(serve) as there,
        Egress(Policy.of("open"), clock=timers.clock, later=timers.later) as egress,
    ):
        port = await egress.port()
        port.bind(Way(port.policy, download_rate=10_000))
        ticking = asyncio.ensure_future(timers.run())
        async with Client(port) as client:
            assert len((await client.get(there.origin)).body) == 50_000
        ticking.cancel()


async def test_a_port_closes_while_bytes_wait_for_their_rate() -> None:
    timers = Timers()
    async with (
        site(sending(100_000)) as there,
        Egress(Policy.of("open"), clock=timers.clock, later=timers.later) as egress,
    ):
        port = await egress.port()
        port.bind(Way(port.policy, download_rate=1_024))
        async with Client(port) as client:
            client.send(f"GET {there.origin}/ HTTP/1.1", "Host: x")
            await client.head()
            await port.close()
            assert port.connections == 0
            assert len(await client.rest()) < 5_000


@settings(deadline=None)
@given(
    rate=st.integers(1_024, 10_000_000),
    steps=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 300_000)), max_size=40),
)
def test_a_bucket_never_lets_more_pass_than_its_rate(
    rate: int, steps: list[tuple[float, int]]
) -> None:
    clock = ManualClock()
    bucket = Bucket(rate, clock)
    began, passed = clock.monotonic(), 0
    for idle, size in steps:
        clock.advance(idle)
        for _ in range(0, size, bucket.slice):
            clock.advance(bucket.wait())
            bucket.take(bucket.slice)
            passed += bucket.slice
        seconds = clock.monotonic() - began
        assert passed <= rate * (seconds + BURST_SECONDS) + 2 * bucket.slice
