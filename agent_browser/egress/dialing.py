"""Connections made: to an address that the policy allows, or through a session's own proxy."""

import asyncio
import base64
import copy
import functools
import socket
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self, cast

import anyio

from agent_browser.egress import faults
from agent_browser.egress.addresses import Address, literals, plain
from agent_browser.egress.faults import DeniedFault, ProxyFault
from agent_browser.egress.heads import MAX_HEAD, Target
from agent_browser.egress.policy import Policy
from agent_browser.egress.resolver import Names, Resolver
from agent_browser.egress.sockets import MOST_ADDRESSES, by_turns, connected, noticed
from agent_browser.egress.upstream import Upstream

if TYPE_CHECKING:
    from python_socks import ProxyError
    from python_socks.async_.asyncio import Proxy

CONNECT_TIMEOUT = 30.0
"""Seconds that a site has to take a connection."""
PROXY_TIMEOUT = 10.0
"""Seconds that a proxy has to take one, and to make one."""
_SOCKS_REPLIES = {
    1: "general failure", 2: "not allowed", 3: "network unreachable", 4: "host unreachable",
    5: "connection refused", 6: "timed out",
}  # fmt: skip
_SOCKS_AUTH = ("authentication failure", "no acceptable auth", "invalid authentication response")

Made = tuple[asyncio.Transport, bytes]
"""A connection, not read from yet, and what came on it already."""


class Dialling:
    """Makes connections. `tls` is how https proxies are trusted; the system's way if None."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        tls: ssl.SSLContext | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        proxy_timeout: float = PROXY_TIMEOUT,
    ) -> None:
        self._names: Names = resolver.names()
        self._resolver = resolver
        self._tls = functools.cache(lambda: tls or ssl.create_default_context())
        self._connect_timeout = connect_timeout
        self._proxy_timeout = proxy_timeout

    def apart(self) -> Self:
        """One for a port alone: its look-ups leave room for those of others."""
        own = copy.copy(self)
        own._names = self._resolver.names()
        return own

    async def direct(self, policy: Policy, target: Target) -> tuple[socket.socket, Address]:
        """A connection to the site itself, at an address that the policy allows, and that address.
        DeniedFault, DirectFault.
        """
        try:
            found = await self._allowed(policy, target.host, target.port)
            with anyio.fail_after(self._connect_timeout):
                return await connected(found, target.port)
        except (OSError, RuntimeError, TimeoutError) as exc:
            raise faults.direct(exc) from exc

    async def to_proxy(self, policy: Policy, upstream: Upstream) -> socket.socket:
        """A connection to a session's proxy, at an address that the server's policy allows.
        DeniedFault, ProxyFault.
        """
        try:
            found = await self._proxys(policy, upstream)
            with anyio.fail_after(self._proxy_timeout):
                made, _ = await connected(found, upstream.port)
        except (OSError, RuntimeError, TimeoutError) as exc:
            raise faults.unreachable(upstream, self._why(exc)) from exc
        return made

    def trust(self) -> ssl.SSLContext:
        """How an https proxy is trusted."""
        return self._tls()

    async def tunnel(self, policy: Policy, upstream: Upstream, target: Target) -> Made:
        """A connection to the target through the proxy. DeniedFault, ProxyFault."""
        if upstream.scheme == "socks5":
            return await self.socks(policy, upstream, target)
        transport, handshake = await self.proxy(policy, upstream)
        try:
            with anyio.fail_after(self._proxy_timeout):
                lines = [f"CONNECT {target.name} HTTP/1.1", f"Host: {target.name}"]
                head = "\r\n".join(lines).encode() + b"\r\n"
                transport.write(b"".join([head, *_lines(authorization(upstream)), b"\r\n"]))
                status, rest = await handshake.answered()
            _check(upstream, target, status)
        except (TimeoutError, ConnectionError, ValueError) as exc:
            transport.abort()
            if isinstance(exc, TimeoutError):
                raise faults.unreachable(upstream, self._why(exc)) from exc
            raise faults.not_a_proxy(upstream) from exc
        except BaseException:
            transport.abort()
            raise
        return transport, rest

    async def proxy(
        self, policy: Policy, upstream: Upstream
    ) -> tuple[asyncio.Transport, "Handshake"]:
        """A connection to an http or https proxy itself. DeniedFault, ProxyFault."""
        made = await self.to_proxy(policy, upstream)
        handshake = Handshake()
        is_tls = upstream.scheme == "https"
        try:
            with anyio.fail_after(self._proxy_timeout):
                transport, _ = await asyncio.get_running_loop().create_connection(
                    lambda: handshake,
                    sock=made,
                    ssl=self.trust() if is_tls else None,
                    server_hostname=upstream.host if is_tls else None,
                )
        except ssl.SSLCertVerificationError as exc:
            made.close()
            raise faults.untrusted(upstream, exc.verify_message) from exc
        except ssl.SSLError as exc:
            made.close()
            raise faults.untrusted(upstream, exc.reason or "no TLS there") from exc
        except (OSError, TimeoutError) as exc:
            made.close()
            raise faults.unreachable(upstream, self._why(exc)) from exc
        except BaseException:
            made.close()
            raise
        return transport, handshake

    async def socks(self, policy: Policy, upstream: Upstream, target: Target) -> Made:
        """A connection to the target through a SOCKS5 proxy. DeniedFault, ProxyFault."""
        made = await self._through_socks(policy, upstream, target)
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(Handshake, sock=made)
        except BaseException:
            made.close()
            raise
        transport.pause_reading()
        return transport, b""

    async def _through_socks(
        self, policy: Policy, upstream: Upstream, target: Target
    ) -> socket.socket:
        from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
        from python_socks.async_.asyncio import Proxy  # 9 MB that most servers never need

        try:
            found = await self._proxys(policy, upstream)
        except OSError as exc:
            raise faults.unreachable(upstream, self._why(exc)) from exc
        # Only an address is given to the library, so that it has nothing to look up.
        proxies = [
            Proxy(
                ProxyType.SOCKS5, str(address), upstream.port, upstream.username or None,
                upstream.password or None, rdns=True,
            )
            for address in by_turns(found)[:MOST_ADDRESSES]
        ]  # fmt: skip
        try:
            with anyio.fail_after(self._proxy_timeout):
                made = await _first(proxies, target)
        except ProxyTimeoutError as exc:
            raise faults.unreachable(upstream, "does not answer in time") from exc
        except ProxyConnectionError as exc:
            raise faults.unreachable(upstream, self._why(exc)) from exc
        except ProxyError as exc:
            raise _socks_fault(upstream, exc, target) from exc
        except (OSError, TimeoutError) as exc:
            raise faults.unreachable(upstream, self._why(exc)) from exc
        except Exception as exc:  # whatever the library makes of what the proxy sent
            raise faults.not_a_proxy(upstream) from exc
        try:
            noticed(made)
        except OSError as exc:
            made.close()
            raise faults.unreachable(upstream, self._why(exc)) from exc
        return made

    async def _proxys(self, policy: Policy, upstream: Upstream) -> Sequence[Address]:
        try:
            host = plain(upstream.host)
        except ValueError as exc:
            raise socket.gaierror(socket.EAI_NONAME, "no name of a host") from exc
        return await self._allowed(policy.servers, host, upstream.port)

    async def _allowed(self, policy: Policy, host: str, port: int) -> Sequence[Address]:
        """The addresses that the host has now and that may be dialled; looked up once."""
        why = policy.refuses_host(host, port)
        if why is not None:
            raise DeniedFault(host, why)
        found = literals(host) or await self._names.addresses(host)
        reach = policy.reaches(host, port, found)
        if reach.reason is not None:
            raise DeniedFault(host, reach.reason)
        return reach.addresses

    def _why(self, exc: BaseException) -> str:
        if isinstance(exc, TimeoutError) and not exc.errno:
            return f"does not answer within {self._proxy_timeout:g} s"
        if isinstance(exc, socket.gaierror) or isinstance(exc.__cause__, socket.gaierror):
            return "has a name that can't be resolved"
        if isinstance(exc, ConnectionRefusedError) or getattr(exc, "errno", None) == 111:
            return "refuses the connection"
        return "can't be reached"


class Handshake(asyncio.Protocol):
    """A connection until it is given to its end: the answer to a CONNECT is read here."""

    def __init__(self) -> None:
        self._data = b""
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._is_over = False

    async def answered(self) -> tuple[int, bytes]:
        """The status, and what came after the head; reading is paused then. ConnectionError where
        it ends before, ValueError for what is no answer.
        """
        self._answer = asyncio.get_running_loop().create_future()
        self._look()
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        self._look()

    def eof_received(self) -> None:
        self._is_over = True
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self._look()

    def _look(self) -> None:
        answer, transport = self._answer, self._transport
        if answer is None or answer.done() or transport is None:
            return
        data = self._data
        head, end, rest = data.partition(b"\r\n\r\n")
        words = head.split(b"\r\n", 1)[0].split(b" ", 2)
        is_http = data[:5] == b"HTTP/"[: len(data)]
        if not is_http or len(data) > MAX_HEAD:
            answer.set_exception(ValueError("no HTTP answer"))
        elif end and len(words) > 1 and words[1].isdigit():
            transport.pause_reading()
            answer.set_result((int(words[1]), rest))
        elif end:
            answer.set_exception(ValueError("no HTTP answer"))
        elif self._is_over:
            answer.set_exception(ConnectionResetError("it ended before it answered"))


def authorization(upstream: Upstream) -> tuple[bytes, ...]:
    """The header that a proxy wants which was given with a name or a password."""
    if not upstream.wants_credentials:
        return ()
    pair = f"{upstream.username}:{upstream.password or ''}"
    return (b"Proxy-Authorization: Basic " + base64.b64encode(pair.encode()),)


def _lines(headers: tuple[bytes, ...]) -> list[bytes]:
    return [header + b"\r\n" for header in headers]


def _check(upstream: Upstream, target: Target, status: int) -> None:
    if status == 407:
        raise faults.refused_us(upstream)
    if status != 200:
        raise faults.no_way(upstream, target.name, f"status {status}")


async def _first(proxies: "Sequence[Proxy]", target: Target) -> socket.socket:
    """The target through the first of a proxy's addresses that takes a connection."""
    from python_socks import ProxyConnectionError

    *others, last = proxies
    for proxy in others:
        try:
            return await proxy.connect(target.host, target.port)
        except ProxyConnectionError:
            continue
    return await last.connect(target.host, target.port)


def _socks_fault(upstream: Upstream, exc: "ProxyError", target: Target) -> ProxyFault:
    if exc.error_code in _SOCKS_REPLIES:
        return faults.no_way(upstream, target.name, _SOCKS_REPLIES[exc.error_code])
    said = str(exc).lower()
    if any(words in said for words in _SOCKS_AUTH):
        return faults.socks_refused_us(upstream)
    return faults.not_a_proxy(upstream)
