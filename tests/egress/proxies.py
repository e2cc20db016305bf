"""Little proxies that record what passed through them."""

import asyncio
import base64
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field

NAME, PASSWORD = "bob", "hunter2"
_Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Proxy:
    """One that listens. `seen` has the target or URL of each connection's first request, `stop`
    ends it and what passes through it.
    """

    port: int = 0
    seen: list[str] = field(default_factory=list)
    stop: Callable[[], None] = lambda: None


@asynccontextmanager
async def listening(
    serve: Callable[[Proxy, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Proxy]:
    """A server on a free loopback port that does that with each connection."""
    proxy = Proxy()
    tasks: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                await serve(proxy, reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
    proxy.port = server.sockets[0].getsockname()[1]

    def stop() -> None:
        server.close()
        for task in list(tasks):
            task.cancel()

    proxy.stop = stop
    try:
        yield proxy
    finally:
        stop()
        await asyncio.gather(*tasks, return_exceptions=True)


def http(
    *, wants_password: bool = False, tls: ssl.SSLContext | None = None
) -> AbstractAsyncContextManager[Proxy]:
    """An HTTP proxy."""
    basic = b"Basic " + base64.b64encode(f"{NAME}:{PASSWORD}".encode())

    async def serve(
        proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, url, _ = head.split(b"\r\n")[0].decode().split(" ")
        proxy.seen.append(url)
        if wants_password and b"Proxy-Authorization: " + basic not in head:
            writer.write(
                b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
            )
            await writer.drain()
            return
        host, _, port = (url if method == "CONNECT" else url.split("/")[2]).partition(":")
        try:
            far = await asyncio.open_connection(host, int(port or 80))
        except OSError:
            writer.write(b"HTTP/1.1 502 Unreachable\r\nContent-Length: 0\r\n\r\n")
            return
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Yes\r\n\r\n")
        else:
            # Each request comes on a connection of its own, so that each is seen.
            far[1].write(head[:-2] + b"Connection: close\r\n\r\n")
        await _both((reader, writer), far)

    return listening(serve, tls)


def socks(*, wants_password: bool = False) -> AbstractAsyncContextManager[Proxy]:
    """A SOCKS5 proxy."""

    async def serve(
        proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        _, count = await reader.readexactly(2)
        offered = await reader.readexactly(count)
        method = 2 if wants_password else 0
        writer.write(bytes([5, method if method in offered else 255]))
        if method not in offered:
            return
        if wants_password:
            await reader.readexactly(1)
            pair = [await reader.readexactly((await reader.readexactly(1))[0]) for _ in "np"]
            right = pair == [NAME.encode(), PASSWORD.encode()]
            writer.write(bytes([1, 0 if right else 1]))
            if not right:
                return
        await _socks_connect(proxy, reader, writer)

    return listening(serve)


async def _socks_connect(
    proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    *_, kind = await reader.readexactly(4)
    if kind == 3:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    else:
        host = socket.inet_ntop(
            socket.AF_INET if kind == 1 else socket.AF_INET6,
            await reader.readexactly(4 if kind == 1 else 16),
        )
    (port,) = struct.unpack(">H", await reader.readexactly(2))
    proxy.seen.append(f"{host}:{port}")
    try:
        far = await asyncio.open_connection(host, port)
    except OSError:
        writer.write(bytes([5, 5, 0, 1, 0, 0, 0, 0, 0, 0]))
        return
    writer.write(bytes([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
    await _both((reader, writer), far)


async def _both(one: _Pair, other: _Pair) -> None:
    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(65_536):
                sink.write(piece)
                await sink.drain()
        sink.close()

    try:
        await asyncio.gather(pump(one[0], other[1]), pump(other[0], one[1]))
    finally:
        other[1].close()
