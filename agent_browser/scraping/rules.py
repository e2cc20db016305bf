"""Each host's robots.txt, had once in a request: over plain HTTP, or by the browser where pages go
through a proxy or a session that is not this request's own.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx

from agent_browser.egress.guarded import guarded
from agent_browser.egress.outbound import Outbound
from agent_browser.errors import DeadlineExceeded, EgressDenied, NavigationFailed
from agent_browser.scraping.robots import (
    ALL_ALLOWED,
    MOST_BYTES,
    Robots,
    after_status,
    unreachable,
)

SECONDS = 10.0
MOST_REDIRECTS = 5
USER_AGENT = "Mozilla/5.0 (compatible; {agent})"


@dataclass(frozen=True)
class File:
    """The answer to a request for a robots.txt."""

    status: int
    text: str


Read = Callable[[str], Awaitable[File]]
"""Gets the file at a URL. httpx.HTTPError, AgentBrowserError, TimeoutError."""


@dataclass
class _Entry:
    known: anyio.Event = field(default_factory=anyio.Event)
    robots: Robots | None = None


class HostRules:
    """The rules of each host, asked for once; who asks while they are on their way waits."""

    def __init__(self, agent: str) -> None:
        self._agent = agent
        self._entries: dict[str, _Entry] = {}

    async def of(self, url: str, read: Read) -> Robots:
        """The rules of the URL's host; a URL without one has none."""
        parts = urlsplit(url)
        if parts.scheme.lower() not in ("http", "https"):
            return ALL_ALLOWED
        origin = f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2].lower()}"
        while True:
            entry = self._entries.get(origin)
            if entry is None:
                entry = self._entries[origin] = _Entry()
                return await self._find(origin, entry, read)
            await entry.known.wait()
            if entry.robots is not None:
                return entry.robots

    async def _find(self, origin: str, entry: _Entry, read: Read) -> Robots:
        try:
            entry.robots = await self._ask(f"{origin}/robots.txt", read)
            return entry.robots
        finally:
            if entry.robots is None:  # broken off: the next who asks is the first again
                del self._entries[origin]
            entry.known.set()

    async def _ask(self, url: str, read: Read) -> Robots:
        try:
            with anyio.fail_after(SECONDS):
                file = await read(url)
        except TimeoutError:
            return unreachable(f"no answer within {SECONDS:g} s")
        except httpx.TooManyRedirects:
            return ALL_ALLOWED  # as RFC 9309 has it for more than five
        except httpx.HTTPError as exc:
            return unreachable(_words(exc))
        except (NavigationFailed, DeadlineExceeded, EgressDenied) as exc:
            return unreachable(exc.detail)
        return after_status(file.status, file.text, self._agent)


class PlainReader:
    """Reads a robots.txt over HTTP, to a bound of bytes, redirects and time, where the server's
    policy lets it. An asynchronous context manager.
    """

    def __init__(
        self,
        agent: str,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        outbound: Outbound | None = None,
    ) -> None:
        self._agent = agent
        self._transport = transport
        self._outbound = outbound or Outbound()
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> "PlainReader":
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def __call__(self, url: str) -> File:
        if self._http is None:
            self._http = await anyio.to_thread.run_sync(self._client)
        async with self._http.stream("GET", url) as response:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) >= MOST_BYTES:
                    break
        return File(response.status_code, bytes(body[:MOST_BYTES]).decode("utf-8", "replace"))

    def _client(self) -> httpx.AsyncClient:
        # In a thread: reading the certificates that are trusted takes a while.
        return httpx.AsyncClient(
            headers={"User-Agent": USER_AGENT.format(agent=self._agent)},
            follow_redirects=True,
            max_redirects=MOST_REDIRECTS,
            timeout=SECONDS,
            trust_env=False,
            transport=self._transport or guarded(self._outbound),
        )


def _words(exc: httpx.HTTPError) -> str:
    return str(exc) or type(exc).__name__
