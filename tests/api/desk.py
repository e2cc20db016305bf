"""An HTTP server on loopback that answers what a test says: a resolver, a place of keys."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio


@dataclass
class Asked:
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


@dataclass
class Desk:
    """Answers `status` and `body`, or what `answer` makes of a request; while `held` is not set
    nothing is answered.
    """

    status: int = 200
    body: Any = None
    answer: Callable[[Asked], tuple[int, Any]] | None = None
    asked: list[Asked] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    came: anyio.Event = field(default_factory=anyio.Event)
    """That a request is there."""
    port: int = 0

    def __post_init__(self) -> None:
        self.held.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ask"

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        method, path, _ = head[0].split(" ")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        one = Asked(method, path, headers, body)
        self.asked.append(one)
        self.came.set()
        await self.held.wait()
        status, said = self.answer(one) if self.answer is not None else (self.status, self.body)
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        place = "Location: http://127.0.0.1:1/\r\n" if 300 <= status < 400 else ""
        writer.write(
            f"HTTP/1.1 {status} So\r\nContent-Length: {len(data)}\r\n{place}"
            "Content-Type: application/json\r\n\r\n".encode()
            + data
        )
        await writer.drain()


@asynccontextmanager
async def desk(**facts: Any) -> AsyncIterator[Desk]:
    """One that listens."""
    one = Desk(**facts)
    server = await asyncio.start_server(one.take, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        one.held.set()
        server.close()
        await server.wait_closed()
