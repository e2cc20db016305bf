"""HTTP by the server itself: over httpx, to addresses that the policy allows and no others."""

import ssl

import httpx

from agent_browser import __version__
from agent_browser.egress.outbound import Outbound, addressed, read_target
from agent_browser.errors import InvalidUrl

MOST_ADDRESSES = 4
"""Addresses of a host that are tried."""


class Unresolved(httpx.ConnectError):
    """The host's name leads to no address."""


class Guarded(httpx.AsyncBaseTransport):
    """Dials what the policy allows and nothing else, of each redirect too. EgressDenied."""

    def __init__(self, outbound: Outbound, inner: httpx.AsyncBaseTransport) -> None:
        self._outbound = outbound
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the first address that takes a connection."""
        try:
            target = read_target(str(request.url))
            found = await self._outbound.dial(str(request.url))
        except InvalidUrl as exc:
            raise httpx.UnsupportedProtocol(exc.detail) from exc
        except OSError as exc:
            raise Unresolved("its host's name can't be resolved") from exc
        others = [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
        failure = httpx.ConnectError("its host has no address")
        for address in found[:MOST_ADDRESSES]:
            url, headers, extensions = addressed(target, address)
            # Another request: where a redirect leads is told from the first one's address.
            asked = httpx.Request(
                request.method,
                url,
                headers=[(b"Host", headers["Host"].encode()), *others],
                stream=request.stream,
                extensions={**request.extensions, **extensions},
            )
            try:
                return await self._inner.handle_async_request(asked)
            except httpx.ConnectError as exc:
                failure = exc
        raise failure

    async def aclose(self) -> None:
        """End the connections."""
        await self._inner.aclose()


def guarded(outbound: Outbound, tls: ssl.SSLContext | None = None) -> Guarded:
    """One that makes a connection for each request: a kept one would be known by its address
    alone, whatever host it is for. `tls`: what is trusted, where it is not what the system trusts,
    which takes a while to read.
    """
    inner = httpx.AsyncHTTPTransport(
        verify=tls or ssl.create_default_context(),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        trust_env=False,
    )
    return Guarded(outbound, inner)


def client(
    outbound: Outbound, *, timeout: float, tls: ssl.SSLContext | None = None
) -> httpx.AsyncClient:
    """A client of such a transport that says who it is and follows no redirect. `timeout`: seconds
    of each step.
    """
    named = {"User-Agent": f"agent-browser/{__version__}", "Accept-Encoding": "identity"}
    return httpx.AsyncClient(
        transport=guarded(outbound, tls),
        trust_env=False,
        follow_redirects=False,
        timeout=timeout,
        headers=named,
    )
