"""What the life of sessions costs: a call's log, timers that wait, followers of a stream."""

import time
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import anyio
import anyio.abc

from agent_browser.clock import SystemClock
from agent_browser.pool.sweep import Sweep
from benchmarks.ours import Server, executed_in_turns
from benchmarks.place import Place
from benchmarks.plan import Plan
from benchmarks.results import Result, at_most
from benchmarks.samples import Samples
from benchmarks.sides import at_rest

IDLE = 2.0
"""Seconds for which timers wait."""
PATIENCE = 30.0


async def life(place: Place, plan: Plan) -> list[Result]:
    """Rows of log, timers and followers."""
    return [await _log(place, plan), await _timers(plan), await _followers(place, plan)]


async def _log(place: Place, plan: Plan) -> Result:
    """`execute` on a server, and on one that writes nothing of it down, in turns."""
    with Server(place) as ours, Server(place, program="benchmarks.unlogged") as other:
        async with ours.side() as mine, other.side() as theirs:
            visits = [await mine.open(), await theirs.open()]
            logged, unlogged = await executed_in_turns((mine, visits[0]), (theirs, visits[1]), plan)
    added = logged.p50 - unlogged.p50
    return Result(
        "log",
        "what record, log and page texts add to a call, p50",
        "ms",
        added,
        goal=at_most(added, 0.3, "≤ 0.3 ms"),
        details={"with": logged.as_json(), "without": unlogged.as_json()},
    )


async def _timers(plan: Plan) -> Result:
    """Processor time while so many wait, beyond that of none."""
    none, many = await _waiting(0), await _waiting(plan.timers)
    spent = max(0.0, many - none) * 1_000
    return Result(
        "timers",
        f"processor time of {plan.timers:,} timers that wait for {IDLE:g} s",
        "ms",
        spent,
        goal=at_most(spent, 1.0, "≤ 1 ms"),
        details={"none_ms": round(none * 1_000, 3), "many_ms": round(many * 1_000, 3)},
    )


async def _waiting(count: int) -> float:
    clock = SystemClock()
    sweep = Sweep(clock)
    for number in range(count):
        sweep.at(clock.monotonic() + 3_600 + number, number, _nothing)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sweep.run)
        await anyio.sleep(0.1)
        began = time.process_time()
        await anyio.sleep(IDLE)
        spent = time.process_time() - began
        tasks.cancel_scope.cancel()
    return spent


def _nothing() -> None:
    """No timer comes to its end."""


async def _followers(place: Place, plan: Plan) -> Result:
    """From the request that causes an event until the last of many has read it."""
    last = Samples()
    with Server(place) as server:
        async with server.side() as side, AsyncExitStack() as stack:
            path = f"/v1/sessions/{(await side.post('/v1/sessions'))['id']}"
            address = urlsplit(server.url)
            streams = [
                await stack.enter_async_context(
                    await anyio.connect_tcp(address.hostname or "", address.port or 0)
                )
                for _ in range(plan.followers)
            ]
            for stream in streams:
                request = f"GET {path}/events HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n"
                await stream.send(request.encode())
                await _until(stream, b"\r\n\r\n")
            await at_rest(side)
            for number in range(plan.tellings):
                began = time.perf_counter()
                with anyio.fail_after(PATIENCE):
                    async with anyio.create_task_group() as tasks:
                        for stream in streams:
                            tasks.start_soon(_until, stream, b'"renewal_count":%d}' % (number + 1))
                        await side.post(f"{path}/renew")
                last.add(time.perf_counter() - began)
    return Result(
        "followers",
        f"an event has come to the last of {plan.followers} followers, p50",
        "ms",
        last.p50,
        goal=at_most(last.p50, 50, "≤ 50 ms"),
        details={"last": last.as_json()},
    )


async def _until(stream: anyio.abc.SocketStream, mark: bytes) -> None:
    """Read up to that."""
    read = b""
    while mark not in read:
        read = read[-len(mark) :] + await stream.receive()
