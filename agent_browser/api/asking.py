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

from agent_browser.egress.guarded import client
from agent_browser.egress.outbound import Outbound
from agent_browser.errors import AgentBrowserError

MAX_ANSWER = 262_144
"""Bytes of an answer; a longer one is none."""


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
        made = client(self._outbound, timeout=self._timeout, tls=self._tls)
        self._client = await self._stack.enter_async_context(made)
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
                return await self._answered(method, url, body, headers or {})
        except AgentBrowserError as exc:
            raise Unanswered(exc.detail) from exc
        except (TimeoutError, httpx.TimeoutException) as exc:
            raise Unanswered(f"no answer within {self._timeout:g} s") from exc
        except httpx.HTTPError as exc:
            raise Unanswered(f"{type(exc).__name__}: no answer") from exc

    async def _answered(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Said:
        if self._client is None:
            raise RuntimeError("the asker is not open")
        self._outbound.check(url)  # before httpx makes something else of it
        sent = {"Accept": "application/json", **headers}
        async with self._client.stream(method, url, content=body, headers=sent) as response:
            read = bytearray()
            async for piece in response.aiter_raw():
                read += piece
                if len(read) > MAX_ANSWER:
                    raise Unanswered(f"the answer is over {MAX_ANSWER} bytes")
            return Said(response.status_code, bytes(read))
