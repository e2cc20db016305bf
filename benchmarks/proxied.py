"""`python -m benchmarks.proxied site|proxy`: a quick site, or the egress proxy, in a process of its
own. It says its port, obeys lines on stdin, and ends with it.
"""

import asyncio
import sys
from typing import cast

import anyio
import psutil

from agent_browser.egress.policy import Policy
from agent_browser.egress.ports import Egress

RESOURCES = 100
_RESOURCE = b"<svg xmlns='http://www.w3.org/2000/svg' width='4' height='4'/>".ljust(8_000)
_PIECE = bytes(256 * 1024)


class Site(asyncio.Protocol):
    """Answers GET: `/page…` links a hundred pictures, `/big/N` is of N bytes."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._data = b""
        self._left = 0
        self._is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            self._answer(head.split(b" ", 2)[1])

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._go_on()

    def _answer(self, path: bytes) -> None:
        assert self._transport is not None
        kind, body, size = b"image/svg+xml", _RESOURCE, len(_RESOURCE)
        if path.startswith(b"/big/"):
            kind, body, size = b"application/octet-stream", b"", int(path[5:])
            self._left = size
        elif path.startswith(b"/page"):
            kind, body = b"text/html", _page(path)
            size = len(body)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nCache-Control: no-store\r\n" % kind
        self._transport.write(head + b"Content-Length: %d\r\n\r\n" % size + body)
        self._go_on()

    def _go_on(self) -> None:
        while self._left and not self._is_full and self._transport is not None:
            piece = _PIECE[: self._left] if self._left < len(_PIECE) else _PIECE
            self._left -= len(piece)
            self._transport.write(piece)


def _page(path: bytes) -> bytes:
    images = b"".join(b"<img src='/i%s/%d'>" % (path[5:], n) for n in range(RESOURCES))
    return b"<!doctype html><title>page</title><link rel=icon href='data:,'>" + images


async def _site() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Site, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await anyio.to_thread.run_sync(sys.stdin.readline):
        pass
    server.close()


async def _proxy() -> None:
    """Each line is a number of ports to make; it says the bytes that the process has then."""
    async with Egress(Policy.of("open")) as egress:
        print((await egress.port()).number, flush=True)
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            for _ in range(int(line)):
                await egress.port()
            print(psutil.Process().memory_full_info().uss, flush=True)


if __name__ == "__main__":
    role = {"site": _site, "proxy": _proxy}[sys.argv[1]]
    anyio.run(role, backend_options={"use_uvloop": True})
