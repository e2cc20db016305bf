"""What both clients tell httpx, and what httpx's failures mean here."""

import json
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from agent_browser import __version__
from agent_browser.client.address import DEFAULT_URL, Address, parse
from agent_browser.client.answers import Answer
from agent_browser.client.errors import AnswerLost, ServerUnreachable

CONNECT = 5.0
"""Seconds for a connection to be there."""


def address_of(url: str | None) -> Address:
    """The address given, else that of the environment, else the default. InvalidUrl."""
    return parse(url or os.environ.get("AGENT_BROWSER_URL") or DEFAULT_URL)


def headers(api_key: str | None) -> dict[str, str]:
    """Headers of every request. The key is the one given, else the environment's, else none."""
    key = api_key or os.environ.get("AGENT_BROWSER_API_KEY")
    sent = {"Accept": "application/json", "User-Agent": f"agent-browser/{__version__}"}
    return sent | {"Authorization": f"Bearer {key}"} if key else sent


def trusts_environment(address: Address) -> bool:
    """Whether proxy variables count: never for this machine's own addresses."""
    return not address.is_loopback


def verify(address: Address) -> ssl.SSLContext | bool:
    """Certificates are always checked. Plain http needs none, and loading them takes time, so it
    gets a context that trusts nobody.
    """
    return True if address.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def timeout(patience: float, longest: float | None) -> httpx.Timeout:
    """httpx's limits for a request that may take `patience` seconds; `longest` bounds it."""
    wait = patience if longest is None else min(patience, longest)
    return httpx.Timeout(wait, connect=min(CONNECT, wait), pool=None)


def content(body: Mapping[str, Any] | None) -> bytes | None:
    """A body's JSON. Half a surrogate pair, which pages may store and UTF-8 can't hold, makes all
    of it ASCII with escapes.
    """
    if body is None:
        return None
    separators = (",", ":")
    try:
        return json.dumps(body, ensure_ascii=False, separators=separators, allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(body, separators=separators, allow_nan=False).encode()


def with_type(headers: Mapping[str, str], body: Mapping[str, Any] | None) -> Mapping[str, str]:
    """A request's headers, and of what kind its body is, if it has one."""
    return headers if body is None else {**headers, "Content-Type": "application/json"}


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Raise the client's errors for httpx's."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
        raise ServerUnreachable(address.url, _reason(exc)) from exc
    except httpx.TransportError as exc:
        raise AnswerLost(address.url, _reason(exc)) from exc


def _reason(exc: httpx.TransportError) -> str:
    """The system's own word for it, where there is one below httpx's."""
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        if isinstance(cause, OSError) and (cause.errno or 0) > 0:
            return os.strerror(cause.errno or 0).lower()
        cause = cause.__cause__ or cause.__context__
    if isinstance(exc, httpx.TimeoutException):
        return "timed out"
    return str(exc) or type(exc).__name__


def answer_of(response: httpx.Response) -> Answer:
    """What came back, once its body was read."""
    kind = response.headers.get("content-type", "")
    return Answer(response.status_code, kind, response.content)
