"""Connections to a proxy, and through it."""

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio
from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
from python_socks.async_.asyncio import Proxy

from agent_browser.egress import faults, heads
from agent_browser.egress.upstream import Upstream

CONNECT_TIMEOUT = 10.0
"""Seconds that a proxy has to take a connection, and to make one."""
_SOCKS_REPLIES = {
    1: "general failure", 2: "not allowed", 3: "network unreachable", 4: "host unreachable",
    5: "connection refused", 6: "timed out",
}  # fmt: skip
_SOCKS_AUTH = ("authentication failure", "no acceptable auth", "invalid authentication response")


@dataclass(frozen=True)
class Link:
    """A connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Links:
    """Makes them for one upstream. `tls` is how an https proxy is trusted; the system's way if
    None. Everything raises ProxyFault.
    """

    def __init__(self, upstream: Upstream, tls: ssl.SSLContext | None) -> None:
        self._upstream = upstream
        self._tls = tls

    @asynccontextmanager
    async def tunnel(self, target: str) -> AsyncIterator[Link]:
        """A connection to host:port through the proxy."""
        if self._upstream.scheme == "socks5":
            async with self._through_socks(target) as link:
                yield link
            return
        async with self._to_proxy() as link:
            try:
                with anyio.fail_after(CONNECT_TIMEOUT):
                    await self._connect(link, target)
            except TimeoutError as exc:
                raise faults.unreachable(self._upstream, _why(exc)) from exc
            yield link

    @asynccontextmanager
    async def plain(self, target: str) -> AsyncIterator[Link]:
        """A connection for a plain request: to an HTTP proxy itself, or through a SOCKS one."""
        made = self._through_socks(target) if self._is_socks else self._to_proxy()
        async with made as link:
            yield link

    @property
    def _is_socks(self) -> bool:
        return self._upstream.scheme == "socks5"

    def head_for(self, head: heads.Request) -> bytes:
        """A plain request's head as the next in line wants it."""
        if not self._is_socks:
            return head.written(head.url, *self._authorization())
        parts = urlsplit(head.url)
        return head.written((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))

    async def answer(self, far: Link, target: str) -> tuple[int, bytes]:
        """The next answer's status and head; a proxy's refusal is its fault."""
        try:
            status, head = await heads.read_answer(far.reader)
        except (heads.Malformed, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as exc:
            if self._is_socks:
                raise EOFError from exc
            raise faults.not_a_proxy(self._upstream) from exc
        if status == 407:
            raise faults.refused_us(self._upstream)
        return status, head

    def _authorization(self) -> list[bytes]:
        if not self._upstream.wants_credentials:
            return []
        pair = f"{self._upstream.username}:{self._upstream.password or ''}"
        return [b"Proxy-Authorization: Basic " + base64.b64encode(pair.encode())]

    @asynccontextmanager
    async def _to_proxy(self) -> AsyncIterator[Link]:
        upstream = self._upstream
        tls = (self._tls or ssl.create_default_context()) if upstream.scheme == "https" else None
        try:
            with anyio.fail_after(CONNECT_TIMEOUT):
                link = Link(
                    *await asyncio.open_connection(
                        upstream.host, upstream.port, ssl=tls, limit=heads.MAX_HEAD
                    )
                )
        except ssl.SSLCertVerificationError as exc:
            raise faults.untrusted(upstream, exc.verify_message) from exc
        except ssl.SSLError as exc:
            raise faults.untrusted(upstream, exc.reason or "no TLS there") from exc
        except (OSError, TimeoutError) as exc:
            raise faults.unreachable(upstream, _why(exc)) from exc
        try:
            yield link
        finally:
            link.writer.close()

    async def _connect(self, link: Link, target: str) -> None:
        lines = [f"CONNECT {target} HTTP/1.1".encode(), f"Host: {target}".encode()]
        link.writer.write(b"\r\n".join([*lines, *self._authorization(), b"", b""]))
        try:
            await link.writer.drain()
            status, _ = await heads.read_answer(link.reader)
        except (
            ConnectionError, heads.Malformed, asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
        ) as exc:  # fmt: skip
            raise faults.not_a_proxy(self._upstream) from exc
        if status == 407:
            raise faults.refused_us(self._upstream)
        if status != 200:
            raise faults.no_way(self._upstream, target, f"status {status}")

    @asynccontextmanager
    async def _through_socks(self, target: str) -> AsyncIterator[Link]:
        parts = urlsplit(f"//{target}")
        link = Link(*await self._socks(parts.hostname or "", parts.port or 80, target))
        try:
            yield link
        finally:
            link.writer.close()

    async def _socks(
        self, host: str, port: int, target: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        upstream = self._upstream
        proxy = Proxy(
            ProxyType.SOCKS5,
            upstream.host,
            upstream.port,
            upstream.username or None,
            upstream.password or None,
            rdns=True,
        )
        try:
            with anyio.fail_after(CONNECT_TIMEOUT):
                made: socket.socket = await proxy.connect(host, port)
        except ProxyTimeoutError as exc:
            raise faults.unreachable(upstream, "does not answer in time") from exc
        except ProxyConnectionError as exc:
            raise faults.unreachable(upstream, _why(exc)) from exc
        except ProxyError as exc:
            raise self._socks_fault(exc, target) from exc
        except (OSError, TimeoutError) as exc:
            raise faults.unreachable(upstream, _why(exc)) from exc
        return await asyncio.open_connection(sock=made, limit=heads.MAX_HEAD)

    def _socks_fault(self, exc: ProxyError, target: str) -> faults.ProxyFault:
        if exc.error_code in _SOCKS_REPLIES:
            return faults.no_way(self._upstream, target, _SOCKS_REPLIES[exc.error_code])
        said = str(exc).lower()
        if any(words in said for words in _SOCKS_AUTH):
            return faults.socks_refused_us(self._upstream)
        return faults.not_a_proxy(self._upstream)


def _why(exc: BaseException) -> str:
    if isinstance(exc, TimeoutError):
        return f"does not answer within {CONNECT_TIMEOUT:g} s"
    if isinstance(exc, socket.gaierror) or isinstance(exc.__cause__, socket.gaierror):
        return "has a name that can't be resolved"
    if isinstance(exc, ConnectionRefusedError) or getattr(exc, "errno", None) == 111:
        return "refuses the connection"
    return "can't be reached"
