"""One attempt to send something: where to, in which time, and what came of it."""

import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx
from anyio import fail_after

from agent_browser.clock import Clock
from agent_browser.egress.guarded import Unresolved, client
from agent_browser.egress.outbound import Outbound
from agent_browser.errors import AgentBrowserError

MAX_ANSWER = 16_384
"""Bytes of an answer that are read; what it says is of no interest."""


@dataclass(frozen=True)
class Answer:
    """What came of an attempt."""

    milliseconds: float
    status: int | None = None
    error: str | None = None
    """Why it failed; None where it did not."""
    retry_after: float | None = None
    """Seconds that the address asks to be left alone."""


class Sender:
    """Posts over connections of their own: no redirect is followed, no proxy of the environment
    used, nothing dialled that the policy did not see. An async context manager, entered once.
    """

    def __init__(
        self,
        outbound: Outbound,
        clock: Clock,
        *,
        timeout: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._outbound = outbound
        self._clock = clock
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

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Send it, once. Never raises but when cancelled."""
        began = self._clock.monotonic()
        status: int | None = None
        retry_after: float | None = None
        error: str | None = None
        try:
            with fail_after(self._timeout):
                response = await self._answered(url, body, headers)
            status = response.status_code
            retry_after = _seconds(response.headers.get("retry-after", ""))
            error = None if response.is_success else f"it answered {status}"
        except AgentBrowserError as exc:
            error = exc.detail
        except (TimeoutError, httpx.TimeoutException):
            error = f"no answer within {self._timeout:g} s"
        except httpx.HTTPError as exc:
            error = _why(exc)
        taken = round((self._clock.monotonic() - began) * 1_000, 1)
        return Answer(taken, status, error, retry_after)

    async def _answered(self, url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        if self._client is None:
            raise RuntimeError("the sender is not open")
        self._outbound.check(url)  # before httpx makes something else of it
        sent = {"Content-Type": "application/json", **headers}
        async with self._client.stream("POST", url, content=body, headers=sent) as response:
            read = 0
            async for piece in response.aiter_raw():
                read += len(piece)
                if read > MAX_ANSWER:
                    break
        return response


def _why(exc: Exception) -> str:
    if isinstance(exc, Unresolved):
        return "the host's name has no address"
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            why = getattr(cause, "verify_message", "") or cause.reason or "it failed"
            return f"TLS: {why}"[:200]
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
        cause = cause.__cause__ or cause.__context__
    if isinstance(exc, httpx.ConnectError):
        return "no connection was made"
    return "the answer was broken off, or is not HTTP"


def _seconds(text: str) -> float | None:
    """A Retry-After's value in seconds; None where it is none."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
