"""Names: looked up once for all who wait, kept for seconds, bounded in time."""

import asyncio
import socket
import threading
from ipaddress import ip_address

import pytest

from agent_browser.egress.addresses import Address
from agent_browser.egress.resolver import FRESH, MOST_KEPT, MOST_OF_ONE, Resolver
from tests.egress.nameserver import nameserver
from tests.fakes.clock import ManualClock

pytestmark = pytest.mark.anyio

HERE = (ip_address("127.0.0.1"),)


class Names:
    """Counts look-ups, each of which waits for `go_on`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go_on = asyncio.Event()
        self.taken = asyncio.Event()

    async def __call__(self, name: str) -> tuple[Address, ...]:
        self.asked.append(name)
        self.taken.set()
        await self.go_on.wait()
        return HERE


async def test_those_who_wait_for_a_name_share_one_look_up() -> None:
    names = Names()
    async with Resolver(lookup=names) as resolver:
        waiting = [asyncio.ensure_future(resolver.addresses("a.test")) for _ in range(5)]
        await names.taken.wait()
        waiting[0].cancel()
        names.go_on.set()
        assert await asyncio.gather(*waiting[1:]) == [HERE] * 4
    assert names.asked == ["a.test"]


async def test_an_answer_is_kept_for_seconds_and_no_longer() -> None:
    names, clock = Names(), ManualClock()
    names.go_on.set()
    async with Resolver(lookup=names, clock=clock) as resolver:
        for _ in range(3):
            await resolver.addresses("a.test")
        clock.advance(FRESH)
        await resolver.addresses("a.test")
    assert len(names.asked) == 2


async def test_no_more_than_so_many_are_kept() -> None:
    names = Names()
    names.go_on.set()
    async with Resolver(lookup=names) as resolver:
        for number in range(MOST_KEPT + 1):
            await resolver.addresses(f"h{number}.test")
        await resolver.addresses(f"h{MOST_KEPT}.test")
        await resolver.addresses("h0.test")
    assert len(names.asked) == MOST_KEPT + 2


async def test_a_look_up_that_takes_too_long_fails_for_all() -> None:
    async with Resolver(lookup=Names(), timeout=0) as resolver:
        for _ in range(2):
            with pytest.raises(socket.gaierror):
                await resolver.addresses("a.test")


async def test_a_failure_is_not_kept() -> None:
    asked = 0

    async def lookup(name: str) -> tuple[Address, ...]:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise socket.gaierror(socket.EAI_AGAIN, "not now")
        return HERE if asked == 3 else ()

    async with Resolver(lookup=lookup) as resolver:
        for _ in range(2):
            with pytest.raises(socket.gaierror):
                await resolver.addresses("a.test")
        assert await resolver.addresses("a.test") == HERE


async def test_one_that_ends_while_names_are_looked_up_lets_those_go_who_wait() -> None:
    names = Names()
    async with Resolver(lookup=names) as resolver:
        waiting = asyncio.ensure_future(resolver.addresses("a.test"))
        await names.taken.wait()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(RuntimeError):
        await resolver.addresses("b.test")


async def test_named_servers_are_asked_for_addresses_of_both_kinds() -> None:
    async with (
        nameserver(a_test=[["192.0.2.1", "192.0.2.2", "2001:db8::1"]]) as names,
        Resolver([names.server]) as resolver,
    ):
        found = await resolver.addresses("a.test")
        assert {str(one) for one in found} == {"192.0.2.1", "192.0.2.2", "2001:db8::1"}
        with pytest.raises(socket.gaierror):
            await resolver.addresses("unknown.test")


async def test_the_system_is_asked_where_no_server_is_named() -> None:
    async with Resolver() as resolver:
        assert ip_address("127.0.0.1") in await resolver.addresses("localhost")
        with pytest.raises(OSError, match=r".*"):
            await resolver.addresses("a" * 64 + ".test")


async def _turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Dead:
    """Answers for `good.test`; for all others never, or when told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go_on = asyncio.Event()

    async def __call__(self, name: str) -> tuple[Address, ...]:
        self.asked.append(name)
        if name != "good.test":
            await self.go_on.wait()
        return HERE


async def test_names_that_nobody_answers_for_keep_nobody_else_waiting() -> None:
    names = Dead()
    async with Resolver(lookup=names) as resolver:
        one = resolver.names()
        waiting = [
            asyncio.ensure_future(one.addresses(f"dead{number}.test")) for number in range(50)
        ]
        await _turns()
        assert len(names.asked) == MOST_OF_ONE
        assert await resolver.names().addresses("good.test") == HERE
        names.go_on.set()
        assert await asyncio.gather(*waiting) == [HERE] * 50


async def test_a_look_up_keeps_its_place_until_it_ends_though_nobody_waits_for_it() -> None:
    names = Dead()
    async with Resolver(lookup=names) as resolver:
        one = resolver.names()
        for number in range(MOST_OF_ONE):
            waiting = asyncio.ensure_future(one.addresses(f"dead{number}.test"))
            await _turns()
            waiting.cancel()
        last = asyncio.ensure_future(one.addresses("good.test"))
        await _turns()
        assert "good.test" not in names.asked
        names.go_on.set()
        assert await last == HERE


async def test_what_others_asked_for_takes_no_place_of_who_asks_again() -> None:
    names = Dead()
    async with Resolver(lookup=names) as resolver:
        waiting = [
            asyncio.ensure_future(resolver.names().addresses("dead.test")) for _ in range(20)
        ]
        await _turns()
        names.go_on.set()
        assert await asyncio.gather(*waiting) == [HERE] * 20
        assert names.asked == ["dead.test"]


async def test_threads_stay_few_while_the_system_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[str] = []
    go_on = threading.Event()

    def hangs(name: str, *args: object, **named: object) -> list[object]:
        begun.append(name)
        go_on.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")

    monkeypatch.setattr("agent_browser.egress.resolver.MOST_THREADS", 2)
    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    async with Resolver(timeout=0.02) as resolver:
        for number in range(6):
            with pytest.raises(socket.gaierror):
                await resolver.names().addresses(f"dead{number}.test")
        assert begun == ["dead0.test", "dead1.test"]
        go_on.set()
