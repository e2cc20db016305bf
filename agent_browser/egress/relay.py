"""A forward proxy of one session on a loopback port: it takes what the session's browser sends and
passes it on to the session's own proxy, with the name and password that the browser can't give.
"""

import asyncio
import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path
from ssl import SSLContext
from typing import cast

import anyio

from agent_browser.egress import heads
from agent_browser.egress.faults import ProxyFault
from agent_browser.egress.links import Link, Links
from agent_browser.egress.upstream import Upstream

HEAD_TIMEOUT = 30.0
"""Seconds in which the browser has to say what it wants."""
MAX_FAULTS = 256
MAX_CONNECTIONS = 512
_PIECE = 64 * 1024
_UNREACHED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Relay:
    """One listener. `start` it before its browser context is made, `close` it after that closed."""

    def __init__(self, upstream: Upstream, *, tls: SSLContext | None = None) -> None:
        self.upstream = upstream
        self._links = Links(upstream, tls)
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._faults: dict[str, ProxyFault] = {}
        self._awaited: Counter[str] = Counter()

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        self._server = await asyncio.start_server(
            self._accepted, "127.0.0.1", 0, limit=heads.MAX_HEAD
        )

    @property
    def server(self) -> str:
        """What the browser is told."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def fault(self, target: str) -> ProxyFault | None:
        """Why the last connection to that host:port failed, if it did; else why the last one did
        that failed at all (of a redirect's target).
        """
        last = next(reversed(self._faults.values()), None)
        return self._faults.get(target, last)

    def awaits(self, target: str) -> bool:
        """Whether the proxy, or the site behind it, has yet to answer a plain request to that
        host:port.
        """
        return self._awaited[target] > 0

    async def close(self) -> None:
        """Stop listening and end every connection. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._serving.add(task)
        try:
            if len(self._serving) <= MAX_CONNECTIONS and _is_our_users(writer):
                await self._serve(Link(reader, writer))
        except (OSError, EOFError, heads.Malformed, TimeoutError, asyncio.LimitOverrunError):
            pass  # one of the two went away, or never was a browser
        except asyncio.CancelledError:
            if self._server is not None:
                raise
        finally:
            self._serving.discard(task)
            writer.close()

    async def _serve(self, browser: Link) -> None:
        with anyio.fail_after(HEAD_TIMEOUT):
            head = await heads.read_request(browser.reader)
        target = head.target
        try:
            if head.is_connect:
                await self._tunnel(browser, target)
            else:
                await self._pass_on(browser, head)
        except ProxyFault as fault:
            self._remember(target, fault)
            if head.is_connect:
                browser.writer.write(_UNREACHED)
                with suppress(OSError):
                    await browser.writer.drain()

    def _remember(self, target: str, fault: ProxyFault) -> None:
        self._faults.pop(target, None)
        self._faults[target] = fault
        if len(self._faults) > MAX_FAULTS:
            del self._faults[next(iter(self._faults))]

    async def _tunnel(self, browser: Link, target: str) -> None:
        async with self._links.tunnel(target) as far:
            self._faults.pop(target, None)
            browser.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _both_ways(browser, far)

    async def _pass_on(self, browser: Link, head: heads.Request) -> None:
        """One plain request and its answer; the connection ends with it, so that each is seen."""
        async with self._links.plain(head.target) as far:
            far.writer.write(self._links.head_for(head))
            fault: ProxyFault | None = None
            async with anyio.create_task_group() as group:

                async def send() -> None:
                    await _pump(browser.reader, far.writer)
                    group.cancel_scope.cancel()

                group.start_soon(send)
                try:
                    await self._answer(browser, far, head.target)
                except ProxyFault as exc:
                    fault = exc
                except (OSError, EOFError):
                    pass  # the site went away: the browser sees it
                group.cancel_scope.cancel()
            if fault is not None:
                raise fault

    async def _answer(self, browser: Link, far: Link, target: str) -> None:
        self._awaited[target] += 1
        try:
            while True:
                status, head = await self._links.answer(far, target)
                browser.writer.write(head)
                if status >= 200:
                    break
        finally:
            self._awaited[target] -= 1
        self._faults.pop(target, None)
        await _pump(far.reader, browser.writer)


async def _both_ways(one: Link, other: Link) -> None:
    async with anyio.create_task_group() as group:

        async def carry(source: Link, sink: Link) -> None:
            await _pump(source.reader, sink.writer)
            group.cancel_scope.cancel()

        group.start_soon(carry, one, other)
        group.start_soon(carry, other, one)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the source ends or the sink is gone."""
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()


def _is_our_users(writer: asyncio.StreamWriter) -> bool:
    """Whether the other end is a process of our own user, as far as the system tells."""
    host, port = writer.get_extra_info("peername")[:2]
    address = f"{int.from_bytes(socket.inet_aton(host), 'little'):08X}:{port:04X}"
    try:
        lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        mine = Path("/proc/self").stat().st_uid
    except OSError:
        return True
    for line in lines:
        columns = line.split()
        if columns[1] == address:
            return int(columns[7]) == mine
    return True
