"""An address that takes deliveries: what it got, and what it answers."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio

PATIENCE = 20.0


@dataclass
class Got:
    """A request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


class Receiver:
    """Answers 204, or what stands first in `answers`: a status with headers, or "hang", "drop",
    "flood".
    """

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: list[str] = []
        self.port = 0
        self.connections = 0
        self._more = anyio.Event()
        self._open = anyio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def until(self, count: int) -> list[Got]:
        """All that it got, once there are so many."""
        with anyio.fail_after(PATIENCE):
            while len(self.got) < count:
                self._more = anyio.Event()
                await self._more.wait()
        return self.got

    @property
    def events(self) -> list[int]:
        """The numbers in the events that it got."""
        return [got.event["data"]["n"] for got in self.got]

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.got.append(Got(first.split(" ")[1], headers, body))
        answer = self.answers.pop(0) if self.answers else "204 No Content"
        self._more.set()
        if answer == "hang":
            await self._open.wait()
        elif answer == "flood":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        elif answer != "drop":
            writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """One on a free port of loopback."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver._open.set()
        server.close()
        await server.wait_closed()
