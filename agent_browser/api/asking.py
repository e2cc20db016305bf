"""Short questions to addresses of the operator's: one request, one small answer. Through the egress
policy; no redirect is followed, and no proxy of the environment used.
"""

import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import anyio
import httpx

from agent_browser import __version__
from agent_browser.egress.addresses import Address
from agent_browser.egress.outbound import Outbound, Target, addressed
from agent_browser.errors import AgentBrowserError

MAX_ANSWER = 262_144
"""Bytes of an answer; a longer one is none."""
MOST_ADDRESSES = 4
"""Addresses of a host that are tried."""


class Unanswered(Exception):
    """There was no answer that can be used; the text says why, for the log."""


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    body: bytes = field(repr=False)


class Asker:
    """An async context manager, entered once."""

    def __init__(
        self, outbound: Outbound, *, timeout: float, tls: ssl.SSLContext | None = None
    ) -> None:
        self._outbound = outbound
        self._timeout = timeout
        self._tls = tls
        self._client: httpx.AsyncClient | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        client = httpx.AsyncClient(
            verify=self._tls or ssl.create_default_context(),
            trust_env=False,
            follow_redirects=False,
            timeout=self._timeout,
            # A kept connection would be known by its address alone, whatever host it is for.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            headers={"User-Agent": f"agent-browser/{__version__}", "Accept-Encoding": "identity"},
        )
        self._client = await self._stack.enter_async_context(client)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def ask(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Said:
        """What is answered, whatever its status. Unanswered where nothing comes in time."""
        try:
            with anyio.fail_after(self._timeout):
                target = self._outbound.check(url)
                found = await self._outbound.dial(url)
                return await self._first(method, target, found, body, headers or {})
        except AgentBrowserError as exc:
            raise Unanswered(exc.detail) from exc
        except (TimeoutError, httpx.TimeoutException) as exc:
            raise Unanswered(f"no answer within {self._timeout:g} s") from exc
        except (httpx.HTTPError, OSError) as exc:
            raise Unanswered(f"{type(exc).__name__}: no answer") from exc

    async def _first(
        self,
        method: str,
        target: Target,
        found: list[Address],
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Said:
        *others, last = found[:MOST_ADDRESSES]
        for address in others:
            try:
                return await self._once(method, target, address, body, headers)
            except httpx.ConnectError:
                continue
        return await self._once(method, target, last, body, headers)

    async def _once(
        self,
        method: str,
        target: Target,
        address: Address,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Said:
        if self._client is None:
            raise RuntimeError("the asker is not open")
        url, host, extensions = addressed(target, address)
        sent = {"Accept": "application/json", **headers, **host}
        async with self._client.stream(
            method, url, content=body, headers=sent, extensions=extensions
        ) as response:
            read = bytearray()
            async for piece in response.aiter_raw():
                read += piece
                if len(read) > MAX_ANSWER:
                    raise Unanswered(f"the answer is over {MAX_ANSWER} bytes")
            return Said(response.status_code, bytes(read))
