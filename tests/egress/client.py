"""What a browser does with its proxy, by hand; and sites that do as they are told."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import TracebackType
from typing import Self

from agent_browser.egress.addresses import Address
from agent_browser.egress.policy import Policy
from agent_browser.egress.ports import Bounds, Egress, Port
from agent_browser.egress.resolver import Resolver

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Answer:
    """One as it came."""

    head: bytes
    body: bytes = b""

    @property
    def status(self) -> int:
        return int(self.head.split(b" ")[1])

    def header(self, name: str) -> str | None:
        """Its value; None where it is not there."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower().decode() == name.lower():
                return value.strip().decode()
        return None


class Client:
    """A connection to a port."""

    def __init__(self, port: Port | int) -> None:
        self._port = port if isinstance(port, int) else port.number
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    def send(self, *lines: str | bytes) -> None:
        """Lines of a head, and the empty one after it."""
        raw = [line.encode() if isinstance(line, str) else line for line in lines]
        self.writer.write(b"\r\n".join([*raw, b"", b""]))

    async def head(self) -> Answer:
        """The next head."""
        return Answer(await self.reader.readuntil(b"\r\n\r\n"))

    async def answer(self, method: str = "GET") -> Answer:
        """The next answer, whose end its head tells."""
        answer = await self.head()
        if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            return answer
        if answer.header("transfer-encoding"):
            answer.body = await self.chunked()
        elif (length := answer.header("content-length")) is not None:
            answer.body = await self.reader.readexactly(int(length))
        else:
            answer.body = await self.reader.read()
        return answer

    async def chunked(self) -> bytes:
        """A chunked body; its trailers are left in `trailers`."""
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        self.trailers = b""
        while (line := await self.reader.readline()) != b"\r\n":
            self.trailers += line
        return body

    async def get(self, url: str, *lines: str) -> Answer:
        """The answer to a plain request."""
        self.send(f"GET {url} HTTP/1.1", "Host: x", *lines)
        return await self.answer()

    async def connect(self, target: str) -> Answer:
        """The answer to a CONNECT."""
        self.send(f"CONNECT {target} HTTP/1.1", f"Host: {target}")
        return await self.head()

    async def rest(self) -> bytes:
        """What comes until the end; nothing more where it is a reset."""
        with suppress(ConnectionError):
            return await self.reader.read()
        return b""


@dataclass
class Site:
    """One that listens, and what it saw."""

    port: int
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"


@asynccontextmanager
async def site(
    serve: Serve | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Site]:
    """A site; without `serve` it answers each GET with `ok` and keeps the connection."""
    made = Site(port)
    tasks: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                await (serve or friendly)(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    async def friendly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            made.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(OK)

    server = await asyncio.start_server(accepted, host, port)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def saying(*answers: bytes, close: bool = True) -> Serve:
    """A site that answers each head with the next of these."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        if not close:
            await reader.read()

    return serve


def leading(**names: Sequence[str]) -> Resolver:
    """A resolver by which names (`_` for a dot) lead to these addresses."""

    async def lookup(name: str) -> list[Address]:
        found = names.get(name.replace(".", "_"))
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [ip_address(text) for text in found]

    return Resolver(lookup=lookup)


@asynccontextmanager
async def proxied(
    policy: Policy | None = None,
    resolver: Resolver | None = None,
    bounds: Bounds | None = None,
) -> AsyncIterator[Port]:
    """A port."""
    async with Egress(policy or Policy.of("open"), resolver, bounds=bounds) as egress:
        yield await egress.port()
