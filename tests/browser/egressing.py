"""What tests of the way out have: little servers that note who comes, and a tap on what the browser
asks its port for.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress

from agent_browser.browser.detour import Detour

Answer = tuple[str, bytes]
"""A content type, or a whole head where it begins with a status, and a body."""
HELD = "/held"
"""A stream of events that goes on until the other end has enough."""
_TARGET = re.compile(rb"(?:^|\n)[A-Z]{3,10} (?:https?://)?([^\s?]+)(?:\?\S*)? HTTP/1\.1\r\n")


class Noted:
    """Something that is seen once in a while; `until` waits for what is not there yet."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def tell(self) -> None:
        """Something was seen."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, is_there: Callable[[], bool], seconds: float = 20) -> None:
        """TimeoutError where it does not come."""
        async with asyncio.timeout(seconds):
            while not is_there():
                await self._changed.wait()


class Server(Noted):
    """A site of a few pages on a port of its own. It answers each connection once."""

    def __init__(self, pages: Mapping[str, Answer]) -> None:
        super().__init__()
        self.pages = dict(pages)
        self.port = 0
        self.connections = 0
        self.paths: list[str] = []

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self.tell()
        try:
            with suppress(OSError, EOFError, asyncio.LimitOverrunError, IndexError):
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ")[1].decode("latin-1").partition("?")[0]
                self.paths.append(path)
                self.tell()
                writer.write(self._answer(path))
                await writer.drain()
                if path == HELD:
                    await reader.read()
        finally:
            writer.close()

    def _answer(self, path: str) -> bytes:
        if path == HELD:
            head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close"
            return f"{head}\r\nAccess-Control-Allow-Origin: *\r\n\r\ndata: x\n\n".encode()
        kind, body = self.pages.get(path, ("text/plain", b""))
        first, _, more = kind.partition("\r\n") if kind[:3].isdigit() else ("200 OK", "", "")
        if not more and not kind[:3].isdigit():
            more = f"Content-Type: {kind}"
        lines = [
            f"HTTP/1.1 {first}",
            *([more] if more else []),
            "Access-Control-Allow-Origin: *",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def serving(pages: Mapping[str, Answer] | None = None) -> AsyncIterator[Server]:
    """Such a site."""
    server = Server(pages or {})
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


class Tap(Noted):
    """Between a browser and its port of the proxy: `asked` has host:port/path of each request, and
    host:port of each tunnel.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
    ) -> None:
        """One connection of the browser's."""
        far = await asyncio.open_connection("127.0.0.1", port)

        async def pump(
            source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, heard: bool
        ) -> None:
            with suppress(OSError):
                while piece := await source.read(65_536):
                    if heard:
                        self._hear(piece)
                    sink.write(piece)
                    await sink.drain()
            sink.close()

        try:
            near = pump(reader, far[1], heard=True)
            await asyncio.gather(near, pump(far[0], writer, heard=False))
        finally:
            far[1].close()
            writer.close()

    def _hear(self, piece: bytes) -> None:
        found = [one.decode("latin-1") for one in _TARGET.findall(piece)]
        if found:
            self.asked += found
            self.tell()


@asynccontextmanager
async def tapped(detour: type[Detour]) -> AsyncIterator[Tap]:
    """Contexts that are made meanwhile are tapped."""
    tap = Tap()
    servers: list[asyncio.Server] = []
    tasks: set[asyncio.Task[None]] = set()
    before = detour.begin

    async def begin(*given: object) -> Detour:
        made = await before(*given)  # type: ignore[arg-type]
        port = int(made.server.rpartition(":")[2])

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            with suppress(OSError, asyncio.CancelledError):
                await tap.carry(reader, writer, port)
            tasks.discard(task)

        server = await asyncio.start_server(accepted, "127.0.0.1", 0)
        servers.append(server)
        made.server = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return made

    detour.begin = begin  # type: ignore[assignment,method-assign]
    try:
        yield tap
    finally:
        detour.begin = before  # type: ignore[method-assign]
        for server in servers:
            server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
